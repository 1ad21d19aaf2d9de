# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf
from micro_batches import SHAPE, simclr, views

from cl_keras import encoders, methods
from cl_keras.methods import micro_batch
from cl_keras.methods.micro_batch import encode_in_parts


def fit(model, rows=24, batch=12, epochs=2):
    data = tf.data.Dataset.from_tensor_slices(views(rows)).batch(batch)
    return model.fit(data, epochs=epochs, verbose=0).history, model.get_weights()


def difference(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


def same(one, other, tolerance=1e-5):
    assert difference(one[1], other[1]) < tolerance
    for name, values in one[0].items():
        np.testing.assert_allclose(other[0][name], values, rtol=1e-4, atol=1e-5)


def gradient(model, data):
    """Of one step, without compiling it."""
    with tf.GradientTape() as tape:
        losses = model.objective(model.forward(data, training=True))
        loss = tf.reduce_mean(losses["nt_xent"])
    return tape.gradient(loss, model.trainable_variables)


# Of 12: even parts; 3 of 4 for at most 5; one; one a row. 21 rows: a last batch of 9.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "rows"),
    [
        (5, 21),
        pytest.param(4, 24, marks=pytest.mark.slow),
        pytest.param(100, 24, marks=pytest.mark.slow),
        pytest.param(1, 24, marks=pytest.mark.slow),
    ],
)
def test_weights_and_metrics_are_those_of_the_whole_batch(size, rows):
    same(fit(simclr(), rows), fit(simclr(size), rows))


def test_the_encoder_never_sees_the_whole_batch(monkeypatch):
    sizes = []
    encode = methods.SimCLR.encode

    def seen(self, inputs, training):
        sizes.append(inputs[0].shape[0])
        return encode(self, inputs, training)

    monkeypatch.setattr(methods.SimCLR, "encode", seen)
    fit(simclr(5, eager=True), rows=12, epochs=1)
    assert sizes == [4] * 7  # Once to learn what it gives, then two passes of three.


@pytest.mark.slow
def test_xla():
    # XLA's own eigenvalues of nearly equal embeddings round `rank_me` differently: the
    # logs are compared with those of the whole batch under XLA, weights with both.
    in_parts = fit(simclr(5, jit=True), 21)
    same(fit(simclr(jit=True), 21), in_parts)
    assert difference(fit(simclr(), 21)[1], in_parts[1]) < 1e-5


@pytest.mark.slow
def test_parts_alone_are_not_enough(monkeypatch):
    # Negative controls: were these equal too, the tests above would be blind.
    _, whole = fit(simclr())
    accumulated = keras.optimizers.SGD(0.3, momentum=0.9, gradient_accumulation_steps=3)
    _, without_far_negatives = fit(simclr(optimizer=accumulated), batch=4)
    assert difference(without_far_negatives, whole) > 1e-3

    of_gradient = micro_batch.BatchParts.of_gradient

    def first_part_only(self, index, values):
        return of_gradient(self, index, values) * tf.cast(index == 0, values.dtype)

    monkeypatch.setattr(micro_batch.BatchParts, "of_gradient", first_part_only)
    assert difference(fit(simclr(4))[1], whole) > 1e-3


