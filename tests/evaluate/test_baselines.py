# SPDX-License-Identifier: Apache-2.0
import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders
from cl_keras.evaluate import embed, random_encoder, scores, scores_beside

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 8, 8, 1)).astype(np.uint8)


def seeded_encoder():
    """Everything that makes a copy's weights equal: seeds, nesting, statistics."""
    inputs = keras.Input((8, 8, 1))
    normalise = keras.layers.Normalization()
    normalise.adapt(IMAGES / 255.0)
    block = keras.Sequential(
        [
            keras.Input((6, 6, 4)),
            keras.layers.Conv2D(
                4, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=1)
            ),
        ]
    )
    x = keras.layers.Conv2D(
        4, 3, kernel_initializer=keras.initializers.HeNormal(seed=3)
    )(normalise(inputs))
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Flatten()(block(x))
    return keras.Model(inputs, keras.layers.Dense(6)(x))


class Unregistered(keras.layers.Dense):
    pass


class Subclassed(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.flatten = keras.layers.Flatten()
        self.dense = Unregistered(units)

    def call(self, x):
        return self.dense(self.flatten(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def weights(model):
    return [np.asarray(variable.numpy()) for variable in model.variables]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_random_encoder_draws_every_kernel_anew():
    encoder = seeded_encoder()
    encoder.get_layer("norm").moving_mean.assign([1, 2, 3, 4])
    before = weights(encoder)
    fresh = random_encoder(encoder)
    assert same(weights(encoder), before)
    kernels = 0
    for old, new in zip(encoder.variables, fresh.variables, strict=True):
        assert old is not new and old.shape == new.shape
        if old.path.endswith("kernel"):
            kernels += 1
            difference = np.abs(old.numpy() - new.numpy())
            assert np.mean(difference > 1e-6) > 0.99, old.path
        if "moving_mean" in old.path:
            assert not np.any(new.numpy())
        if old.path.startswith("normalization"):
            np.testing.assert_array_equal(new.numpy(), old.numpy())
    assert kernels == 3
    images = IMAGES / np.float32(255)
    assert fresh(images).shape == encoder(images).shape


def test_random_encoder_is_reproducible_and_leaves_the_generator_alone():
    encoder = seeded_encoder()
    random.seed(5)
    expected = random.random()
    random.seed(5)
    first = weights(random_encoder(encoder, seed=1))
    assert random.random() == expected
    keras.utils.set_random_seed(99)
    assert same(weights(random_encoder(encoder, seed=1)), first)
    assert not same(weights(random_encoder(encoder, seed=2)), first)


def test_random_encoder_takes_sparse_inputs_as_the_encoder_does():
    encoder = encoders.gcn((6,), units=[4], sparse_features=True)
    fresh = random_encoder(encoder)
    assert [x.sparse for x in fresh.inputs] == [x.sparse for x in encoder.inputs]
    # Made dense, these would take a terabyte.
    rows = [[0, 1], [3, 5]]
    sparse = tf.sparse.SparseTensor(rows, tf.ones(2), (500_000, 500_000))
    edges = tf.constant([[0, 3]])
    large = encoders.gcn((500_000,), units=[1], sparse_features=True)
    found = random_encoder(large)({"features": sparse, "edges": edges})
    assert found.shape == (500_000, 1)


def test_random_encoder_of_custom_layers_and_models():
    functional = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), Unregistered(3)]
    )
    subclassed = Subclassed()
    subclassed(np.zeros((1, 8, 8, 1), np.float32))
    for encoder in (functional, subclassed):
        fresh = random_encoder(encoder)
        assert not same(weights(fresh), weights(encoder))
        assert embed(fresh, IMAGES).shape == (11, 3)


def test_random_encoder_without_a_config_is_an_error():
    class Closed(keras.Model):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def call(self, x):
            return self.layer(x)

    with pytest.raises(ValueError, match="built from its config"):
        random_encoder(Closed(keras.layers.Flatten()))


