# SPDX-License-Identifier: Apache-2.0
"""An entry keeps its weights once, and both forms have them bit for bit."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from cl_keras import artifact, encoders, export, zoo

layers = keras.layers


def images(*inner):
    return keras.Sequential(
        [keras.Input((8, 8, 3)), *inner, layers.GlobalAveragePooling2D()]
    )


def shared():
    """A network used twice, layers of one class in it, and one with random numbers."""
    inputs = keras.Input((8, 8, 3))
    convs = [layers.Conv2D(3, 3, padding="same") for _ in range(2)]
    inner = images(*convs, layers.BatchNormalization(), layers.Dropout(0.5, seed=3))
    outputs = layers.Concatenate()([inner(inputs), inner(layers.ReLU()(inputs))])
    return keras.Model(inputs, outputs)


def unused():
    """Statistics that the served function has as constants."""
    normal = layers.Normalization()
    normal.adapt(np.random.default_rng(0).random((4, 8, 8, 3), np.float32))
    return images(normal, layers.Conv2D(2, 3))


ENCODERS = {
    "shared": shared,
    "mixed": lambda: images(
        layers.Conv2D(4, 3, dtype="mixed_float16"), layers.BatchNormalization()
    ),
    "half": lambda: images(layers.Conv2D(4, 3, dtype="bfloat16")),
    "resnet": lambda: encoders.compact_resnet((8, 8, 3), width=4, blocks=1),
}


def publish(encoder, folder, facts):
    encoder.save(folder / "made.keras")
    version = export.saved_model(encoder, folder / "serving")
    return zoo.publish(folder / "made.keras", version, folder / "zoo", **facts)


def bits(model):
    arrays = [keras.ops.convert_to_numpy(v) for v in model.variables]
    return [(x.dtype.name, x.shape, x.tobytes()) for x in arrays]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_variable_and_feature_comes_back(name, tmp_path, facts):
    encoder = ENCODERS[name]()
    rng = np.random.default_rng(1)
    for variable in encoder.weights:
        variable.assign(rng.random(variable.shape).astype(np.float32))
    row = publish(encoder, tmp_path, facts)
    assert row.record("encoder.keras") is None and row.record("encoder.json").size < 1e5
    loaded = zoo.load(row.name, registry=tmp_path / "zoo")
    saved = keras.saving.load_model(tmp_path / "made.keras")
    assert bits(loaded) == bits(saved) and len(bits(loaded)) > 1
    assert loaded.get_config() == saved.get_config()
    x = rng.random((2, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), saved.predict(x, verbose=0)
    )


def test_what_the_savedmodel_does_not_hold_needs_a_file(tmp_path, facts):
    row = publish(unused(), tmp_path, facts)
    assert row.record("encoder.json") is None and row.record("encoder.keras")
    saved = keras.saving.load_model(tmp_path / "made.keras")
    assert bits(zoo.load(row.name, registry=tmp_path / "zoo")) == bits(saved)


def edited(registry, change_row, change):
    path = registry / "files" / "simclr_tiny_digits" / "encoder.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    row = zoo.info("simclr_tiny_digits", registry=registry)
    files = [
        artifact.FileRecord.of(path.parent, r.path) if r.path == path.name else r
        for r in row.files
    ]
    change_row(files=[vars(r) for r in files])


def add_code(content):
    code = layers.Lambda(lambda x: x * 2)
    content["config"] = keras.saving.serialize_keras_object(images(code))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_code, "[Ll]ambda"),
        (lambda c: c.update(format=2), "expected format 1,.*Received: 2"),
        (lambda c: c["layers"].reverse(), "Expected layers with variables"),
    ],
)
def test_other_descriptions_are_refused(registry, change_row, change, message):
    edited(registry, change_row, change)
    with pytest.raises(ValueError, match=message):
        zoo.load("simclr_tiny_digits", registry=registry)


def test_a_folder_that_tensorflow_takes_for_a_pattern(registry, made):
    moved = registry.rename(registry.with_name("a[1]"))
    loaded = zoo.load("simclr_tiny_digits", registry=moved)
    np.testing.assert_array_equal(loaded.predict(made[2], verbose=0), made[3])
