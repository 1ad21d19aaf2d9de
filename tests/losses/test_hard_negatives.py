# SPDX-License-Identifier: Apache-2.0
"""Weighed negatives against the plain formulas of their papers."""

import numpy as np
import pytest
import tensorflow as tf
from vectors import unit

from cl_keras import losses

QUERIES, KEYS = np.random.default_rng(0).normal(size=(2, 7, 4)).astype(np.float32)
PAST = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)
T = 0.3
OPTIONS = [(0.0, 0.1), (1.0, 0.0), (2.0, 0.3)]


def slow(positive, products, hardness, debias):
    """Of each query: its positive, (n,), and its negatives, (n, N)."""
    near = np.exp(hardness * products)
    weights = near / near.mean(axis=1, keepdims=True)
    count = products.shape[1]
    total = (weights * np.exp(products)).sum(axis=1)
    total = (total - count * debias * np.exp(positive)) / (1 - debias)
    if debias:
        total = np.maximum(total, count * np.exp(-1 / T))
    return np.log(np.exp(positive) + total) - positive


def without(products, *hidden):
    """Leaves out, of each row, the places that it has in `hidden`."""
    places = np.stack([np.array(place) for place in hidden], axis=1)
    rows = zip(products, places, strict=True)
    return np.stack([np.delete(row, own) for row, own in rows])


@pytest.mark.parametrize(("hardness", "debias"), OPTIONS)
@pytest.mark.parametrize("queue", [None, PAST])
@pytest.mark.parametrize("in_batch", [True, False])
def test_info_nce(hardness, debias, queue, in_batch):
    if queue is None and not in_batch:
        return
    q, k = unit(QUERIES), unit(KEYS)
    positive = np.sum(q * k, axis=1) / T
    parts = [without(q @ k.T / T, range(7))] if in_batch else []
    parts += [] if queue is None else [q @ unit(queue).T / T]
    expected = slow(positive, np.concatenate(parts, axis=1), hardness, debias)
    options = {"negatives": queue, "in_batch": in_batch, "block_size": 3}
    found = losses.info_nce(
        QUERIES, KEYS, T, hardness=hardness, debias=debias, **options
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(("hardness", "debias"), OPTIONS)
def test_nt_xent(hardness, debias):
    z = np.concatenate([unit(QUERIES), unit(KEYS)])
    products = z @ z.T / T
    own, other = np.arange(14), (np.arange(14) + 7) % 14
    rivals = without(products, own, other)
    expected = slow(products[own, other], rivals, hardness, debias)
    found = losses.nt_xent(QUERIES, KEYS, T, hardness=hardness, debias=debias)
    np.testing.assert_allclose(found, (expected[:7] + expected[7:]) / 2, rtol=1e-4)


def test_without_weights_it_is_the_plain_loss_and_gradients_stay_finite():
    plain = losses.info_nce(QUERIES, KEYS, T)
    nearly = losses.info_nce(QUERIES, KEYS, T, hardness=1e-6)
    np.testing.assert_allclose(nearly, plain, rtol=1e-4)
    keys = tf.constant(QUERIES)
    with tf.GradientTape() as tape:
        tape.watch(keys)
        # Every negative is further than the positive allows for: the floor.
        loss = losses.info_nce(QUERIES, keys, 0.05, debias=0.5)
    assert np.isfinite(loss).all() and np.isfinite(tape.gradient(loss, keys)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hardness": -1.0}, "hardness=-1.0"),
        ({"debias": 1.0}, "debias=1.0"),
        ({"hardness": 1.0, "groups": np.arange(7)}, "not with labels or groups"),
    ],
)
def test_bad_weights_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        losses.info_nce(QUERIES, KEYS, T, **options)
