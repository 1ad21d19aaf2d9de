# SPDX-License-Identifier: Apache-2.0
"""The library's own encoders in each runtime."""

from __future__ import annotations

import numpy as np
import pytest
from runtime_files import PACKAGES, inputs, need, settle

from cl_keras import encoders, export
from cl_keras.export.runtimes import litert, onnx, openvino

# With `--long`, those that docs/guides/runtimes.md has numbers of.
IMAGE = (32, 32, 3)
ENCODERS = {
    "compact_resnet": lambda: encoders.compact_resnet(IMAGE),
    "resnet18": lambda: encoders.resnet18(IMAGE, stem="small"),
    "audio_conv": lambda: encoders.audio_conv(),
    "audio_conv_lstm": lambda: encoders.audio_conv(recurrence="lstm"),
    "vectors": lambda: encoders.vector_sequence((None, 6)),
}
LONG_ENCODERS = {
    "resnet50": lambda: encoders.resnet50(IMAGE),
    "dim_conv": lambda: encoders.dim_conv(IMAGE),
    "patch_grid": lambda: encoders.patch_grid((64, 64, 3)),
}
# In its own runtime each: OpenVINO lacks an operation.
NOT_READ = {
    ("patch_grid", "OpenVINO"),
    ("audio_conv", "OpenVINO, ONNX file"),
    ("vectors", "OpenVINO, ONNX file"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [*ENCODERS, *(pytest.param(x, marks=pytest.mark.long) for x in LONG_ENCODERS)],
)
def test_the_librarys_own_encoders(name, tmp_path, long):
    for runtime in PACKAGES:
        need(runtime)
    encoder = settle((ENCODERS | LONG_ENCODERS)[name]())
    onnx_file = export.onnx(encoder, tmp_path / "e.onnx")
    makers = {
        "LiteRT": lambda: litert.runner(export.litert(encoder, tmp_path / "e.tflite")),
        "ONNX Runtime": lambda: onnx.runner(onnx_file),
        "OpenVINO": lambda: openvino.runner(export.saved_model(encoder, tmp_path)),
    }
    if long:
        makers["OpenVINO, ONNX file"] = lambda: openvino.runner(onnx_file)
    for runtime, make in makers.items():
        if (name, runtime) in NOT_READ:
            with pytest.raises((ValueError, RuntimeError)):
                make()
            continue
        run, differences = make(), []
        for x in (inputs(encoder, 1, 4000), inputs(encoder, 8, 1234)):
            wanted = np.asarray(encoder(x, training=False))
            differences.append(np.abs(run(x) - wanted).max() / np.abs(wanted).max())
        print(f"{name}, {runtime}: {max(differences):.1e}")
        assert max(differences) <= 1e-5
