# SPDX-License-Identifier: Apache-2.0
"""What exported graphs are made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from cl_keras import encoders, export
from cl_keras.export.conformance.allowed_operations import ALLOWED
from cl_keras.export.conformance.operations import (
    PYTHON,
    RANDOM,
    operation_rows,
    reachable,
)

layers = keras.layers
IMAGE = (32, 32, 3)


def of_layers(*middle):
    return keras.Sequential(
        [keras.Input(IMAGE), *middle, layers.GlobalAveragePooling2D(), layers.Dense(4)]
    )


def of_attention():
    inputs = keras.Input((16, 16, 3))
    x = layers.Reshape((16, 48))(inputs)
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def of_half_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    return encoders.compact_resnet(input_shape=IMAGE, width=4, blocks=1)


ENCODERS = {
    "small": lambda: of_layers(layers.Conv2D(4, 3), layers.BatchNormalization()),
    "grey": lambda: encoders.compact_resnet(input_shape=(28, 28, 1), width=4, blocks=1),
    "compact_resnet": lambda: encoders.compact_resnet(
        input_shape=IMAGE, width=4, blocks=1
    ),
    "dim_conv": lambda: encoders.dim_conv(input_shape=IMAGE),
    "half precision": of_half_precision,
    "attention": of_attention,
    "layers": lambda: of_layers(
        layers.Rescaling(2.0, -1),
        layers.Normalization(mean=[0.5] * 3, variance=[0.1] * 3),
        layers.Conv2D(8, 3, activation="gelu"),
        layers.GroupNormalization(2),
        layers.SeparableConv2D(8, 3, activation="swish"),
        layers.LayerNormalization(),
        layers.LeakyReLU(),
        layers.PReLU(),
        layers.Activation("elu"),
        layers.Activation("softplus"),
        layers.Activation("hard_sigmoid"),
        layers.MaxPooling2D(),
        layers.AveragePooling2D(2),
        layers.Conv2DTranspose(8, 3),
        layers.UpSampling2D(),
        layers.ZeroPadding2D(),
        layers.Cropping2D(),
        layers.SpatialDropout2D(0.1),
        layers.UnitNormalization(),
        layers.DepthwiseConv2D(3),
    ),
    "audio": lambda: encoders.audio_conv(channels=4, context=6),
    "audio, LSTM": lambda: encoders.audio_conv(
        (2000,), channels=4, context=6, recurrence="lstm"
    ),
    "audio, log-mel": lambda: encoders.mel_conv(widths=(4, 4), units=6, mix=0.4),
    "audio, log-mel and GRU": lambda: encoders.mel_sequence(channels=4, context=6),
    "sequence": lambda: encoders.vector_sequence((None, 5), channels=4, context=6),
    "gcn": lambda: encoders.gcn((3,), units=[8, 4]),
    "sparse gcn": lambda: encoders.gcn((3,), units=4, sparse_features=True),
    "graph_sage": lambda: encoders.graph_sage((3,), units=[8, 4]),
    "gin": lambda: encoders.gin((3,), units=4),
}
# Of the others too, which take long; run with --slow.
LARGE = {
    "resnet18": lambda: encoders.resnet18(input_shape=IMAGE, stem="small"),
    "resnet50": lambda: encoders.resnet50(input_shape=(64, 64, 3)),
    "MobileNetV2": lambda: encoders.build("keras:MobileNetV2", (64, 64, 3)),
    "EfficientNetB0": lambda: encoders.build("keras:EfficientNetB0", (64, 64, 3)),
    "ConvNeXtTiny": lambda: encoders.build("keras:ConvNeXtTiny", (64, 64, 3)),
}
QUICK = ("small", "layers", "audio", "gcn")


def graph_of(folder):
    bundle = saved_model_pb2.SavedModel()
    bundle.ParseFromString((folder / "saved_model.pb").read_bytes())
    (meta,) = bundle.meta_graphs
    return meta.graph_def


CASES = [
    pytest.param(name, make, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name, make in {**ENCODERS, **LARGE}.items()
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), CASES)
def test_exports_stay_within_the_list(name, make, tmp_path):
    encoder = make()
    options = {"on_error": "fail" if name == "small" else "mask"}
    if len(encoder.inputs) == 1:
        width = encoder.outputs[0].shape[-1]
        options |= {"train": True, "index": (np.eye(12, width), range(12))}
    if name.startswith("audio"):
        options["sample_rate"] = 16_000
    folder = export.saved_model(encoder, tmp_path, **options)
    rows = {row: (ok, detail) for row, ok, detail in operation_rows(folder)}
    assert set(rows) == {
        "no Python operations",
        "no random operations",
        "long-standing operations",
    }
    assert all(ok for ok, _ in rows.values()), rows
    found = reachable(graph_of(folder))
    assert found <= ALLOWED
    assert len(found) > 20


def test_the_list_names_operations_that_are_neither_random_nor_deprecated():
    assert len(ALLOWED) > 250
    for name in ALLOWED:
        definition = op_def_registry.get(name)
        assert definition is not None, name
        assert not definition.HasField("deprecation"), name
        assert not PYTHON.match(name) and not RANDOM.search(name), name


def test_operations_of_functions_are_found_however_they_are_called():
    @tf.function
    def inner(x):
        return tf.math.erfinv(x)

    @tf.function
    def outer(x):
        y = tf.cond(x[0] > 0, lambda: inner(x), lambda: tf.math.lgamma(x))
        rows = tf.data.Dataset.from_tensors(y).map(lambda z: tf.math.digamma(z))
        return rows.get_single_element()

    concrete = outer.get_concrete_function(tf.TensorSpec((3,)))
    graph = concrete.graph.as_graph_def()
    assert {"Erfinv", "Lgamma", "Digamma"} <= reachable(graph)

    # A function that nothing calls is not run.
    unused = GraphDef()
    unused.CopyFrom(graph)
    del unused.node[:]
    assert reachable(unused) == set()


@pytest.mark.slow
def test_what_only_python_can_call_is_not_looked_at(tmp_path):
    encoder = of_layers(layers.Dropout(0.5))
    folder = export.saved_model(encoder, tmp_path, train=True)
    every = {
        node.op
        for function in graph_of(folder).library.function
        for node in function.node_def
    }
    assert any(map(RANDOM.search, every))
    assert all(ok for _, ok, _ in operation_rows(folder))


@pytest.mark.slow
def test_an_operation_that_is_not_in_the_list_is_named(tmp_path):
    class Rare(layers.Layer):
        def call(self, x):
            return tf.math.special.dawsn(x)

    folder = export.saved_model(of_layers(Rare()), tmp_path)
    rows = {row: (ok, detail) for row, ok, detail in operation_rows(folder)}
    ok, detail = rows["long-standing operations"]
    assert not ok
    assert "Dawsn" in detail and "long had" in detail
