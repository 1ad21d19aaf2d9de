# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import encoders


# Parameters of torchvision's models without their classifiers: 11,176,512,
# 21,284,672 and 23,508,032.  Ours has two variables more per normalised channel,
# since Keras counts moving statistics.
@pytest.mark.parametrize(
    ("builder", "parameters", "features"),
    [
        (encoders.resnet18, 11_176_512, 512),
        (encoders.resnet34, 21_284_672, 512),
        (encoders.resnet50, 23_508_032, 2048),
    ],
)
def test_resnets_are_those_of_the_paper(builder, parameters, features):
    model = builder((64, 64, 3), stem="imagenet")
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trainable == parameters
    assert model.output_shape == (None, features)


@pytest.mark.parametrize(
    ("stem", "side"),
    [
        ("imagenet", 8),
        ("strided", 16),
        ("small", 32),
        ("torchvision", 8),
        ("small_padded", 34),
        ("small_linear", 32),
    ],
)
def test_stems_keep_the_promised_resolution(stem, side):
    model = encoders.resnet([1], [4], input_shape=(32, 32, 3), stem=stem)
    assert model.layers[-2].output.shape == (None, side, side, 4)


def test_compact_resnet_size():
    assert encoders.compact_resnet().count_params() == 697_568


def test_each_stage_of_the_compact_resnet_halves_and_doubles():
    model = encoders.compact_resnet(width=4, blocks=1, stages=4)
    ends = [x for x in model.layers if isinstance(x, keras.layers.Add)]
    sizes = [x.output.shape[1:] for x in ends]
    assert sizes == [(16, 16, 4), (8, 8, 8), (4, 4, 16), (2, 2, 32)]
    assert model.output_shape == (None, 32)


def test_features_are_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = encoders.compact_resnet((8, 8, 1), width=4, blocks=1)
    assert model.predict(np.ones((2, 8, 8, 1)), verbose=0).dtype == np.float32


def test_blocks_start_as_identity():
    # The last gamma of each block is zero: only the shortcut passes at first.
    model = encoders.resnet([3], [4], input_shape=(8, 8, 1), stem="small")
    shallow = encoders.resnet([1], [4], input_shape=(8, 8, 1), stem="small")
    images = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    for one, other in zip(shallow.weights, model.weights, strict=False):
        other.assign(one)
    np.testing.assert_allclose(
        model(images, training=False), shallow(images, training=False), atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0"])
def test_any_keras_application(name):
    model = encoders.build(f"keras:{name}", (32, 32, 3))
    assert model.predict(np.ones((2, 32, 32, 3)), verbose=0).shape == (2, 1280)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale", "offset"),
    [("MobileNetV2", 2.0, -1.0), ("EfficientNetB0", 255.0, 0.0)],
)
def test_applications_get_the_range_they_expect(name, scale, offset):
    model = encoders.build(f"keras:{name}", (32, 32, 3))
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    body = getattr(keras.applications, name)(
        include_top=False, weights=None, pooling="avg", input_shape=(32, 32, 3)
    )
    body.set_weights(model.get_weights())
    np.testing.assert_allclose(
        model(images, training=False),
        body(images * scale + offset, training=False),
        rtol=1e-4,
        atol=1e-6,
    )


def test_mid_grey_is_zero_inside():
    # [0, 1] becomes [-1, 1] in the encoder; without biases, zero stays zero.
    model = encoders.compact_resnet((8, 8, 1), width=4, blocks=1)
    grey = np.full((1, 8, 8, 1), 0.5, np.float32)
    np.testing.assert_array_equal(model(grey, training=False), np.zeros((1, 16)))
    assert np.abs(model(grey + 0.25, training=False)).max() > 1e-3


def test_strided_convolutions_pad_both_sides():
    # As in the authors' code: windows begin at rows -1, 1, 3; Keras's "same" would
    # begin at 0, 2, 4, and row 2 would be seen twice.
    model = encoders.resnet([1], [1], input_shape=(8, 8, 1), stem="strided")
    conv = next(x for x in model.layers if isinstance(x, keras.layers.Conv2D))
    conv.kernel.assign(np.ones(conv.kernel.shape))
    image = np.full((1, 8, 8, 1), 0.5, np.float32)
    image[0, 2, 2] = 1.0
    seen = keras.Model(model.input, conv.output)(image)
    assert np.argwhere(seen[0, ..., 0]).tolist() == [[1, 1]]


def test_scaling_by_mean_and_deviation_of_each_channel():
    options = {"input_shape": (8, 8, 3), "stem": "small"}
    model = encoders.resnet([1], [4], scaling="imagenet", **options)
    other = encoders.resnet([1], [4], scaling=([0.0] * 3, [1.0] * 3), **options)
    other.set_weights(model.get_weights())
    images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    scaled = (images - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(model(images), other(scaled), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="deviation.1. must be|must be positive"):
        encoders.resnet([1], [4], scaling=([0.0] * 3, [1.0, 0.0, 1.0]), **options)


def test_widths_of_stem_and_bottlenecks():
    model = encoders.resnet(
        *([1], [8]),
        input_shape=(8, 8, 3),
        stem="small",
        bottleneck=True,
        expansion=2,
        stem_width=6,
    )
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert [x.filters for x in convolutions[:3]] == [6, 8, 8]
    assert model.output_shape == (None, 16)


@pytest.mark.slow
def test_build_chooses_the_stem_by_size():
    small = encoders.build("resnet18", (32, 32, 3))
    large = encoders.build("resnet18", (96, 96, 3))
    assert not any(isinstance(x, keras.layers.MaxPooling2D) for x in small.layers)
    assert any(isinstance(x, keras.layers.MaxPooling2D) for x in large.layers)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet81", {}, "Did you mean 'resnet18'"),
        ("keras:MobileNetV9", {}, "Did you mean"),
        ("compact_resnet", {"depth": 3}, "Unknown option of the encoder"),
        ("compact_resnet", {"stages": 0}, "must be at least 1"),
        ("resnet18", {"stem": "huge"}, "must be one of"),
    ],
)
def test_wrong_names_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        encoders.build(name, (32, 32, 3), **options)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="height, width, channels"):
        encoders.compact_resnet((32, 32))
    with pytest.raises(ValueError, match="one entry a stage"):
        encoders.resnet([1], [4, 8], input_shape=(8, 8, 1), stem="small")
