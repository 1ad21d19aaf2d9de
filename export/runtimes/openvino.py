# SPDX-License-Identifier: Apache-2.0
"""OpenVINO, which reads an exported SavedModel as it is."""

from __future__ import annotations

import os

import numpy as np

from cl_keras import extras
from cl_keras.artifact import OUTPUT
from cl_keras.export.runtimes.model_file import Runner


def runner(folder: str | os.PathLike[str], device: str = "CPU") -> Runner:
    """Opens the default signature of a SavedModel in OpenVINO.

    Computes in float32, as the encoder does; on processors with half-precision units
    OpenVINO would else round to those.
    """
    openvino = extras.require("openvino", extra="openvino")
    core = openvino.Core()
    model = core.read_model(os.fspath(folder))
    compiled = core.compile_model(model, device, {"INFERENCE_PRECISION_HINT": "f32"})

    def run(x: np.ndarray) -> np.ndarray:
        return compiled([np.asarray(x, np.float32)])[OUTPUT]

    return run
