# SPDX-License-Identifier: Apache-2.0
"""Files for other runtimes, each run by that runtime as its own users run it."""

from __future__ import annotations

import hashlib
import json
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from runtime_files import inputs, layers, need, settle

from cl_keras import encoders, export
from cl_keras.export.runtimes import litert, onnx, openvino

WRITERS = {"litert": (export.litert, ".tflite"), "onnx": (export.onnx, ".onnx")}
RUNNERS = {"litert": litert.runner, "onnx": onnx.runner}


def image_encoder():
    return settle(
        keras.Sequential(
            [
                keras.Input((8, 9, 3)),
                layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
                layers.BatchNormalization(),
                layers.Dropout(0.5),
                layers.GlobalAveragePooling2D(),
                layers.Dense(5),
            ]
        )
    )


def audio_encoder(**options):
    tiny = {"channels": 8, "context": 6, "kernels": (10, 8, 4), "strides": (10, 8, 2)}
    return settle(encoders.audio_conv(**{**tiny, **options}))


MADE = {"image": image_encoder, "audio": audio_encoder}


@pytest.fixture(scope="module")
def made():
    keras.utils.set_random_seed(0)
    return {name: make() for name, make in MADE.items()}


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    """Each encoder in each runtime's file, exported when it is first asked for."""
    folder, files = tmp_path_factory.mktemp("runtimes"), {}

    def write(kind, runtime):
        need(runtime)
        function, suffix = WRITERS[runtime]
        if (kind, runtime) not in files:
            path = folder / f"{kind}{suffix}"
            assert function(made[kind], path, metadata={"seed": 3}) == path
            files[kind, runtime] = path
        return files[kind, runtime]

    return write


