# SPDX-License-Identifier: Apache-2.0
"""SupCon against plain NumPy, and against NT-Xent where all labels differ."""

import numpy as np
import pytest
import tensorflow as tf
from vectors import dense, unit

from cl_keras import losses, methods

VIEWS = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
LABELS = np.array([3, 1, 3, 3, 2, 1])


def test_it_is_the_papers():
    z = np.concatenate([unit(view) for view in VIEWS])
    labels, products = np.tile(LABELS, 2), z @ z.T / 0.3
    others = ~np.eye(12, dtype=bool)
    expected = np.zeros(12)
    for i in range(12):
        logs = products[i] - np.log(np.exp(products[i][others[i]]).sum())
        expected[i] = -logs[(labels == labels[i]) & others[i]].mean()
    loss = losses.supcon(*VIEWS, LABELS, 0.3)
    np.testing.assert_allclose(loss, (expected[:6] + expected[6:]) / 2, rtol=1e-5)


def test_of_different_labels_it_is_nt_xent():
    with tf.GradientTape(persistent=True) as tape:
        views = [tf.constant(view) for view in VIEWS]
        tape.watch(views)
        one = losses.supcon(*views, np.arange(6), 0.2)
        other = losses.nt_xent(*views, 0.2)
    np.testing.assert_allclose(one, other, rtol=1e-5)
    for view in views:
        np.testing.assert_allclose(
            tape.gradient(one, view), tape.gradient(other, view), atol=1e-6
        )


def supcon():
    model = methods.SupCon(dense(5, 4), dense(4, 3))
    model.compile("sgd")
    return model


def test_labels_reach_the_loss():
    views = tuple(np.random.default_rng(0).random((2, 6, 5), np.float32))
    model = supcon()
    batch = tf.data.Dataset.from_tensors
    found = [
        model.evaluate(batch((views, labels)), verbose=0, return_dict=True)["loss"]
        for labels in (LABELS, LABELS[::-1].copy(), np.arange(6))
    ]
    assert len({round(loss, 5) for loss in found}) == 3


@pytest.mark.parametrize("batch", [(VIEWS[0], VIEWS[1]), {"view1": VIEWS[0]}])
def test_views_without_labels_are_named(batch):
    with pytest.raises(ValueError, match="views with labels"):
        supcon().unpack(batch)
    with pytest.raises(TypeError, match="labels"):
        losses.supcon(*VIEWS, np.ones(6, np.float32))
