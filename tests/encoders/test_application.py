# SPDX-License-Identifier: Apache-2.0
"""Keras's own models, with their own weights and their own preprocessing."""

import keras
import numpy as np
import pytest

from cl_keras import encoders

slow = pytest.mark.slow
applications = keras.applications
IMAGES = np.random.default_rng(0).random((2, 40, 40, 3)).astype("float32")


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("MobileNetV2", applications.mobilenet_v2),
        ("MobileNetV3Small", applications.mobilenet_v3),
        ("VGG16", applications.vgg16),
        pytest.param("ResNet50", applications.resnet, marks=slow),
        pytest.param("ResNet50V2", applications.resnet_v2, marks=slow),
        pytest.param("DenseNet121", applications.densenet, marks=slow),
        pytest.param("EfficientNetB0", applications.efficientnet, marks=slow),
    ],
)
def test_weights_of_a_file_meet_the_pixels_they_were_trained_on(name, module, tmp_path):
    shape = IMAGES.shape[1:]
    builder = getattr(applications, name)
    model = builder(include_top=False, weights=None, pooling="avg", input_shape=shape)
    rng = np.random.default_rng(1)
    model.set_weights(
        [
            (w + 0.01 * rng.random(w.shape)).astype(w.dtype) if w.ndim else w
            for w in model.get_weights()
        ]
    )
    file = str(tmp_path / "own.weights.h5")
    model.save_weights(file)
    expected = model.predict(module.preprocess_input(255 * IMAGES.copy()), verbose=0)

    encoder = encoders.build(f"keras:{name}", shape, weights=file)

    np.testing.assert_allclose(
        encoder.predict(IMAGES, verbose=0), expected, rtol=1e-4, atol=1e-5
    )
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras", safe_mode=True)
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), encoder.predict(IMAGES, verbose=0)
    )


def test_weights_that_are_not_there_or_do_not_fit_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="weights=imagenet or a file.*'nowhere.h5'"):
        encoders.build("keras:MobileNetV2", (32, 32, 3), weights="nowhere.h5")
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    file = str(tmp_path / "other.weights.h5")
    other.save_weights(file)
    with pytest.raises(ValueError, match="other.weights.h5' of keras:MobileNetV2"):
        encoders.build("keras:MobileNetV2", (32, 32, 3), weights=file)


@pytest.mark.slow
def test_a_backbone_of_keras_hub_scales_pixels_as_its_preset_says(tmp_path):
    keras_hub = pytest.importorskip("keras_hub")
    body = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    converter = keras_hub.layers.ImageConverter(
        image_size=(40, 40), scale=[0.01, 0.02, 0.03], offset=[-1.0, 0.0, 1.0]
    )
    body.save_to_preset(str(tmp_path / "preset"))
    converter.save_to_preset(str(tmp_path / "preset"))
    expected = body.predict(
        255 * IMAGES * [0.01, 0.02, 0.03] + [-1.0, 0.0, 1.0], verbose=0
    ).mean(axis=(1, 2))

    name = f"keras_hub:{tmp_path / 'preset'}"
    encoder = encoders.build(name, IMAGES.shape[1:])

    np.testing.assert_allclose(
        encoder.predict(IMAGES, verbose=0), expected, rtol=1e-4, atol=1e-5
    )
    with pytest.raises(ValueError, match="KerasHub could not load.*nowhere"):
        encoders.build("keras_hub:./nowhere", (40, 40, 3))