def run_litert(path, x):
    """As LiteRT's own documentation does it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    ((name, signature),) = interpreter.get_signature_list().items()
    assert (name, signature["outputs"]) == ("serving_default", ["embedding"])
    run = interpreter.get_signature_runner(name)
    return run(**{signature["inputs"][0]: x})["embedding"]


def run_onnx(path, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,), (found,) = session.get_inputs(), session.get_outputs()
    assert found.name == "embedding"
    return session.run(["embedding"], {given.name: x})[0]


RUN = {"litert": run_litert, "onnx": run_onnx}


def same(got, wanted):
    wanted = np.asarray(wanted)
    assert got.dtype == np.float32 and got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("runtime", WRITERS)
@pytest.mark.parametrize("rows", [1, 7])
def test_images_get_the_encoders_features(made, written, runtime, rows):
    path, encoder = written("image", runtime), made["image"]
    x = inputs(encoder, rows)
    same(RUN[runtime](path, x), encoder(x, training=False))


@pytest.mark.slow
@pytest.mark.parametrize(("runtime", "rows"), [("litert", 1), ("onnx", 1), ("onnx", 7)])
@pytest.mark.parametrize("length", [320, 321, 700, 9001])
def test_waveforms_of_any_length(made, written, runtime, rows, length):
    path, encoder = written("audio", runtime), made["audio"]
    x = inputs(encoder, rows, length)
    same(RUN[runtime](path, x), encoder(x, training=False))


@pytest.mark.parametrize("runtime", WRITERS)
@pytest.mark.parametrize("kind", MADE)
def test_the_runner_takes_any_number_of_rows(made, written, runtime, kind):
    run, encoder = RUNNERS[runtime](written(kind, runtime)), made[kind]
    for rows in (5, 1, 0, 2):
        x = inputs(encoder, rows)
        none = np.empty((0, encoder.output_shape[-1]))
        same(run(x), encoder(x, training=False) if rows else none)


@pytest.mark.slow
def test_a_recurrent_litert_file_takes_as_many_rows_as_it_was_made_for(made, tmp_path):
    need("litert")
    path = export.litert(made["audio"], tmp_path / "a.tflite", batch_size=4)
    x = inputs(made["audio"], 6)
    wanted = made["audio"](x, training=False)
    same(run_litert(path, x[:4]), wanted[:4])
    same(litert.runner(path)(x), wanted)


def test_litert_needs_no_operations_of_tensorflow(written):
    for kind in MADE:
        assert b"Flex" not in written(kind, "litert").read_bytes()


def test_onnx_names_its_open_sides(written):
    need("onnx")
    import onnx as library

    for kind, name, sides in (
        ("image", "images", ["batch", 8, 9, 3]),
        ("audio", "inputs", ["batch", "time"]),
    ):
        (given,) = library.load(written(kind, "onnx")).graph.input
        found = [
            side.dim_param or side.dim_value
            for side in given.type.tensor_type.shape.dim
        ]
        assert (given.name, found) == (name, sides)


@pytest.mark.parametrize("runtime", WRITERS)
def test_a_description_lies_beside_the_file(written, runtime):
    path = written("image", runtime)
    facts = json.loads(path.with_name(f"{path.name}.json").read_text())
    content = path.read_bytes()
    assert facts["file"] == {
        "path": path.name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert facts["inputs"]["images"]["shape"] == [None, 8, 9, 3]
    assert facts["outputs"]["embedding"]["shape"] == [None, 5]
    assert facts["metadata"] == {"seed": 3}
    assert 0 <= facts["largest_difference"] < 1e-5
    assert facts["library_versions"]["keras"] == keras.__version__
    assert not list(path.parent.glob(".*"))


@pytest.mark.parametrize("runtime", WRITERS)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_encoders_compute_in_float32(tmp_path, runtime, policy):
    need(runtime)
    keras.mixed_precision.set_global_policy(policy)
    encoder = image_encoder()
    keras.mixed_precision.set_global_policy("float32")
    plain = image_encoder()
    plain.set_weights(encoder.get_weights())
    function, suffix = WRITERS[runtime]
    path = function(encoder, tmp_path / f"half{suffix}")
    x = inputs(encoder, 3)
    same(RUN[runtime](path, x), plain(x, training=False))
    assert encoder.layers[0].compute_dtype != "float32"  # It is left as it was.


@keras.saving.register_keras_serializable("tests")
class Erf(layers.Layer):
    """What neither converter knows."""

    def call(self, x):
        return tf.math.igamma(tf.abs(x) + 1.0, tf.abs(x))


@keras.saving.register_keras_serializable("tests")
class Unsteady(layers.Layer):
    """Something else in a graph than called directly."""

    def call(self, x):
        return x + (0.0 if tf.executing_eagerly() else 0.01)


@pytest.mark.parametrize("runtime", WRITERS)
@pytest.mark.parametrize(
    ("layer", "message"), [(Erf, "cannot run"), (Unsteady, "other features")]
)
def test_what_a_runtime_cannot_do_is_said_and_not_written(
    tmp_path, runtime, layer, message
):
    need(runtime)
    function, suffix = WRITERS[runtime]
    path = tmp_path / f"encoder{suffix}"
    path.write_text("the last good one")
    encoder = keras.Sequential([keras.Input((6,)), layers.Dense(3), layer()])
    with pytest.raises(ValueError, match=message):
        function(encoder, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "the last good one"


def test_a_description_that_cannot_be_written_leaves_nothing(tmp_path):
    need("onnx")
    encoder = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    # Valid JSON that no UTF-8 file can hold.
    with pytest.raises(UnicodeEncodeError):
        export.onnx(encoder, tmp_path / "e.onnx", metadata={"note": "\ud800"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("runtime", WRITERS)
def test_wrong_arguments_are_refused_before_any_work(made, tmp_path, runtime):
    need(runtime)
    function, suffix = WRITERS[runtime]
    with pytest.raises(ValueError, match=rf"ends in \{suffix}"):
        function(made["image"], tmp_path / "encoder.bin")
    with pytest.raises(ValueError, match="graph encoder"):
        function(encoders.gcn((4,), units=[2]), tmp_path / f"e{suffix}")
    with pytest.raises(TypeError, match="keras.Model"):
        function(lambda x: x, tmp_path / f"e{suffix}")
    with pytest.raises(TypeError, match="JSON"):
        function(made["image"], tmp_path / f"e{suffix}", metadata={"a": object()})
    assert not list(tmp_path.iterdir())


def test_a_litert_call_has_at_least_one_row(made, tmp_path):
    need("litert")
    with pytest.raises(ValueError, match="batch_size"):
        export.litert(made["image"], tmp_path / "e.tflite", batch_size=0)


@pytest.mark.parametrize(
    ("call", "extra", "package"),
    [
        (lambda e: export.litert(e, "e.tflite"), "litert", "ai_edge_litert"),
        (lambda e: litert.runner("e.tflite"), "litert", "ai_edge_litert"),
        (lambda e: export.onnx(e, "e.onnx"), "onnx", "tf2onnx"),
        (lambda e: export.onnx(e, "e.onnx"), "onnx", "onnxruntime"),
        (lambda e: onnx.runner("e.onnx"), "onnx", "onnxruntime"),
        (lambda e: openvino.runner("e"), "openvino", "openvino"),
    ],
)
def test_a_missing_package_is_named_with_its_pip_line(
    made, monkeypatch, call, extra, package
):
    need(extra)
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'pip install "cl-keras\[{extra}\]"'):
        call(made["image"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", MADE)
def test_openvino_reads_the_saved_model(made, tmp_path, kind):
    need("openvino")
    import openvino as library

    encoder = made[kind]
    folder = export.saved_model(encoder, tmp_path)
    compiled = library.compile_model(
        str(folder), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    run = openvino.runner(folder)
    for rows, length in ((1, 320), (7, 700)):
        x = inputs(encoder, rows, length)
        same(compiled([x])["embedding"], encoder(x, training=False))
        same(run(x), encoder(x, training=False))
    assert run(inputs(encoder, 0)).shape == (0, encoder.output_shape[-1])


def test_openvino_reads_an_onnx_file(made, written):
    need("openvino")
    x = inputs(made["image"], 3)
    run = openvino.runner(written("image", "onnx"))
    same(run(x), made["image"](x, training=False))
