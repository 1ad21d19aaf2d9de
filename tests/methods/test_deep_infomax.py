# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, methods

SHAPE = (16, 16, 1)


def conv():
    return encoders.dim_conv(SHAPE, widths=(4, 6), hidden=16, code=8)


def tiny(encoder=None, **options):
    options = {"local_layer": "conv2", "width": 12} | options
    return methods.DeepInfoMax(encoder or conv(), **options)


def pictures(count=8, seed=0):
    return np.random.default_rng(seed).random((count, *SHAPE), np.float32)


def dataset(images, batch=8):
    return tf.data.Dataset.from_tensor_slices((images,)).batch(batch)


def slow_terms(scores):
    """Each objective by loops over (code of image i, location a of image j)."""
    images, _, length = scores.shape
    own = [scores[i, i, a] for i in range(images) for a in range(length)]
    others = [
        scores[i, j, a]
        for i in range(images)
        for j in range(images)
        for a in range(length)
        if i != j
    ]
    rows = []
    for i in range(images):
        for a in range(length):
            total = np.exp(scores[i, i, a])
            total += sum(np.exp(scores[i, j]).sum() for j in range(images) if i != j)
            rows.append(np.log(total) - scores[i, i, a])
    jsd = np.logaddexp(0, -np.array(own)).mean() + np.logaddexp(0, others).mean()
    return {
        "info_nce": np.mean(rows),
        "jsd": jsd - 2 * np.log(2),
        "dv": np.log(np.exp(others).mean()) - np.mean(own),
    }


