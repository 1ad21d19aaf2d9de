# SPDX-License-Identifier: Apache-2.0
"""Weights of half the digits, for files of half the size."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cl_keras.artifact import ENCODER_FILE, PROJECTOR_FILE
from cl_keras.export.provenance import written_options
from cl_keras.runs.checked_export import checked_export
from cl_keras.runs.known_facts import run_facts
from cl_keras.runs.run_files import SERVING_FOLDER
from cl_keras.zoo.loading import load_encoder


def round_run(run: Path, saved_model: Path) -> tuple[Path, Path]:
    """Writes encoder and projector of a run with rounded weights.

    Weights stay float32, of which half the bits are zeros: an archive of them, such as
    a wheel, is half as large. They move by at most 0.4 %, features about as much. Gives
    both forms of the encoder.
    """
    folder = run / "rounded"
    folder.mkdir(exist_ok=True)
    encoder = _save_rounded(run / ENCODER_FILE, folder)
    if (run / PROJECTOR_FILE).is_file():
        _save_rounded(run / PROJECTOR_FILE, folder)
    facts = {name: run_facts(saved_model).get(name) for name in ("method", "data")}
    served = checked_export(
        encoder,
        folder / SERVING_FOLDER,
        name=str(run),
        metadata=facts,
        **written_options(saved_model),
    )
    return folder / ENCODER_FILE, served


def _save_rounded(file: Path, folder: Path) -> keras.Model:
    model = load_encoder(file)
    round_weights(model)
    model.save(folder / file.name)
    return model


def round_weights(model: keras.Model) -> None:
    """Rounds a model's weights in place."""
    model.set_weights([_rounded(weight) for weight in model.get_weights()])


def _rounded(weight: np.ndarray) -> np.ndarray:
    """The nearest bfloat16, as float32; other types as they are."""
    if weight.dtype != np.float32:
        return weight
    return weight.astype(tf.bfloat16.as_numpy_dtype).astype(np.float32)
