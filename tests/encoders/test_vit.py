# SPDX-License-Identifier: Apache-2.0
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, export, methods

IMAGES = np.random.default_rng(0).random((2, 9, 13, 3), np.float32)


def tiny(**options):
    options = {"depth": 2, "patch": 4, "input_shape": (9, 13, 3)} | options
    model = encoders.vit(8, heads=2, **options)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape, scale=0.5))
    return model


def normed(x, layer):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    return x * layer.gamma.numpy() + layer.beta.numpy()


def attended(tokens, layer):
    """The layer's output and its weights, (heads, tokens, tokens), head by head."""
    weights = {
        w.path.rsplit("/", 2)[-2] + "_" + w.name: w.numpy() for w in layer.weights
    }
    out, maps = weights["attention_output_bias"].copy(), []
    for head in range(2):
        q, k, v = (
            tokens @ weights[f"{name}_kernel"][:, head] + weights[f"{name}_bias"][head]
            for name in ("query", "key", "value")
        )
        scores = np.exp(q @ k.T / math.sqrt(q.shape[1]))
        maps.append(scores / scores.sum(1, keepdims=True))
        out = out + maps[-1] @ v @ weights["attention_output_kernel"][head]
    return out, np.stack(maps)


def slowly(model, image, blocks=2):
    """Features of an image in loops, and the attention of the last block."""
    get = model.get_layer
    kernel, bias = (w.numpy() for w in get("patches").weights)
    tokens = [get("class_token").token.numpy()[0, 0]]
    for row in range(2):
        for column in range(3):
            patch = 2 * image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] - 1
            vector = np.tensordot(patch, kernel, 3) + bias
            tokens.append(vector + get("positions").embedding.numpy()[row, column])
    x = np.stack(tokens)
    for number in range(blocks):
        part = f"block{number}_"
        added, maps = attended(normed(x, get(part + "norm1")), get(part + "attention"))
        x = x + added
        hidden, dense = get(part + "hidden"), get(part + "dense")
        y = normed(x, get(part + "norm2")) @ hidden.kernel.numpy() + hidden.bias.numpy()
        y = y * np.vectorize(lambda u: (1 + math.erf(u / math.sqrt(2))) / 2)(y)
        x = x + y @ dense.kernel.numpy() + dense.bias.numpy()
    return x, maps


def test_equals_slow_formula():
    model = tiny()
    tokens, maps = zip(*(slowly(model, image) for image in IMAGES), strict=True)
    expected = [normed(x, model.get_layer("norm"))[0] for x in tokens]
    np.testing.assert_allclose(model(IMAGES), expected, rtol=1e-4, atol=1e-5)
    got = encoders.attention_maps(model, IMAGES)
    np.testing.assert_allclose(got, maps, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.sum(got, -1), 1, rtol=1e-5)
    first = encoders.attention_maps(model, IMAGES, block=0)
    np.testing.assert_allclose(first[0], slowly(model, IMAGES[0], 1)[1], rtol=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "mean_of_norms"])
def test_means_leave_the_class_token_out(pooling):
    model = tiny(pooling=pooling)
    norm = model.get_layer("norm")
    patches = [slowly(model, image)[0][1:] for image in IMAGES]
    expected = [
        normed(x.mean(0), norm) if pooling == "mean" else normed(x, norm).mean(0)
        for x in patches
    ]
    np.testing.assert_allclose(model(IMAGES), expected, rtol=1e-4, atol=1e-5)
    alone = tiny(pooling=pooling, class_token=False)
    assert "class_token" not in {layer.name for layer in alone.layers}
    assert len(alone.weights) == len(model.weights) - 1


@pytest.mark.parametrize("interpolation", ["timm", "dino"])
def test_the_same_weights_at_another_size(interpolation, tmp_path):
    model = tiny(grid=(5, 5), interpolation=interpolation)
    other = tiny(grid=(5, 5), interpolation=interpolation, input_shape=(20, 20, 3))
    other.set_weights(model.get_weights())
    assert other(np.zeros((1, 20, 20, 3))).shape == (1, 8)
    # Learned positions that are all alike stay so, since the weights add up to 1.
    layer = model.get_layer("positions")
    layer.embedding.assign(np.broadcast_to(np.arange(8.0), (5, 5, 8)))
    added = layer(np.zeros((1, 2, 3, 8)))
    np.testing.assert_allclose(added[0], np.broadcast_to(np.arange(8.0), (2, 3, 8)))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))


