# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf
from cpc_reference import grids, reference

from cl_keras import encoders, methods
from cl_keras.methods import negatives

SOURCES = ["batch", "same_sequence", "other_sequences"]


def sequence_encoder(channels=6, context=5):
    return encoders.vector_sequence(
        (None, 2), channels=channels, context=context, kernels=(3,), strides=(2,)
    )


def image_encoder():
    return encoders.patch_grid((12, 12, 1), patch=4, width=4, channels=6, depth=1)


def tiny(encoder=None, **options):
    options = {"steps": 3, "negatives": 7, "seed": 3} | options
    return methods.CPC(encoder or sequence_encoder(), **options)


def sequences(batch=4, time=17, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, time, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("source", "negatives", "score", "image"),
    [
        ("batch", 7, "dot", True),
        ("batch", 7, "mean", False),
        ("batch", 40, "dot", False),
        ("batch", None, "dot", True),
        ("batch", None, "mean", False),
        ("same_sequence", 7, "mean", True),
        ("same_sequence", 0, "dot", False),
        ("other_sequences", 7, "dot", False),
    ],
)
def test_losses_are_those_of_explicit_indices(source, negatives, score, image):
    # 40 draws from 32 frames hit the true frame often: the spare must step in.
    rng = np.random.default_rng(1)
    if image:
        inputs = rng.random((3, 12, 12, 1), np.float32)
        model = tiny(
            image_encoder(),
            steps=2,
            skip_steps=1,
            negatives=negatives,
            negatives_from=source,
            score=score,
        )
    else:
        inputs = sequences()
        model = tiny(negatives=negatives, negatives_from=source, score=score)
    outputs = model.forward(inputs, training=False)
    losses, accuracies = reference(model, inputs)
    np.testing.assert_allclose(outputs["step_losses"], losses, atol=2e-5)
    if negatives or source != "batch":
        np.testing.assert_allclose(outputs["step_accuracies"], accuracies, atol=1e-6)
    objective = model.objective(outputs)
    assert list(objective) == ["info_nce"]
    np.testing.assert_allclose(objective["info_nce"], losses.mean(axis=1), atol=2e-5)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("negatives", [1, 128])
def test_zero_weights_give_the_loss_of_chance(source, negatives):
    model = tiny(negatives=negatives, negatives_from=source)
    model.predictor.kernel.assign(tf.zeros_like(model.predictor.kernel))
    outputs = model.forward(sequences(), training=False)
    np.testing.assert_allclose(outputs["step_losses"], np.log(1 + negatives), atol=1e-5)
    np.testing.assert_array_equal(outputs["step_accuracies"], 0.0)


