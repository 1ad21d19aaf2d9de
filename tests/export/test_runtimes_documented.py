# SPDX-License-Identifier: Apache-2.0
"""What docs/guides/runtimes.md shows, run as it stands there."""

import re
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, export

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "runtimes.md"


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(0)
    return encoders.compact_resnet((32, 32, 3), width=16, blocks=1)


@pytest.fixture(scope="module")
def exported(encoder, tmp_path_factory):
    """The files that the page names, by its own commands."""
    folder = tmp_path_factory.mktemp("documented")
    export.saved_model(encoder, folder / "serving" / "photos")
    return folder


def program(*words):
    """The page's one program with these words."""
    blocks = re.findall(r"^( *)```python\n(.*?)^\1```", PAGE.read_text(), re.M | re.S)
    (found,) = [code for _, code in blocks if all(word in code for word in words)]
    return textwrap.dedent(found)


def close(got, wanted, tolerance=1e-5):
    assert got.dtype == np.float32 and got.shape == wanted.shape
    largest = np.abs(wanted).max(initial=0)
    assert np.abs(got - wanted).max(initial=0) <= tolerance * max(largest, 1e-9)


def batches():
    """What a first call may be, and later ones: 8 rows, 1 and none."""
    rows = np.random.default_rng(0).random((8, 32, 32, 3), np.float32)
    return [rows, rows, rows[:1], rows[:0], rows]


def wanted(encoder, rows):
    none = np.zeros((0, encoder.output_shape[-1]), np.float32)
    return np.asarray(encoder(rows, training=False)) if len(rows) else none


@pytest.mark.parametrize("first", [0, 2, 3], ids=["8 rows", "1 row", "no rows"])
def test_openvinos_first_answer_is_right(encoder, exported, monkeypatch, first):
    pytest.importorskip("openvino")
    monkeypatch.chdir(exported)
    names = {"batch": batches()[first]}
    exec(program("openvino.compile_model"), names)
    close(names["features"], wanted(encoder, names["batch"]))
    for rows in batches():
        close(names["model"]([rows])["embedding"], wanted(encoder, rows))


def test_litert_and_onnx_runtime(encoder, exported, monkeypatch):
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("tf2onnx")
    monkeypatch.chdir(exported)
    names = {"encoder": encoder}
    exec(program("export.litert(encoder"), names)
    for runtime in ("ai_edge_litert", "onnxruntime"):
        for rows in (batches()[0], batches()[2]):
            names = {"batch": rows}
            exec(program(f"{runtime}", "features"), names)
            close(names["features"], wanted(encoder, rows))


def test_the_8_bit_recipe(encoder, exported, monkeypatch):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    monkeypatch.chdir(exported)
    names = {"tf": tf}
    exec(program("tf.lite.Optimize.DEFAULT"), names)
    for rows in batches():
        run = interpreter(model_content=names["content"]).get_signature_runner(
            "serving_default"
        )
        close(run(images=rows)["embedding"], wanted(encoder, rows), tolerance=0.03)
    assert len(names["content"]) < 0.5 * encoder.count_params() * 4


def test_no_rows_of_sequences(tmp_path):
    """oneDNN's convolution of no rows has a wrong shape, also along time."""
    layers = keras.layers
    for length in (20, None):
        encoder = keras.Sequential(
            [
                keras.Input((length, 6)),
                layers.Conv1D(8, 3),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling1D(),
            ]
        )
        folder = export.saved_model(encoder, tmp_path, bytes_input=False)
        run = tf.saved_model.load(str(folder)).signatures["serving_default"]
        for count in (0, 1, 3):
            rows = np.ones((count, 20, 6), np.float32)
            got = run(inputs=tf.constant(rows))["embedding"].numpy()
            close(got, np.asarray(encoder(rows)) if count else got[:0])
            assert got.shape == (count, 8)
