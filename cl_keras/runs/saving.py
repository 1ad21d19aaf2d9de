# SPDX-License-Identifier: Apache-2.0
"""What a training leaves behind when it has ended."""

from __future__ import annotations

from typing import Any

import keras

from cl_keras import files
from cl_keras.artifact import ENCODER_FILE, PROJECTOR_FILE
from cl_keras.rebuilding import in_float32
from cl_keras.runs.run_files import side_folder
from cl_keras.runs.stages import Stages
from cl_keras.runs.training import Training


def save_trained(training: Training, model: Any, stages: Stages) -> keras.Model:
    """Saves encoder and projector; gives the encoder as a single device has it.

    They compute in float32, whatever the training did: every processor can, and
    features that are compared need the digits.
    """
    run, team = training.run, training.team
    models = {run / ENCODER_FILE: model.encoder}
    for name, one in getattr(model, "encoders", {}).items():
        models[side_folder(run, name) / ENCODER_FILE] = one
    if (projector := getattr(model, "projector", None)) is not None:
        models[run / PROJECTOR_FILE] = projector
    for path, one in models.items():
        # Those of a shorter training stay until the new ones are whole.
        with files.replacing(path) as draft:
            in_float32(one).save(draft)
    if team.cluster:
        stages.say(
            "the other workers end here; should TensorFlow report them as lost "
            "from now on, that is no error"
        )
    if team.strategy:
        # All that follows is a single device's.
        return keras.saving.load_model(run / ENCODER_FILE, compile=False)
    return in_float32(model.encoder)
