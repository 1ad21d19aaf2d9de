# SPDX-License-Identifier: Apache-2.0
"""Encoders in LiteRT, ONNX Runtime and OpenVINO: are the features the same, how fast?

    python benchmarks/runtimes.py

`difference` is the largest to the Keras encoder's features, over batches of 1 and 8
and, of sequences, two lengths, as a share of the largest feature; `ms` the median time
of one row through the runtime's Python interface (images 32x32, 20,480 samples, 256
vectors), beside `keras_ms` of `encoder.predict_on_batch`. Encoders have random weights
and random statistics of their normalisations. A runtime that cannot do it says why.
Prints a table and one JSON line.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from cl_keras import encoders, export
from cl_keras.export import probes
from cl_keras.export.runtimes import litert, onnx, openvino

IMAGE = (32, 32, 3)
ENCODERS: dict[str, Callable[[], keras.Model]] = {
    "compact_resnet": lambda: encoders.compact_resnet(IMAGE),
    "resnet18 small": lambda: encoders.resnet18(IMAGE, stem="small"),
    "resnet50": lambda: encoders.resnet50(IMAGE),
    "dim_conv": lambda: encoders.dim_conv(IMAGE),
    "patch_grid": lambda: encoders.patch_grid((64, 64, 3)),
    "audio_conv (GRU)": lambda: encoders.audio_conv(),
    "audio_conv (LSTM)": lambda: encoders.audio_conv(recurrence="lstm"),
    "vector_sequence": lambda: encoders.vector_sequence((None, 6)),
}
RUNTIMES = {
    "LiteRT": lambda e, at: litert.runner(export.litert(e, at / "e.tflite")),
    "ONNX Runtime": lambda e, at: onnx.runner(export.onnx(e, at / "e.onnx")),
    "OpenVINO": lambda e, at: openvino.runner(export.saved_model(e, at)),
    "OpenVINO, ONNX file": lambda e, at: openvino.runner(export.onnx(e, at / "e.onnx")),
}
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "tf2onnx", "onnx", "onnxruntime")


def main() -> None:
    keras.utils.set_random_seed(0)
    rows = []
    for name, make in ENCODERS.items():
        encoder = settled(make())
        shape = probes.closed(encoder.input_shape[1:])
        inputs = [probes.floats(rows, shape) for rows in (1, 8)]
        if None in encoder.input_shape[1:]:
            inputs.append(inputs[1][:, : shape[0] // 2])
        wanted = [np.asarray(encoder(x, training=False)) for x in inputs]
        keras_ms = milliseconds(encoder.predict_on_batch, inputs[0])
        for runtime, make_runner in RUNTIMES.items():
            row = {"encoder": name, "runtime": runtime, "keras_ms": keras_ms}
            with tempfile.TemporaryDirectory() as scratch:
                try:
                    run = make_runner(encoder, Path(scratch))
                except (ValueError, RuntimeError) as error:
                    lines = str(error).strip().splitlines()
                    # OpenVINO lists what it lacks after dashes.
                    reason = next((x for x in lines if x.startswith("--")), lines[0])
                    row["error"] = reason[:200]
                else:
                    pairs = zip(inputs, wanted, strict=True)
                    gaps = [
                        np.abs(run(x) - y).max() / np.abs(y).max() for x, y in pairs
                    ]
                    row["difference"] = float(f"{max(gaps):.1e}")
                    row["ms"] = milliseconds(run, inputs[0])
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    versions = {x: importlib.metadata.version(x) for x in (*PACKAGES, "openvino")}
    print(json.dumps({"versions": versions, "rows": rows}))


def settled(encoder: keras.Model) -> keras.Model:
    """Statistics and gains that inference must use, other than the initial ones."""
    rng = np.random.default_rng(0)
    normalisations = keras.layers.BatchNormalization, keras.layers.LayerNormalization
    for layer in encoder.layers:
        if isinstance(layer, normalisations):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    return encoder


def milliseconds(run: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> float:
    seconds = []
    for _ in range(23):
        start = time.perf_counter()
        run(x)
        seconds.append(time.perf_counter() - start)
    return round(1000 * statistics.median(seconds[3:]), 2)


if __name__ == "__main__":
    main()
