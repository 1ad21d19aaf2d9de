# SPDX-License-Identifier: Apache-2.0
"""Keras's own `model.export` of a method: its encoder."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, methods


@pytest.mark.slow
def test_export_after_fit_and_predict(tmp_path):
    encoder = encoders.compact_resnet((16, 16, 3), width=4, blocks=1)
    model = methods.SimCLR(encoder)
    model.compile("sgd")
    views = np.random.default_rng(0).random((2, 8, 16, 16, 3), np.float32)
    model.fit((views[0], views[1]), verbose=0)
    features = model.predict(views[0], verbose=0)
    model.export(tmp_path / "s", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "s")
    np.testing.assert_allclose(loaded.serve(views[0]), features, atol=1e-5)
