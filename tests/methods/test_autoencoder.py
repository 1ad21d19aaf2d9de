# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data, encoders, heads, methods

layers = keras.layers
SHAPE = (8, 8, 1)
KINDS = [methods.Autoencoder, methods.DenoisingAutoencoder]


def tiny(kind=methods.Autoencoder, **options):
    """One layer each way: quick to trace and to train."""
    encoder = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(32, "relu")]
    )
    decoder = keras.Sequential(
        [keras.Input((32,)), layers.Dense(64, "sigmoid"), layers.Reshape(SHAPE)]
    )
    return kind(encoder, decoder, **options)


def pictures(count=16, seed=0):
    """Smooth images: a dot of any place and brightness."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:8, :8]
    y, x = rng.uniform(1, 7, (2, count, 1, 1))
    dots = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 4)
    return (dots * rng.uniform(0.3, 1, (count, 1, 1)))[..., None].astype(np.float32)


def batches(images, batch=16):
    return tf.data.Dataset.from_tensor_slices((images,)).batch(batch)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_the_mean_squared_error_of_each_image(kind):
    model, images = tiny(kind), pictures()
    rebuilt = model.decoder.predict(model.encoder.predict(images, verbose=0), verbose=0)
    expected = ((images - rebuilt) ** 2).reshape(16, -1).mean(axis=1)
    outputs = model.forward(tf.constant(images), training=False)
    (loss,) = model.objective(outputs).values()
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    model.compile("sgd")
    found = model.evaluate(batches(images, 5), verbose=0, return_dict=True)
    # Of all images: the last batch has one, and counts as one.
    assert found["loss"] == pytest.approx(expected.mean(), rel=1e-4)


def test_explained_variance():
    images = pictures(8)
    decoder = keras.Sequential(
        [keras.Input((64,)), keras.layers.Reshape(SHAPE, name="image")]
    )
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    model = methods.Autoencoder(encoder, decoder)
    for rebuilt, expected in ((images, 1.0), (images.mean(0) + 0 * images, 0.0)):
        outputs = {"images": images, "reconstruction": rebuilt}
        found = float(model.diagnostics(outputs)["explained_variance"])
        assert found == pytest.approx(expected, abs=1e-5)
    alike = np.full((4, *SHAPE), 0.5, np.float32)
    outputs = {"images": alike, "reconstruction": alike}
    assert float(model.diagnostics(outputs)["explained_variance"]) == 0.0


@pytest.mark.slow
def test_denoising_removes_noise_from_images_it_has_not_seen():
    images, others = pictures(512), pictures(64, seed=1)
    noise = np.random.default_rng(2).normal(0, 0.25, others.shape)
    noisy = (others + noise).astype(np.float32)
    explained, error = {}, {}
    for kind in KINDS:
        keras.utils.set_random_seed(0)
        model = tiny(kind)
        model.compile(keras.optimizers.Adam(1e-2))
        model.fit(batches(images, 64).cache(), epochs=30, verbose=0)
        found = model.evaluate(batches(others, 64), verbose=0, return_dict=True)
        explained[kind] = found["explained_variance"]
        error[kind] = float(
            np.mean((model.decoder(model.encoder(noisy)) - others) ** 2)
        )
    plain, denoising = KINDS
    assert explained[plain] > 0.7
    assert explained[denoising] > 0.5
    # Half of the noise's own variance, and less than without having learnt to.
    assert error[denoising] < 0.25**2 / 2
    assert error[denoising] < error[plain]


def test_gaussian_corruption():
    model = tiny(methods.DenoisingAutoencoder, noise=0.3)
    images = tf.zeros((200, *SHAPE)) + 0.5
    first, second = (model.corrupt(images).numpy() - 0.5 for _ in range(2))
    assert first.mean() == pytest.approx(0.0, abs=0.02)
    assert first.std() == pytest.approx(0.3, abs=0.02)
    assert np.abs(first - second).mean() > 0.1
    assert np.abs(np.corrcoef(first.reshape(200, -1)[:2])[0, 1]) < 0.5


def test_mask_corruption():
    encoder = encoders.compact_resnet((8, 8, 3), width=4, blocks=1)
    model = methods.DenoisingAutoencoder(encoder, noise=0.25, corruption="mask")
    images = tf.random.uniform((200, 8, 8, 3), 0.1, 1.0)
    seen = model.corrupt(images).numpy()
    masked = (seen == 0).all(-1)
    assert masked.mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(seen[~masked], images.numpy()[~masked])
    assert (model.corrupt(images).numpy() != seen).any()


def test_noise_is_for_training_only():
    images = tf.constant(pictures())
    for corruption in ("gaussian", "mask"):
        model = tiny(methods.DenoisingAutoencoder, noise=0.5, corruption=corruption)
        noisy, again = (model.forward(images, True)["features"] for _ in range(2))
        assert np.abs(noisy - again).max() > 1e-4
        clean, again = (model.forward(images, False)["features"] for _ in range(2))
        np.testing.assert_array_equal(clean, again)
        # The target is the clean image.
        np.testing.assert_array_equal(model.forward(images, True)["images"], images)
    still = tiny(methods.DenoisingAutoencoder, noise=0.0)
    np.testing.assert_array_equal(still.corrupt(images), images)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_batches_with_and_without_labels(kind):
    images, labels = pictures(), np.arange(16)
    losses = []
    for content in (images, (images,), (images, labels), (images, labels[::-1])):
        keras.utils.set_random_seed(0)
        model = tiny(kind)
        model.compile("sgd")
        dataset = tf.data.Dataset.from_tensor_slices(content).batch(8)
        losses.append(model.fit(dataset, epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1] == losses[2] == losses[3]


def test_the_librarys_pipelines_and_arrays_fit():
    images = (pictures(32) * 255).astype(np.uint8)
    model = tiny()
    model.compile("sgd")
    for dataset in (data.one_view(images, 16), data.batches(images, 16)):
        assert np.isfinite(model.fit(dataset, verbose=0).history["loss"][0])
    assert np.isfinite(model.fit(pictures(), verbose=0).history["loss"][0])


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.ones((4, 8, 8, 3), np.float32), r"\(4, 8, 8, 3\)"),
        (np.ones((8, 8, 1), np.float32), "single images"),
        ((np.ones((4, *SHAPE), np.float32),) * 2, "two batches"),
        (((np.ones((4, *SHAPE), np.float32),) * 2, np.ones(4)), "single images"),
        ({"view1": np.ones((4, *SHAPE), np.float32)}, "single images"),
        ((), "single images"),
    ],
)
def test_wrong_batches_are_named(batch, message):
    model = tiny()
    model.compile("sgd")
    with pytest.raises(ValueError, match=message):
        model.train_step(tf.nest.map_structure(tf.constant, batch))


def test_wrong_parts_are_named():
    inputs = keras.Input((12,))
    vectors = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    with pytest.raises(ValueError, match="images of one size"):
        methods.Autoencoder(vectors)
    inputs = keras.Input((None, None, 3))
    open_size = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    with pytest.raises(ValueError, match="images of one size"):
        methods.Autoencoder(open_size)
    encoder = encoders.compact_resnet(SHAPE, width=4, blocks=1)
    with pytest.raises(ValueError, match="16 features"):
        methods.Autoencoder(encoder, heads.image_decoder(12, SHAPE))
    with pytest.raises(ValueError, match="16 features"):
        methods.Autoencoder(encoder, heads.image_decoder(16, (8, 8, 3)))
    for options, message in (
        ({"noise": -0.1}, "noise=-0.1"),
        ({"noise": float("nan")}, "noise=nan"),
        ({"noise": 1.0, "corruption": "mask"}, "noise=1.0"),
        ({"corruption": "gausian"}, "Did you mean 'gaussian'"),
    ):
        with pytest.raises(ValueError, match=message):
            methods.DenoisingAutoencoder(encoder, **options)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_saved_model_continues_exactly(kind, tmp_path):
    model = tiny(kind)
    model.compile(keras.optimizers.AdamW(1e-3))
    dataset = batches(pictures(32))
    model.fit(dataset, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    keras.utils.set_random_seed(7)
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is kind
    histories = [m.fit(dataset, epochs=2, verbose=0).history for m in (model, again)]
    assert histories[0] == histories[1]
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_config_round_trip():
    model = tiny(methods.DenoisingAutoencoder, noise=0.4, corruption="mask")
    again = methods.DenoisingAutoencoder.from_config(model.get_config())
    assert (again.noise, again.corruption) == (0.4, "mask")
    assert again.decoder.count_params() == model.decoder.count_params()


def changed_by_training(model, **options):
    model.compile(keras.optimizers.AdamW(1e-3), **options)
    before = model.encoder.get_weights()
    history = model.fit(batches(pictures()), epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    after = model.encoder.get_weights()
    return any((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_convolutions_in_half_precision(policy):
    keras.mixed_precision.set_global_policy(policy)
    encoder = encoders.compact_resnet(SHAPE, width=4, blocks=1)
    assert changed_by_training(methods.DenoisingAutoencoder(encoder))


@pytest.mark.slow
@pytest.mark.parametrize("corruption", ["gaussian", "mask"])
def test_xla(corruption):
    model = tiny(methods.DenoisingAutoencoder, corruption=corruption)
    assert changed_by_training(model, jit_compile=True)


def test_predict_gives_the_encoders_features():
    model, images = tiny(), pictures()
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), model.encoder.predict(images, verbose=0)
    )