def test_gradient_of_uneven_parts_by_hand():
    # 7 rows in parts of 3, 3, 1 and 2 more: rows that come twice count once.
    model, data = simclr(3), tuple(map(tf.constant, views(7)))
    results = []
    for run in (model.encode, lambda *x: encode_in_parts(model, *x, size=3)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(run(data, True)["embedding2"] ** 2)
        results.append(tape.gradient(loss, model.trainable_variables))
    assert difference(*results) < 1e-4
    assert max(np.abs(x).max() for x in results[0]) > 1


@pytest.mark.parametrize(("size", "draws"), [(12, 1), (4, 3)])
def test_random_states_move_once_a_part(size, draws):
    # Not twice that, for the two passes.
    model = simclr(size, keras.layers.Dropout(0.5, seed=3))
    data = tuple(map(tf.constant, views(12)))
    found = gradient(model, data)
    state = model.encoder.layers[1].seed_generator.state.numpy()
    assert state.tolist() == [3, draws]
    if size == 12:  # With one part, both ways draw alike.
        whole = simclr(None, keras.layers.Dropout(0.5, seed=3))
        assert difference(found, gradient(whole, data)) < 1e-6


def test_dropout_differs_from_part_to_part():
    model = simclr(2, keras.layers.Dropout(0.5, seed=3))
    same_rows = tf.ones((6, *SHAPE))
    found = encode_in_parts(model, (same_rows, same_rows), True, size=2)
    rows = found["features1"].numpy()
    assert np.abs(rows[0] - rows[2]).max() > 1e-3


def test_gradient_under_dropout_is_that_of_the_drawn_masks():
    # By finite differences, with the random state put back before each evaluation.
    model = simclr(3, keras.layers.Dropout(0.5, seed=3))
    data = tuple(map(tf.constant, views(6)))
    state = model.encoder.layers[1].seed_generator.state
    weight = model.encoder.layers[0].kernel

    def loss():
        state.assign([3, 0])
        outputs = model.forward(data, True)
        return tf.reduce_mean(model.objective(outputs)["nt_xent"])

    with tf.GradientTape() as tape:
        value = loss()
    gradient = tape.gradient(value, weight)
    direction = np.random.default_rng(1).normal(size=weight.shape).astype("float32")
    step = 1e-2
    start = weight.numpy()
    weight.assign(start + step * direction)
    above = float(loss())
    weight.assign(start - step * direction)
    below = float(loss())
    expected = float(tf.reduce_sum(gradient * direction))
    assert (above - below) / (2 * step) == pytest.approx(expected, rel=0.02)
    assert abs(expected) > 1e-3


def test_averages_of_batch_normalisation_move_once():
    norm = keras.layers.BatchNormalization(momentum=0.5, synchronized=True)
    model = simclr(4, norm, optimizer=keras.optimizers.SGD(0.0))
    first = model.encoder.layers[0]
    fit(model, rows=12, epochs=1)
    # One step towards the mean of the parts' statistics, which are of both views.
    one, other = views(12)
    parts = [
        np.concatenate([one[i : i + 4], other[i : i + 4]]) for i in range(0, 12, 4)
    ]
    maps = [first(x).numpy().reshape(-1, 8) for x in parts]
    means = np.mean([x.mean(0) for x in maps], axis=0)
    variances = np.mean([x.var(0) for x in maps], axis=0)
    np.testing.assert_allclose(norm.moving_mean, 0.5 * means, rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, 0.5 + 0.5 * variances, rtol=1e-4)
    assert norm.synchronized  # As it was.


@pytest.mark.slow
def test_evaluation_leaves_the_state_alone():
    layers = keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)
    whole, parts = simclr(None, *layers), simclr(5, *layers)
    before = parts.get_weights()
    data = tf.data.Dataset.from_tensor_slices(views(12)).batch(12)
    one, two = (m.evaluate(data, verbose=0, return_dict=True) for m in (whole, parts))
    assert one == pytest.approx(two, rel=1e-4)
    assert difference(before, parts.get_weights()) == 0


@pytest.mark.slow
def test_regularised_weights_and_frozen_ones():
    def made(size):
        model = simclr(size, kernel_regularizer=keras.regularizers.L2(0.1))
        model.encoder.layers[-1].trainable = False
        model.compile(keras.optimizers.SGD(0.3))
        return model

    same(fit(made(None)), fit(made(4)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy",
    [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"],
)
def test_mixed_precision(policy):
    keras.mixed_precision.set_global_policy(policy)
    whole, parts = (
        fit(simclr(s, optimizer=keras.optimizers.SGD(0.01)), epochs=1)
        for s in (None, 5)
    )
    # Half precision rounds sums of other orders differently.
    assert difference(whole[1], parts[1]) < 1e-3
    model = simclr(5, optimizer="sgd")
    kind = keras.optimizers.LossScaleOptimizer
    assert isinstance(model.optimizer, kind) == (policy == "mixed_float16")


@pytest.mark.slow
def test_cpc_draws_negatives_of_the_whole_batch():
    def made(size):
        keras.utils.set_random_seed(0)
        net = encoders.audio_conv(channels=8, context=6, kernels=(8, 4), strides=(4, 2))
        model = methods.CPC(net, steps=2, negatives=6, seed=1, micro_batch=size)
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        return model

    waves = np.random.default_rng(0).normal(0, 0.3, (16, 160)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices(waves).batch(8)
    results = []
    for model in (made(None), made(3)):
        history = model.fit(data, epochs=2, verbose=0).history
        results.append((history, model.get_weights()))
    same(*results)
    assert model.seeds.state.numpy()[1] == 4  # Once a step.


@pytest.mark.slow
def test_deep_infomax_in_one_part_is_the_plain_step():
    # Its networks have batch normalisation: only one part can be exact.
    def made(size):
        keras.utils.set_random_seed(0)
        net = encoders.dim_conv((16, 16, 1), widths=(4, 6), hidden=16, code=8)
        options = {"local_layer": "conv2", "width": 12, "global_weight": 0.5}
        model = methods.DeepInfoMax(net, prior_weight=0.1, micro_batch=size, **options)
        model.compile(keras.optimizers.SGD(0.01))
        return model

    images = np.random.default_rng(0).random((16, 16, 16, 1), np.float32)
    data = tf.data.Dataset.from_tensor_slices((images,)).batch(8)
    results = []
    for size in (None, 8):
        model = made(size)
        results.append(
            (model.fit(data, epochs=2, verbose=0).history, model.get_weights())
        )
    same(*results)
    parts = made(3).fit(data, epochs=2, verbose=0).history
    assert np.isfinite(parts["loss"]).all()


@pytest.mark.slow
def test_saved_model_continues_exactly(tmp_path):
    model = simclr(4, keras.layers.Dropout(0.2))
    fit(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.micro_batch == 4
    assert difference(fit(model)[1], fit(again)[1]) == 0