def test_fixed_positions_are_sines_and_cosines():
    model = encoders.vit_tiny((12, 20, 1), patch=4, depth=1, positions="fixed")
    layer = model.get_layer("positions")
    assert not layer.trainable_weights
    vector = layer.embedding.numpy()[1, 3]
    assert vector[5] == pytest.approx(math.sin(1 / 10_000 ** (5 / 48)), rel=1e-5)
    assert vector[48 * 3 + 7] == pytest.approx(math.cos(3 / 10_000 ** (7 / 48)))


@pytest.mark.parametrize(
    ("builder", "parameters", "features"),
    # timm's, without classifier.
    [
        (encoders.vit_tiny, 5_524_416, 192),
        (encoders.vit_small, 21_665_664, 384),
        (encoders.vit_base, 85_798_656, 768),
    ],
)
@pytest.mark.slow
def test_sizes_are_those_of_the_papers(builder, parameters, features):
    model = builder()
    # The position of the class token is part of the token.
    assert model.count_params() == parameters - features
    assert model.output_shape == (None, features)


def test_small_images_get_small_patches_and_layers_are_in_order():
    model = encoders.build("vit_tiny", (8, 8, 1), depth=2)
    assert model.get_layer("patches").output.shape == (None, 2, 2, 192)
    blocks = [x.name[:6] for x in model.layers if x.name.startswith("block")]
    assert blocks == sorted(blocks) and {*blocks} == {"block0", "block1"}
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = encoders.build("vit_tiny", (8, 8, 1), depth=1)
    assert model(np.ones((1, 8, 8, 1))).dtype == "float32"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "max"}, "Unknown pooling"),
        ({"positions": "rotary"}, "Unknown positions"),
        ({"interpolation": "near"}, "Unknown interpolation"),
        ({"patch": 10}, "at least one patch of 10 pixels"),
        ({"class_token": False}, "needs a class token"),
        ({"depth": 0}, "must be at least 1"),
        ({"input_shape": (8, 8)}, "height, width, channels"),
        ({"scaling": "mnist"}, "Unknown scaling"),
        ({"scaling": ([0.5], [0.5])}, "each of 3 channels"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_heads_divide_the_width_and_other_networks_have_no_attention():
    with pytest.raises(ValueError, match="multiple of `heads`"):
        encoders.vit(8, heads=3, patch=4, input_shape=(8, 8, 1))
    other = encoders.compact_resnet((8, 8, 1), width=4, blocks=1)
    with pytest.raises(ValueError, match="0 blocks"):
        encoders.attention_maps(other, np.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="block 2"):
        encoders.attention_maps(tiny(), IMAGES, block=2)


@pytest.mark.slow
def test_other_runtimes_run_it(tmp_path):
    # Each compares what it wrote with the encoder.
    model = tiny(grid=(5, 5), scaling="imagenet")
    export.onnx(model, tmp_path / "model.onnx")
    export.litert(model, tmp_path / "model.tflite")


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [methods.SimCLR, methods.BYOL, methods.DINO, methods.VICReg]
)
def test_methods_train_every_weight(method, tmp_path):
    model = method(tiny(scaling="imagenet"))
    model.compile(keras.optimizers.Adam(0.01))
    before = [weight.numpy() for weight in model.encoder.trainable_weights]
    views = [tf.constant(IMAGES[[0, 1, 0, 1]] * (1 - 0.1 * i)) for i in range(2)]
    model.fit(tf.data.Dataset.from_tensors(tuple(views)).repeat(2), verbose=0)
    for old, new in zip(before, model.encoder.trainable_weights, strict=True):
        # Of keys' biases softmax takes no notice.
        assert new.path.endswith("key/bias") or np.abs(old - new).max() > 1e-6, new.path
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.encoder(IMAGES), model.encoder(IMAGES), rtol=1e-5)