@pytest.mark.parametrize("objective", ["info_nce", "jsd", "dv"])
def test_terms_by_loops_over_pairs(objective):
    model = tiny(objective=objective, local_weight=0.5, global_weight=2.0)
    images = pictures(5)
    tapped = model.taps(images)
    code = model.encoder(images)
    maps = {
        "local": tf.reshape(tapped["local"], [5, 16, 6]),
        "global": model.second_encoder(tapped["local"])[:, None],
    }
    losses = model.objective(model.forward(tf.constant(images), training=False))
    for term, weight in (("local", 0.5), ("global", 2.0)):
        critic = getattr(model, f"{term}_critic")
        queries = critic.code_network(code).numpy()
        rows = tf.reshape(maps[term], [-1, maps[term].shape[-1]])
        keys = critic.map_network(rows).numpy().reshape(5, -1, 12)
        scores = np.einsum("iu,jau->ija", queries, keys)
        expected = weight * slow_terms(scores)[objective]
        assert float(losses[term]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("critic", ["dot", "concat"])
@pytest.mark.parametrize("objective", ["info_nce", "jsd", "dv"])
def test_a_critic_that_knows_nothing(objective, critic):
    model = tiny(objective=objective, critic=critic, negatives=3, global_weight=1.0)
    for term in ("local", "global"):
        layer = getattr(model, f"{term}_critic")
        last = layer.rest if critic == "concat" else layer.code_network
        for weight in last.layers[-1].weights:
            weight.assign(tf.zeros_like(weight))
    outputs = model.forward(tf.constant(pictures(6)), training=True)
    others = 5 if critic == "dot" else 3
    for term, length in (("local", 16), ("global", 1)):
        expected = np.log(1 + others * length) if objective == "info_nce" else 0.0
        loss = float(model.objective(outputs)[term])
        assert loss == pytest.approx(expected, abs=1e-5)
        # Ties are no finds.
        assert float(model.diagnostics(outputs)[f"{term}_accuracy"]) == 0.0


def test_accuracy_counts_positives_above_all_negatives():
    model = tiny()
    positives = tf.constant([[3.0, 1.0], [0.0, 5.0]])
    negatives = tf.constant([[9.0, 9.0, 2.0, 0.0], [1.0, 4.0, 9.0, 9.0]])
    own = tf.constant([[True, True, False, False], [False, False, True, True]])
    outputs = {
        "features": tf.eye(2),
        "local_positives": positives,
        "local_negatives": negatives,
        "local_excluded": own,
    }
    assert float(model.diagnostics(outputs)["local_accuracy"]) == 0.5


@pytest.mark.slow
def test_training_finds_the_own_locations():
    images = pictures(32)
    model = tiny(width=32)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(dataset(images, 16).repeat(30), epochs=2, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["local_accuracy"][-1] > 0.1  # By chance 1 in 241.


def test_prior_pulls_codes_towards_the_uniform_distribution():
    images = pictures(64)
    encoder = conv()
    layer = encoder.get_layer("code")
    layer.bias.assign(tf.fill([8], 3.0))  # Far from it: squashed, 0.95.
    model = tiny(encoder, prior_weight=1.0, local_weight=0.01)
    model.compile(keras.optimizers.Adam(3e-3))
    before = tf.sigmoid(encoder(images)).numpy().mean()
    history = model.fit(dataset(images, 32).repeat(60), verbose=0).history
    after = tf.sigmoid(encoder(images)).numpy().mean()
    assert abs(after - 0.5) < abs(before - 0.5) / 2
    assert {"prior", "discriminator", "local"} < set(history)


def test_drawn_locations():
    model = tiny(locations=3)
    images = tf.constant(pictures(4))
    first, second = (
        model.forward(images, training=True)["local_positives"] for _ in range(2)
    )
    assert first.shape == (4, 3)
    assert np.abs(first - second).max() > 0
    assert model.forward(images, training=False)["local_positives"].shape == (4, 16)
    # The same places in every image: with one image repeated, all rows are alike.
    alike = model.forward(tf.repeat(images[:1], 4, axis=0), training=False)
    np.testing.assert_allclose(
        alike["local_positives"][0], alike["local_positives"][3], atol=1e-5
    )


@pytest.mark.slow
def test_any_layer_of_any_encoder():
    encoder = encoders.compact_resnet((32, 32, 3), width=4, blocks=1)
    model = methods.DeepInfoMax(encoder, width=8, global_weight=1.0)
    assert model.map_shape == (8, 8, 8)
    model.compile("sgd")
    images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    assert np.isfinite(model.fit(images, batch_size=4, verbose=0).history["loss"][0])
    assert methods.DeepInfoMax(encoders.dim_conv(), width=8).local_layer == "conv2"
    with pytest.raises(ValueError, match="Did you mean 'conv2'"):
        tiny(local_layer="con2")
    with pytest.raises(ValueError, match="map of known size"):
        tiny(local_layer="fc")
    with pytest.raises(ValueError, match="at least 7x7"):
        methods.DeepInfoMax(encoders.dim_conv((8, 8, 1), widths=(4, 4)))


@pytest.mark.slow
def test_labels_do_not_reach_training():
    weights = []
    for labels in (np.zeros(16, int), np.arange(16)):
        keras.utils.set_random_seed(0)
        model = tiny(locations=4)
        model.compile("sgd")
        model.fit(pictures(16), labels, batch_size=8, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["dot", "concat"])
def test_saved_model_continues_exactly(tmp_path, critic):
    model = tiny(
        objective="jsd", global_weight=0.5, prior_weight=0.1, locations=5, critic=critic
    )
    # Momentum, not Adam: convolutions in several threads differ in the last bit now and
    # then, and Adam makes a whole step of it where a gradient is nothing but that.
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    images = dataset(pictures(16))
    model.fit(images, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is methods.DeepInfoMax

    def state(model):
        random = [generator.state for generator in model._generators()]
        return [np.array(x) for x in model.weights + model.optimizer.variables + random]

    for one, other in zip(state(model), state(again), strict=True):
        np.testing.assert_array_equal(one, other)
    losses = [
        trained.fit(images, epochs=2, verbose=0).history["loss"]
        for trained in (model, again)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_config_round_trip():
    options = {
        "local_layer": "conv1",
        "objective": "dv",
        "local_weight": 0.5,
        "global_weight": 0.25,
        "prior_weight": 0.1,
        "critic": "concat",
        "width": 10,
        "negatives": 2,
        "locations": 7,
    }
    again = methods.DeepInfoMax.from_config(tiny(**options).get_config())
    config = again.get_config()
    assert {name: config[name] for name in options} == options
    assert again.encoder.output_shape == (None, 8)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize(
    "critic", ["dot", pytest.param("concat", marks=pytest.mark.slow)]
)
def test_precisions(policy, critic):
    keras.mixed_precision.set_global_policy(policy)
    model = tiny(global_weight=1.0, prior_weight=0.1, critic=critic)
    model.compile(keras.optimizers.Adam(1e-3))
    before = model.encoder.get_weights()
    history = model.fit(dataset(pictures(16)), epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    after = model.encoder.get_weights()
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.slow
def test_xla():
    model = tiny(prior_weight=0.1, locations=4)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=True)
    batches = dataset(pictures(16)).repeat(2)
    assert np.isfinite(model.fit(batches, verbose=0).history["loss"][0])


def test_predict_gives_the_encoders_features():
    model = tiny()
    np.testing.assert_array_equal(
        model.predict(pictures(), verbose=0),
        model.encoder.predict(pictures(), verbose=0),
    )


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.ones((4, 8, 8, 1)), "single images"),
        ((np.ones((4, *SHAPE)),) * 2, "one image an example"),
        (np.ones((1, *SHAPE)), "at least two images"),
    ],
)
def test_wrong_batches_are_named(batch, message):
    model = tiny()
    model.compile("sgd")
    with pytest.raises(ValueError, match=message):
        model.train_step(tf.nest.map_structure(tf.constant, batch))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "info_nec"}, "Did you mean 'info_nce'"),
        ({"critic": "dott"}, "Did you mean 'dot'"),
        ({"width": 0}, "width=0"),
        ({"negatives": 0}, "negatives=0"),
        ({"locations": 17}, "from 1 to 16"),
        ({"local_weight": 0.0}, "must have a weight"),
        ({"prior_weight": -1.0}, "not be negative"),
        ({"global_weight": float("nan")}, "not be negative"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)
