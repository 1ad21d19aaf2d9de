# SPDX-License-Identifier: Apache-2.0
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras.evaluate import fine_tune, linear_probe

pytest.importorskip("sklearn", reason="needs the extra [eval]")


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images * (255 / 16)).astype(np.uint8)[..., None]
    return images[:600], data.target[:600], images[600:900], data.target[600:900]


def encoder_of(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
        ]
    )


@pytest.fixture(scope="module")
def pretrained(digits):
    """An encoder that has seen labels of other images: better than a random one."""
    keras.utils.set_random_seed(0)
    encoder = encoder_of()
    model = keras.Sequential([encoder, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss)
    model.fit(digits[0] / np.float32(255), digits[1], epochs=8, verbose=0)
    return encoder


@pytest.mark.slow
def test_it_improves_on_scratch_and_leaves_the_encoder_alone(digits, pretrained):
    before = pretrained.get_weights()
    pretrained.trainable = False  # As `zoo.load(name, trainable=False)` gives it.
    options = {"share": 0.05, "epochs": 10, "batch_size": 16}
    found = fine_tune(pretrained, *digits, **options)
    assert found.labels == 30
    assert found.accuracy == np.mean(found.hits) and len(found.hits) == 300
    assert found.accuracy_random_init == np.mean(found.hits_random_init)
    assert found.accuracy > found.accuracy_random_init + 0.1
    assert not pretrained.trainable
    for old, new in zip(before, pretrained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    # The same again, whatever was drawn in between.
    keras.utils.set_random_seed(77)
    random.random()
    again = fine_tune(pretrained, *digits, **options)
    np.testing.assert_array_equal(again.hits, found.hits)
    np.testing.assert_array_equal(again.hits_random_init, found.hits_random_init)
    alone = fine_tune(pretrained, *digits, **options, from_scratch=False)
    np.testing.assert_array_equal(alone.hits, found.hits)
    assert alone.accuracy_random_init is None and alone.hits_random_init is None
    pretrained.trainable = True


@pytest.mark.slow
def test_the_encoder_learns_at_its_own_rate(digits):
    """Two random numbers an image: only an encoder that moves can do better."""
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    still = fine_tune(encoder, *digits, epochs=8, encoder_rate=1e-9)
    moving = fine_tune(encoder, *digits, epochs=8, encoder_rate=1e-2)
    assert moving.accuracy > still.accuracy + 0.15


@pytest.mark.slow
def test_augmented_inputs_are_what_is_trained_on(digits):
    """Shifted by the function given; scratch learns more from few images that way."""
    seeds = []

    def shift(images, seed):
        seeds.append(seed)
        offsets = tf.random.stateless_uniform((2,), seed, -1, 2, tf.int32)
        return tf.cast(tf.roll(images, offsets, axis=(1, 2)), tf.float32) / 255.0

    options = {"share": 0.1, "epochs": 12, "batch_size": 16}
    plain = fine_tune(encoder_of(), *digits, **options)
    moved = fine_tune(encoder_of(), *digits, augment=shift, **options)
    assert seeds and moved.accuracy_random_init != plain.accuracy_random_init
    again = fine_tune(encoder_of(), *digits, augment=shift, **options)
    np.testing.assert_array_equal(again.hits, moved.hits)


def test_what_diverges_is_named(digits):
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    with pytest.raises(ValueError, match="Lower `encoder_rate`"):
        fine_tune(encoder, *digits, epochs=1, encoder_rate=1e38)


@pytest.mark.slow
def test_a_head_alone_is_about_the_linear_probe(digits):
    train_x, train_y, test_x, test_y = digits
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    found = fine_tune(encoder, *digits, epochs=30)
    probe = linear_probe(
        train_x.reshape(len(train_x), -1), train_y, test_x.reshape(300, -1), test_y
    )
    assert found.accuracy == pytest.approx(probe, abs=0.04)
    # Floats in [0, 1] are what uint8 becomes in the model.
    floats = (train_x / np.float32(255), train_y, test_x / np.float32(255), test_y)
    assert fine_tune(encoder, *floats, epochs=30).accuracy == pytest.approx(
        found.accuracy, abs=0.01
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 0.0}, "share=0.0"),
        ({"epochs": 0}, "Received: epochs=0"),
        ({"batch_size": 0}, "Received: batch_size=0"),
        ({"head_rate": 0.0}, "Received: head_rate=0.0"),
        ({"encoder_rate": float("nan")}, "encoder_rate.*nan"),
        ({"train_y": np.zeros(6, int)}, "only 0"),
        ({"train_x": np.zeros((0, 8, 8, 1), np.uint8)}, r"\(0, 8, 8, 1\)"),
        ({"train_x": np.full((6, 8, 8, 1), np.nan)}, "NaN"),
        ({"test_x": np.zeros((3, 7, 7, 1), np.uint8)}, r"\(7, 7, 1\)"),
        ({"test_y": np.zeros(2, int)}, "test_y"),
    ],
)
def test_bad_input(change, message):
    given = {
        "train_x": np.zeros((6, 8, 8, 1), np.uint8),
        "train_y": np.repeat([0, 1], 3),
        "test_x": np.zeros((3, 8, 8, 1), np.uint8),
        "test_y": np.zeros(3, int),
    }
    with pytest.raises(ValueError, match=message):
        fine_tune(encoder_of(), **(given | change))


def test_what_is_no_keras_model_is_named():
    x, y = np.zeros((4, 2), np.float32), np.array([0, 0, 1, 1])
    with pytest.raises(TypeError, match="SavedModel cannot be trained"):
        fine_tune(lambda inputs: inputs, x, y, x, y)
