# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import encoders


def test_layers_are_those_of_the_paper():
    encoder = encoders.dim_conv()
    shapes = {
        name: encoder.get_layer(name).output.shape[1:]
        for name in ("conv1", "conv2", "conv3", "fc", "code")
    }
    assert shapes == {
        "conv1": (16, 16, 64),
        "conv2": (8, 8, 128),
        "conv3": (4, 4, 256),
        "fc": (1024,),
        "code": (64,),
    }
    kernels = 16 * (3 * 64 + 64 * 128 + 128 * 256) + 4096 * 1024 + 1024 * 64
    normalisation, bias = 2 * (64 + 128 + 256 + 1024), 64
    trainable = sum(int(np.prod(w.shape)) for w in encoder.trainable_weights)
    assert trainable == kernels + normalisation + bias


def test_taps_are_after_the_activation():
    encoder = encoders.dim_conv((16, 16, 1), widths=(4, 8), hidden=16, code=8)
    images = np.random.default_rng(0).random((4, 16, 16, 1), np.float32)
    for name in ("conv1", "conv2", "fc"):
        inner = keras.Model(encoder.inputs, encoder.get_layer(name).output)
        values = inner.predict(images, verbose=0)
        assert values.min() == 0.0 and values.max() > 0.0
    assert encoder.predict(images, verbose=0).min() < 0.0


def test_padding_is_one_pixel_on_each_side():
    encoder = encoders.dim_conv((8, 8, 1), widths=(1,), hidden=2, code=2)
    convolution = encoder.get_layer("conv1_kernel")
    kernel = np.arange(16, dtype=np.float32).reshape(4, 4, 1, 1)
    convolution.set_weights([kernel])
    image = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    padded = np.pad(image, 1)
    expected = [
        [
            (padded[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] * kernel[..., 0, 0]).sum()
            for j in range(4)
        ]
        for i in range(4)
    ]
    found = convolution(image[None, ..., None])[0, ..., 0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_by_name_with_options():
    encoder = encoders.build("dim_conv", (16, 16, 3), code=8, hidden=32)
    assert encoder.output_shape == (None, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (32, 32)}, "height, width, channels"),
        ({"widths": ()}, "widths"),
        ({"code": 0}, "code=0"),
    ],
)
def test_wrong_sizes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        encoders.dim_conv(**options)
