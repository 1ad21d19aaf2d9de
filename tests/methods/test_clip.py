# SPDX-License-Identifier: Apache-2.0
"""CLIP against plain NumPy; its two encoders, each as a model of its own."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from vectors import unit

from cl_keras import distribute, encoders, export, methods

layers = keras.layers
RNG = np.random.default_rng(0)


def network(width, outputs):
    return keras.Sequential(
        [keras.Input((width,)), layers.Dense(outputs, activation="tanh")]
    )


def clip(**options):
    keras.utils.set_random_seed(0)
    model = methods.CLIP({"phone": network(6, 5), "watch": network(3, 4)}, **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def pairs(rows=8):
    return RNG.random((rows, 6), np.float32), RNG.random((rows, 3), np.float32)


def cross_entropy(logits):
    return np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)


def test_the_loss_is_the_papers():
    z1, z2 = RNG.normal(size=(2, 7, 4)).astype(np.float32)
    model = clip(temperature=0.2)
    (loss,) = model.objective({"embedding1": z1, "embedding2": z2}).values()
    logits = unit(z1) @ unit(z2).T / 0.2
    expected = (cross_entropy(logits) + cross_entropy(logits.T)) / 2
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_temperature_is_trained_and_stays_above_a_hundredth():
    model = clip(temperature=0.2)
    first, second = pairs()
    with tf.GradientTape() as tape:
        outputs = model.forward(model.unpack((first, second)), False)
        loss = tf.reduce_mean(model.objective(outputs)["info_nce"])
    slope = tape.gradient(loss, model.log_scale.value)
    losses = []
    for step in (1e-2, -1e-2):
        model.log_scale.assign(-np.log(0.2) + step)
        losses.append(tf.reduce_mean(model.objective(outputs)["info_nce"]))
    assert float(slope) == pytest.approx(float(losses[0] - losses[1]) / 2e-2, rel=1e-2)
    model.compile(keras.optimizers.SGD(1e-6))
    model.log_scale.assign(4.7)
    history = model.fit(first, second, verbose=0).history
    assert np.exp(-float(model.log_scale)) == pytest.approx(0.01)
    assert history["temperature"][0] == pytest.approx(0.01)


def test_pairs_that_belong_together_are_found():
    keras.utils.set_random_seed(0)
    hidden = RNG.normal(size=(64, 2)).astype(np.float32)
    first, second = (np.tanh(hidden @ RNG.normal(size=(2, n))) for n in (6, 3))
    model = clip()
    model.compile(keras.optimizers.Adam(1e-2))
    data = tf.data.Dataset.from_tensor_slices(((first, second), np.arange(64)))
    history = model.fit(data.batch(64).repeat(150), verbose=0).history
    scores = model.evaluate(data.batch(64), verbose=0, return_dict=True)
    assert scores["contrastive_accuracy"] > 0.4 and history["loss"][0] > scores["loss"]
    shuffled = first, RNG.permutation(second)
    assert model.evaluate(*shuffled, 64, verbose=0, return_dict=True)["loss"] > 3


def test_a_batch_may_be_a_dict_or_have_labels():
    first, second = pairs()
    model = clip()
    for batch in (
        (first, second),
        ((first, second), np.arange(8)),
        {"watch": second, "phone": first},
    ):
        one, two = model.unpack(batch)
        np.testing.assert_array_equal(one, first)
        np.testing.assert_array_equal(two, second)


def test_a_saved_model_trains_on_as_it_would_have(tmp_path):
    model, data = clip(), pairs()
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(*data, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert list(again.encoders) == ["phone", "watch"]
    for one in (model, again):
        one.fit(*data, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_each_encoder_is_served_by_name(tmp_path):
    sound = encoders.audio_conv(channels=4, context=4)
    image = encoders.dim_conv((16, 16, 1), widths=(2, 3), hidden=8, code=4)
    model = methods.CLIP({"image": image, "sound": sound})
    model.compile(keras.optimizers.SGD(0.1))
    images = RNG.integers(0, 256, (4, 16, 16, 1), np.uint8)
    sounds = RNG.random((4, 2000), np.float32)
    model.fit(tf.data.Dataset.from_tensors((images, sounds)), verbose=0)
    for name, inputs in {"image": images / np.float32(255), "sound": sounds}.items():
        encoder = model.encoders[name]
        folder = export.saved_model(encoder, tmp_path / name)
        assert export.check(folder, encoder=encoder).ok
        served = tf.saved_model.load(str(folder)).signatures["serving_default"]
        (features,) = served(tf.constant(inputs, tf.float32)).values()
        np.testing.assert_allclose(features, encoder(inputs), atol=1e-5)


def trained_on(replicas, data):
    devices = [f"CPU:{number}" for number in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope() if replicas > 1 else contextlib.nullcontext():
        model = clip()
    # 8 rows, then 5.
    batches = tf.data.Dataset.from_tensor_slices(data).batch(8)
    history = model.fit(batches, verbose=0).history
    return model.get_weights(), history


def difference(weights, others):
    return max(np.abs(a - b).max() for a, b in zip(weights, others, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_compute_what_one_device_does(replicas):
    data = pairs(13)
    weights, history = trained_on(1, data)
    others, logs = trained_on(replicas, data)
    assert difference(weights, others) < 1e-6
    for name, values in logs.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-3, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_negative_control(replicas, monkeypatch):
    # Were this equal too, the test above would be blind.
    data, gather = pairs(13), distribute.all_gather
    weights, _ = trained_on(1, data)
    stopped = lambda rows: tf.stop_gradient(gather(rows))  # noqa: E731
    monkeypatch.setattr(distribute, "all_gather", stopped)
    assert difference(weights, trained_on(replicas, data)[0]) > 1e-4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: methods.CLIP({"phone": network(6, 5)}), r"two models.*\['phone'\]"),
        (lambda: clip(projectors={"wacth": network(4, 8)}), "wacth"),
        (lambda: clip(projectors={"watch": network(4, 8)}), "one width.*'watch': 8"),
        (lambda: clip(projectors={"watch": network(5, 128)}), "must map 4 features"),
        (lambda: clip(temperature=0.0), "temperature"),
        (lambda: clip().unpack(pairs()[0]), r"phone.*watch.*\(8, 6\)"),
        (lambda: clip().unpack(pairs()[::-1]), r"\(8, 3\).*\(8, 6\)"),
        (lambda: clip().unpack({"phone": pairs()[0]}), "Received"),
    ],
)
def test_bad_input_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
