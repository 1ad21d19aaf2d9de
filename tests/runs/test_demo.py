# SPDX-License-Identifier: Apache-2.0
"""What the demo trains, by any method."""

from types import SimpleNamespace

import pytest

from cl_keras import augment
from cl_keras.methods import METHODS
from cl_keras.runs import demo_config
from cl_keras.runs.jobs.images import _views
from cl_keras.runs.jobs.model import build_model

OF_IMAGES = [name for name, row in METHODS.items() if "image" in row.modalities]
SHAPE = (32, 32, 1)


@pytest.mark.slow
@pytest.mark.parametrize("method", OF_IMAGES)
def test_any_method_for_images_has_a_model_and_views(method):
    config = demo_config("run", method=method)
    parts = SimpleNamespace(input_shape=SHAPE, encoder_options={})
    if method == "cmc":  # Of brightness and colour.
        with pytest.raises(ValueError, match="grey images have no colours"):
            build_model(config, parts)
        return
    assert build_model(config, parts).encoder.input_shape[1:] == SHAPE
    if METHODS[method].views > 1:
        views = _views(config, SHAPE)
        # A digit stays a digit, wherever it is and however it is turned.
        assert (views.flip, views.grayscale, views.rotation) == (0.0, 0.0, 20.0)


def test_the_settings_of_simclr_are_those_of_the_data():
    scattered, digits = demo_config("run"), demo_config("run", "digits")
    assert (scattered.epochs, scattered.learning_rate) == (60, 4e-3)
    assert scattered.settings == {"encoder.width": 16, "temperature": 0.1}
    assert (digits.epochs, digits.learning_rate) == (30, 2e-3)
    assert digits.settings == {"encoder.width": 16, "temperature": 0.2}
    assert demo_config("run", epochs=3, method="byol").settings == {"encoder.width": 16}
    views = _views(scattered, SHAPE)
    assert isinstance(views, augment.SimCLRImages) and views.scale == (0.5, 1.0)


def test_methods_of_other_data_are_refused():
    with pytest.raises(ValueError, match="for images.*dgi, which learns from graph"):
        demo_config("run", method="dgi")
