# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, heads, losses, methods


def tiny(**options):
    encoder = encoders.compact_resnet((8, 8, 1), width=4, blocks=1)
    return methods.SimCLR(encoder, temperature=0.2, **options)


def views(batch=16, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.random((2, batch, 8, 8, 1), np.float32))


def dataset(batch=16, steps=2):
    first, second = views(batch * steps)
    return tf.data.Dataset.from_tensor_slices((first, second)).batch(batch)


def test_objective_is_nt_xent_of_the_projected_views():
    model = tiny()
    inputs = views()
    outputs = model.forward(inputs, training=False)
    z1, z2 = (model.projector(model.encoder(v)) for v in inputs)
    np.testing.assert_allclose(
        model.objective(outputs)["nt_xent"], losses.nt_xent(z1, z2, 0.2), atol=1e-5
    )


def test_both_views_share_the_batch_statistics():
    # Views of different brightness: normalised apart, they would look alike.
    model = tiny()
    view1, _ = views()
    together = model.forward((view1, view1 * 0.2), training=True)["features1"]
    alone = model.forward((view1, view1), training=True)["features1"]
    assert np.abs(together - alone).max() > 1e-2


@pytest.mark.slow
def test_labels_do_not_reach_training():
    first, second = views(32)
    weights = []
    for labels in (np.zeros(32, int), np.arange(32)):
        keras.utils.set_random_seed(0)
        model = tiny()
        model.compile("sgd")
        batches = tf.data.Dataset.from_tensor_slices(((first, second), labels))
        model.fit(batches.batch(16), epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_dict_batches():
    first, second = views(32)
    batches = tf.data.Dataset.from_tensor_slices({"view1": first, "view2": second})
    model = tiny()
    model.compile("sgd")
    assert np.isfinite(model.fit(batches.batch(16), verbose=0).history["loss"][0])


@pytest.mark.slow
def test_loss_scaling_leaves_the_step_as_it_is():
    weights = []
    for optimizer in (
        keras.optimizers.SGD(0.1),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ):
        keras.utils.set_random_seed(0)
        model = tiny()
        model.compile(optimizer)
        model.fit(dataset(steps=1), verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_evaluation_changes_nothing():
    model = tiny()
    model.compile("sgd")
    before = model.get_weights()
    found = model.evaluate(dataset(steps=1), verbose=0, return_dict=True)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # Batch normalisation in inference mode, as the served encoder computes it.
    losses = model.objective(model.forward(views(), training=False))
    assert found["loss"] == pytest.approx(np.mean(losses["nt_xent"]), rel=1e-5)


class Identity(methods.ViewsModel):
    """Embeddings are the inputs; counts its updates."""

    def __init__(self):
        inputs = keras.Input((4,))
        plain = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
        super().__init__(plain, projector=keras.models.clone_model(plain))
        self.updates = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def objective(self, outputs):
        return {"loss": outputs["embedding1"][:, 0] * 0.0}

    def after_update(self, outputs):
        self.updates.assign_add(1.0)


def test_after_update_runs_once_a_training_step():
    model = Identity()
    model.compile("sgd")
    rows = tf.data.Dataset.from_tensors((tf.eye(4), tf.eye(4))).repeat(3)
    model.fit(rows, verbose=0)
    model.evaluate(rows, verbose=0)
    assert float(model.updates) == 3.0


def test_diagnostics_look_at_all_of_a_large_batch():
    # The first half coincides (0), the second half is opposite (4).
    view1 = tf.random.normal((2048, 4))
    view2 = tf.concat([view1[:1024], -view1[1024:]], axis=0)
    model = Identity()
    found = model.diagnostics(model.forward((view1, view2), training=False))
    assert float(found["alignment"]) == pytest.approx(2.0, abs=1e-3)


def test_metrics_of_known_embeddings():
    model = Identity()
    model.compile("sgd")
    rows = tf.data.Dataset.from_tensors((tf.eye(4), tf.eye(4)))
    found = model.evaluate(rows, verbose=0, return_dict=True)
    assert found["contrastive_accuracy"] == 1.0
    assert found["alignment"] == pytest.approx(0.0, abs=1e-6)
    assert found["uniformity"] == pytest.approx(-4.0, abs=1e-5)
    assert found["rank_me"] == pytest.approx(4.0, abs=1e-4)

    # Both first views lie nearer to each other than to their second views.
    view1 = tf.constant([[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.1, 0.0]])
    view2 = tf.constant([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    near = tf.data.Dataset.from_tensors((view1, view2))
    found = model.evaluate(near, verbose=0, return_dict=True)
    assert found["contrastive_accuracy"] == 0.0

    collapsed = tf.data.Dataset.from_tensors((tf.ones((4, 4)), tf.ones((4, 4))))
    found = model.evaluate(collapsed, verbose=0, return_dict=True)
    assert found["contrastive_accuracy"] == 0.0
    assert found["embedding_std"] == pytest.approx(0.0, abs=1e-6)
    assert found["uniformity"] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.slow
def test_training_finds_the_other_view():
    rng = np.random.default_rng(0)
    images = rng.random((64, 8, 8, 1), np.float32)
    noise = rng.normal(0, 0.02, (2, *images.shape)).astype(np.float32)
    views = np.clip(images + noise, 0, 1)
    batches = tf.data.Dataset.from_tensors(tuple(views))
    model = tiny()
    model.compile(keras.optimizers.AdamW(1e-2))
    history = model.fit(batches.repeat(40), epochs=1, verbose=0).history
    final = model.evaluate(batches, verbose=0, return_dict=True)
    assert final["loss"] < history["loss"][0]
    assert final["contrastive_accuracy"] > 0.9


@pytest.mark.slow
def test_saved_model_continues_exactly(tmp_path):
    model = tiny(projector=heads.projection_head(16, depth=3, width=8))
    model.compile(keras.optimizers.AdamW(1e-3))
    model.fit(dataset(), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is methods.SimCLR and again.temperature == 0.2
    for one, other in zip(
        model.optimizer.variables, again.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    for trained in (model, again):
        trained.fit(dataset(), epochs=2, verbose=0)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_config_round_trip():
    model = tiny(projector=heads.projection_head(16, width=5))
    again = methods.SimCLR.from_config(model.get_config())
    assert again.temperature == 0.2
    assert again.projector.output_shape == (None, 5)
    assert again.encoder.count_params() == model.encoder.count_params()


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize(
    # XLA takes a minute to compile a convolution net for the processor.
    "jit",
    [False, pytest.param(True, marks=pytest.mark.slow)],
)
def test_precisions_and_xla(policy, jit):
    keras.mixed_precision.set_global_policy(policy)
    model = tiny()
    model.compile(keras.optimizers.AdamW(1e-3), jit_compile=jit)
    before = model.get_weights()
    history = model.fit(dataset(), epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.slow
def test_predict_gives_the_encoders_features():
    model = tiny()
    view, _ = views()
    np.testing.assert_array_equal(
        model.predict(view, verbose=0), model.encoder.predict(view, verbose=0)
    )


@pytest.mark.slow
def test_regularisers_are_part_of_the_loss():
    inputs = keras.Input((4,))
    layer = keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(100.0))
    encoder = keras.Model(inputs, layer(inputs))
    model = methods.SimCLR(encoder)
    model.compile(keras.optimizers.SGD(0.0))
    rows = tf.data.Dataset.from_tensors((tf.eye(4), tf.eye(4)))
    loss = model.fit(rows, verbose=0).history["loss"][0]
    penalty = 100 * np.square(layer.kernel.numpy()).sum()
    outputs = model.forward((tf.eye(4), tf.eye(4)), training=True)
    contrast = float(tf.reduce_mean(model.objective(outputs)["nt_xent"]))
    assert loss == pytest.approx(penalty + contrast, rel=1e-4)
    # In validation too, or the two curves could not be compared.
    assert model.evaluate(rows, verbose=0, return_dict=True)["loss"] > penalty


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((np.ones((4, 8, 8, 1)), np.ones(4)), "two views"),
        (np.ones((4, 8, 8, 1)), "two views"),
        ((np.ones((1, 8, 8, 1)),) * 2, "at least two examples"),
    ],
)
def test_wrong_batches_are_named(batch, message):
    model = tiny()
    model.compile("sgd")
    with pytest.raises(ValueError, match=message):
        model.train_step(tf.nest.map_structure(tf.constant, batch))


def test_wrong_parts_are_named():
    inputs = keras.Input((8, 8, 1))
    maps = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    with pytest.raises(ValueError, match="one vector per example"):
        methods.SimCLR(maps)
    with pytest.raises(TypeError, match=r"keras\.Model"):
        methods.SimCLR(lambda x: x)
    with pytest.raises(ValueError, match="must be built"):
        methods.SimCLR(keras.Sequential([keras.layers.Dense(3)]))
    with pytest.raises(ValueError, match="16 features"):
        tiny(projector=heads.projection_head(12))
    with pytest.raises(ValueError, match="positive"):
        methods.SimCLR(
            encoders.compact_resnet((8, 8, 1), width=4, blocks=1), temperature=0
        )
    with pytest.raises(ValueError, match="brings its own loss"):
        tiny().compile("sgd", loss="mse")


def test_unknown_method_suggests_the_near_one():
    with pytest.raises(ValueError, match="Did you mean 'simclr'"):
        methods.get("simcrl")
