# SPDX-License-Identifier: Apache-2.0
"""Bytes are scaled, floats are in [0, 1], wherever images come in."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data, encoders, evaluate, export, methods

SIZE = 8
BYTES = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), np.uint8)
FLOATS = BYTES.astype(np.float32)
REFUSED = r"floating images in \[0, 1\].*Received values: 0.*\.\.255"


def small(shape=(SIZE, SIZE, 3), **options):
    inputs = keras.Input(shape, **options)
    features = keras.layers.Conv2D(4, 3)(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(features))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = methods.SimCLR(small())
    model.compile("sgd")
    return model


def test_bytes_are_predicted_as_the_pictures_they_are(model):
    wanted = model.encoder(FLOATS / 255).numpy()
    for images in (BYTES, FLOATS / 255, data.batches(BYTES)):
        got = model.predict(images, verbose=0)
        np.testing.assert_allclose(got, wanted, atol=1e-5)
    np.testing.assert_allclose(model(BYTES), wanted, atol=1e-5)


@pytest.mark.slow
def test_floats_of_0_to_255_are_refused_everywhere(model):
    dataset = tf.data.Dataset.from_tensor_slices(FLOATS)
    views = augment.SimCLRImages(size=SIZE)
    entrances = {
        "predict": lambda: model.predict(FLOATS, verbose=0),
        "predict of a dataset": lambda: model.predict(dataset.batch(4), verbose=0),
        "call": lambda: model(FLOATS),
        "fit": lambda: model.fit((FLOATS, FLOATS), batch_size=4, verbose=0),
        "evaluate": lambda: model.evaluate((FLOATS, FLOATS), verbose=0),
        "train_on_batch": lambda: model.train_on_batch((FLOATS, FLOATS)),
        "views of a dataset": lambda: model.fit(
            data.two_views(dataset, views, 4), verbose=0
        ),
        "batches of a dataset": lambda: list(data.batches(dataset)),
        "one view": lambda: list(data.one_view(dataset, 4)),
        "arrays": lambda: data.two_views(FLOATS, views, 4),
        "embedding": lambda: evaluate.embed(model.encoder, FLOATS),
    }
    for name, entrance in entrances.items():
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)) as caught:
            entrance()
        said = str(caught.value)
        assert "Expected floating images in [0, 1]" in said, (name, said)
    with pytest.raises(ValueError, match=REFUSED):
        model.predict(FLOATS, verbose=0)
    with pytest.raises(ValueError, match="NaN"):
        model.predict(FLOATS * np.float32("nan"), verbose=0)


@pytest.mark.slow
def test_what_keras_reads_from_folders(tmp_path, model):
    for name in "ab":
        (tmp_path / name).mkdir()
        for row in range(4):
            content = tf.io.encode_png(BYTES[row]).numpy()
            (tmp_path / name / f"{row}.png").write_bytes(content)
    images = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(SIZE, SIZE), batch_size=None, verbose=False
    )
    views = augment.SimCLRImages(size=SIZE)
    with pytest.raises(ValueError, match=REFUSED):
        model.fit(data.two_views(images, views, 4), verbose=0)
    scaled = images.map(lambda x, y: (x / 255, y))
    assert model.fit(data.two_views(scaled, views, 4), verbose=0).history["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_methods_of_one_view(jit):
    model = methods.Autoencoder(small())
    model.compile("sgd", jit_compile=jit)
    first = model.train_on_batch(BYTES)
    again = methods.Autoencoder.from_config(model.get_config())
    again.set_weights(model.get_weights())
    again.compile("sgd", jit_compile=jit)
    assert np.isfinite(first).all()
    one = again.test_on_batch(FLOATS / 255)
    np.testing.assert_allclose(again.test_on_batch(BYTES), one, rtol=1e-4)
    with pytest.raises(ValueError, match=REFUSED):
        model.fit(FLOATS, batch_size=4, verbose=0)
    model.compile("sgd", jit_compile=jit, steps_per_execution=2)
    assert model.fit(FLOATS / 255, batch_size=4, verbose=0).history["loss"][0] < 1
    with pytest.raises(ValueError, match=REFUSED):
        model.fit(FLOATS, batch_size=4, verbose=0)


def test_an_export_refuses_other_pixels(model, tmp_path):
    features = evaluate.embed(model.encoder, BYTES)
    folder = export.saved_model(
        model.encoder, tmp_path, index=(features, range(8)), neighbors=2
    )
    served = tf.saved_model.load(str(folder)).signatures
    for name in ("serving_default", "neighbors"):
        assert served[name](images=tf.constant(FLOATS / 255))
        for images in (FLOATS, FLOATS / 127.5 - 1, FLOATS * np.float32("nan")):
            with pytest.raises(tf.errors.InvalidArgumentError, match="floating images"):
                served[name](images=tf.constant(images))


def test_examples_of_other_pixels_are_not_valid(model, tmp_path):
    folder = export.saved_model(model.encoder, tmp_path, bytes_input=False)
    served = tf.saved_model.load(str(folder)).signatures["examples"]
    rows = [FLOATS[0] / 255, FLOATS[1], FLOATS[2] / 127.5 - 1, FLOATS[3] / 255]
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "images": tf.train.Feature(
                        float_list=tf.train.FloatList(value=row.ravel())
                    )
                }
            )
        ).SerializeToString()
        for row in rows
    ]
    found = served(examples=tf.constant(examples))
    assert found["valid"].numpy().tolist() == [True, False, False, True]


def test_encoders_of_bytes_are_refused():
    inputs = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    encoder = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(scaled))
    for use in (methods.SimCLR, lambda x: evaluate.embed(x, BYTES)):
        with pytest.raises(ValueError, match="whose input is uint8"):
            use(encoder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny", "MobileNetV3Small"]
)
def test_encoders_that_divide_by_255_themselves(name):
    make = getattr(keras.applications, name)
    shape = (32, 32, 3)
    own = make(include_top=False, weights=None, input_shape=shape, pooling="avg")
    with pytest.raises(ValueError, match=r"wants pixels of 0\.\.255.*keras:Eff"):
        methods.SimCLR(own)
    # What the message says to do is right.
    fitting = keras.Sequential([keras.Input(shape), keras.layers.Rescaling(255.0), own])
    methods.SimCLR(fitting)
    built = encoders.build(f"keras:{name}", shape)
    methods.SimCLR(built)
    built.set_weights(own.get_weights())
    x = np.random.default_rng(1).random((2, *shape), np.float32)
    np.testing.assert_allclose(
        built.predict(x, verbose=0), own.predict(x * 255, verbose=0), atol=1e-4
    )


def test_other_networks_pass():
    for encoder in (
        small(),
        encoders.compact_resnet((SIZE, SIZE, 3), width=4, blocks=1),
        encoders.build("keras:MobileNetV2", (32, 32, 3)),
    ):
        methods.SimCLR(encoder)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(4, 3)
        self.pool = keras.layers.GlobalAveragePooling2D()

    def call(self, x, training=False):
        return self.pool(self.conv(x))


@pytest.mark.slow
def test_a_built_subclassed_model_is_an_encoder():
    encoder = Subclassed()
    encoder(np.zeros((1, SIZE, SIZE, 3), "float32"))
    model = methods.SimCLR(encoder)
    model.compile("sgd")
    views = augment.SimCLRImages(size=SIZE)
    model.fit(data.two_views(BYTES, views, 4), verbose=0)
    images = data.ImageData("x", BYTES, np.arange(8) % 2)
    found = evaluate.scores(model.encoder, images, images, k=3)
    assert 0 <= found["knn_accuracy_random_init"] <= 1


def test_python_lambdas_have_scores_too():
    encoder = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Lambda(lambda x: x * 2 - 1),
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    images = data.ImageData("x", BYTES, np.arange(8) % 2)
    found = evaluate.scores(encoder, images, images, k=3)
    assert {"knn_accuracy_random_init", "raw_knn_accuracy"} <= found.keys()


def test_a_dict_of_one_output():
    inputs = keras.Input((SIZE, SIZE, 3))
    encoder = keras.Model(inputs, {"f": keras.layers.GlobalAveragePooling2D()(inputs)})
    model = methods.SimCLR(encoder)
    model.compile("sgd")
    assert model.predict(BYTES, verbose=0).shape == (8, 3)


def test_forms_that_do_not_fit_say_what_to_do():
    # A model that has seen no batch: its step is traced for these.
    model = methods.SimCLR(small())
    model.compile("sgd")
    first = np.zeros((4, 3, SIZE, SIZE), np.float32)
    with pytest.raises(ValueError, match="transpose"):
        model.train_on_batch((first, first))
    with pytest.raises(ValueError, match="transpose"):
        data.two_views(first, augment.SimCLRImages(size=SIZE), 2)
    with pytest.raises(ValueError, match=r"data\.two_views\(images"):
        model.train_on_batch(FLOATS / 255)


def test_images_of_thirteen_bands(tmp_path):
    x = np.random.default_rng(0).random((8, SIZE, SIZE, 13), np.float32)
    np.savez(tmp_path / "x.npz", images=x)
    assert data.load(f"npz:{tmp_path / 'x.npz'}").shape == (SIZE, SIZE, 13)
    with pytest.warns(UserWarning, match="13 channels have no colours"):
        views = data.two_views(x, augment.SimCLRImages(size=SIZE), 4)
        assert next(iter(views))[0].shape == (4, SIZE, SIZE, 13)