def test_embed_scales_bytes_and_works_in_batches():
    encoder = seeded_encoder()
    expected = encoder(IMAGES / np.float32(255), training=False)
    for batch_size in (3, 11, 100):
        features = embed(encoder, IMAGES, batch_size)
        np.testing.assert_allclose(features, expected, atol=1e-5)
    np.testing.assert_allclose(embed(encoder, IMAGES / 255.0), expected, atol=1e-5)


def test_embed_gives_float32_of_a_mixed_precision_encoder():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    assert encoder(IMAGES / np.float32(255)).dtype == "bfloat16"
    assert embed(encoder, IMAGES).dtype == np.float32
    assert embed(random_encoder(encoder), IMAGES).dtype == np.float32


def test_embed_names_the_first_image_without_features():
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Lambda(lambda x: x / x),
        ]
    )
    images = np.ones((11, 8, 8, 1), np.float32)
    images[7, 0, 0] = 0.0  # 0 / 0
    with pytest.raises(ValueError, match="from image 7 on. Did training diverge"):
        embed(encoder, images, 2)


@pytest.mark.parametrize(
    ("images", "batch_size", "message"),
    [
        (IMAGES[0], 1, r"\(8, 8, 1\)"),
        (IMAGES[:0], 1, r"\(0, 8, 8, 1\)"),
        (IMAGES.astype(int), 1, "int64"),
        (IMAGES, 0, "Received: batch_size=0"),
    ],
)
def test_embed_bad_input(images, batch_size, message):
    with pytest.raises(ValueError, match=message):
        embed(seeded_encoder(), images, batch_size)


def test_embed_needs_features_not_maps():
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)])
    with pytest.raises(ValueError, match=r"\(batch, D\).*6, 6, 2"):
        embed(encoder, IMAGES)


@pytest.mark.slow
def test_scores_of_raw_inputs_equal_those_of_an_identity_encoder():
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    data = load_digits()
    images = (data.images * 15).astype(np.uint8)[..., None]
    train = SimpleNamespace(images=images[:600], labels=data.target[:600])
    test = SimpleNamespace(images=images[600:900], labels=data.target[600:900])
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    result = scores(encoder, train, test, k=20)
    assert set(result) == {
        "knn_accuracy",
        "linear_accuracy",
        "knn_accuracy_random_init",
        "linear_accuracy_random_init",
        "raw_knn_accuracy",
        "raw_linear_accuracy",
    }
    assert result["knn_accuracy"] == result["raw_knn_accuracy"] > 0.85
    assert abs(result["linear_accuracy"] - result["raw_linear_accuracy"]) < 0.01
    # An identity has nothing to draw anew.
    assert result["knn_accuracy_random_init"] == result["knn_accuracy"]
    again = scores(encoder, train, test, k=20)
    assert again == result


def test_the_baseline_of_random_weights_is_measured_with_them():
    pytest.importorskip("sklearn")
    encoder, labels, made = seeded_encoder(), np.arange(12) % 2, []

    def features_of(model):
        made.append(model)
        # Of the trained one they tell the class, of any other nothing.
        told = np.eye(2)[labels] if model is encoder else np.ones((12, 2))
        return told, told

    found = scores_beside(
        encoder, features_of, None, (labels, labels), seed=3, metrics=["knn"]
    )
    assert found == {"knn_accuracy": 1.0, "knn_accuracy_random_init": 0.5}
    assert same(weights(made[1]), weights(random_encoder(encoder, seed=3)))


@pytest.mark.parametrize(
    ("labels", "message"), [(None, "labels=None"), ([1], "11 examples and 1 labels")]
)
def test_scores_need_labels(labels, message):
    data = SimpleNamespace(images=IMAGES, labels=labels)
    with pytest.raises(ValueError, match=message):
        scores(seeded_encoder(), data, data)