def test_negatives_are_drawn_as_promised():
    frames, count = 5, 4000
    own = np.arange(3)[:, None]
    others = negatives._draw_pool([0, 1], 3, frames, count, "other_sequences").numpy()
    assert others.shape == (3, count + 1) and (others // frames != own).all()
    anyone = negatives._draw_pool([0, 2], 3, frames, count, "batch").numpy()
    assert (anyone[:, -1:] // frames != own).all()
    for row in anyone:
        share = np.bincount(row[:-1], minlength=15) / count
        np.testing.assert_allclose(share, 1 / 15, atol=0.02)
    for sequence, row in enumerate(others):
        share = np.bincount(row, minlength=15).reshape(3, 5) / count
        np.testing.assert_allclose(np.delete(share, sequence, 0), 1 / 10, atol=0.02)


def test_every_step_draws_anew_and_the_seed_repeats_it():
    model, again = tiny(), tiny(sequence_encoder())
    again.set_weights(model.get_weights())
    inputs = sequences()
    losses = [m.forward(inputs, False)["step_losses"] for m in (model, model, again)]
    assert np.abs(losses[0] - losses[1]).max() > 1e-3
    np.testing.assert_allclose(losses[0], losses[2], atol=1e-6)


def test_ranks_with_all_negatives_are_those_of_some_positions():
    # 33 positions of a sequence, of which every fourth is ranked.
    model = tiny(steps=1, negatives=None)
    inputs = sequences(time=69)
    z, c, maps = grids(model, inputs)
    scores = np.einsum("btc,cd,nd->btn", c[:, :-1, 0], maps[0], z.reshape(-1, 6))
    found = [
        [scores[b, t].argmax() == b * 34 + t + 1 for t in range(0, 33, 4)]
        for b in range(4)
    ]
    outputs = model.forward(inputs, training=False)
    np.testing.assert_allclose(
        outputs["step_accuracies"][:, 0], np.mean(found, axis=1), atol=1e-6
    )


def test_metrics_are_the_means_of_the_steps():
    model = tiny(skip_steps=1)
    model.compile("sgd")
    inputs = sequences()
    with model.evaluation_draws():
        seed = int(model.seeds.next()[0])
    losses, accuracies = reference(model, inputs, seed)
    found = model.evaluate(
        tf.data.Dataset.from_tensors(inputs), verbose=0, return_dict=True
    )
    assert set(found) == {
        "loss",
        *(f"{n}_{k}" for n in ("loss", "accuracy") for k in (2, 3, 4)),
    }
    for index, k in enumerate((2, 3, 4)):
        assert found[f"loss_{k}"] == pytest.approx(losses[:, index].mean(), abs=1e-4)
        assert found[f"accuracy_{k}"] == pytest.approx(accuracies[:, index].mean())
    assert found["loss"] == pytest.approx(losses.mean(), abs=1e-4)


@pytest.mark.slow
def test_training_predicts_what_can_be_predicted():
    # Sines of a frequency each: the past tells the future, near or far.
    rng = np.random.default_rng(0)
    speed, phase = rng.uniform(0.1, 0.4, (64, 1)), rng.uniform(0, 6, (64, 1))
    angle = phase + speed * np.arange(40)
    waves = np.stack([np.sin(angle), np.cos(angle)], -1).astype(np.float32)
    model = tiny(sequence_encoder(16, 16), negatives=16)
    model.compile(keras.optimizers.Adam(1e-2))
    batches = tf.data.Dataset.from_tensors(waves)
    model.fit(batches.repeat(80), verbose=0)
    found = model.evaluate(batches, verbose=0, return_dict=True)
    assert found["loss"] < 0.5 * np.log(17)
    assert found["accuracy_1"] > 0.7  # Chance is 0.06.


@pytest.mark.slow
def test_saved_model_continues_exactly(tmp_path):
    batches = tf.data.Dataset.from_tensor_slices(sequences(8)).batch(4)
    model = tiny()
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(batches, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is methods.CPC and again.get_config()["seed"] == 3
    for trained in (model, again):
        trained.fit(batches, epochs=2, verbose=0)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_config_round_trip():
    options = {
        "steps": 2,
        "negatives": 5,
        "negatives_from": "same_sequence",
        "skip_steps": 1,
        "score": "mean",
        "latents": "latents",
        "context": "context",
        "seed": 9,
    }
    again = methods.CPC.from_config(tiny(**options).get_config())
    assert {name: again.get_config()[name] for name in options} == options


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "jit"),
    [
        pytest.param("float32", True, marks=pytest.mark.slow),
        ("mixed_bfloat16", False),
        ("mixed_float16", False),
    ],
)
def test_precisions_and_xla(policy, jit):
    keras.mixed_precision.set_global_policy(policy)
    model = tiny(sequence_encoder())
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=jit)
    batches = tf.data.Dataset.from_tensor_slices(sequences(8)).batch(4, True)
    history = model.fit(batches, epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.slow
def test_labels_are_dropped_and_predict_gives_features():
    inputs = sequences(8)
    weights = []
    for labels in (np.zeros(8, int), np.arange(8)):
        keras.utils.set_random_seed(0)
        model = tiny(sequence_encoder())
        model.compile("sgd")
        model.fit(inputs, labels, batch_size=4, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(
        model.predict(inputs, verbose=0), model.encoder(inputs), atol=1e-6
    )


def test_default_steps_are_the_papers_or_what_the_grid_allows():
    assert methods.CPC(sequence_encoder()).steps == 12
    assert methods.CPC(encoders.patch_grid(width=2, channels=2)).steps == 5
    assert methods.CPC(image_encoder()).distances == (1, 2, 3, 4)
    assert methods.CPC(image_encoder(), skip_steps=1).distances == (2, 3, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "Received: steps=0"),
        ({"negatives": -1}, "Received: negatives=-1"),
        ({"skip_steps": -1}, "Received: skip_steps=-1"),
        ({"negatives_from": "other"}, "Did you mean 'other_sequences'"),
        ({"negatives_from": "other_sequences", "negatives": 0}, "give their number"),
        ({"score": "cosine"}, "Known: dot, mean"),
        ({"latents": "latent"}, "Did you mean 'latents'"),
        ({"context": "features"}, "of the same times or grid"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_wrong_batches_are_named():
    model = tiny()
    with pytest.raises(ValueError, match="at least 4 latents.*Received: 3"):
        model.forward(sequences(time=7), training=False)
    with pytest.raises(ValueError, match="at least two sequences"):
        model.forward(sequences(1), training=False)
    with pytest.raises(ValueError, match="encoder's shape"):
        model.unpack(np.zeros((2, 17, 3), np.float32))
    with pytest.raises(ValueError, match="encoder's shape"):
        model.unpack({"inputs": np.zeros((2, 17, 2), np.float32)})
    with pytest.raises(ValueError, match="dtype int64"):
        model.unpack(np.zeros((2, 17, 2), np.int64))
    with pytest.raises(ValueError, match="at least 6 latents"):
        tiny(image_encoder(), steps=5)
    alone = tiny(negatives_from="same_sequence")
    assert np.isfinite(alone.forward(sequences(1), False)["step_losses"]).all()
