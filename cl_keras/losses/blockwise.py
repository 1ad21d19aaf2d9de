# SPDX-License-Identifier: Apache-2.0
"""Log-sum-exp over all pairs of queries and keys without the matrix of all pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from cl_keras.losses.blocks import (
    Sums,
    add,
    in_blocks,
    length,
    loop,
    sums_like,
    turn,
    turned_sums_like,
)

# Of the queries of block i with the keys of block j; hidden ones are the lowest number.
Products: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def logsumexp(
    queries: tf.Tensor,
    keys: tf.Tensor,
    *,
    excluded: tf.Tensor | None = None,
    groups: tf.Tensor | None = None,
    block: int | None = None,
) -> tf.Tensor:
    """Log-sum-exp of each query's products with all keys but those of one group.

    `excluded` is a query's group, `groups` that of each key: by default its number.

    Works for products of any size: the largest one so far is subtracted before
    exp, as in online softmax.

    Reference:
        Milakov and Gimelshein (2018), Online normalizer calculation for softmax.
    """
    if excluded is None:
        excluded = tf.fill([queries.shape[0] or tf.shape(queries)[0]], -1)
    if groups is None:
        groups = tf.range(keys.shape[0] or tf.shape(keys)[0])

    @tf.custom_gradient
    def lse(queries: tf.Tensor, keys: tf.Tensor) -> tuple:
        # Else a tape outside of a `tf.function` would keep every block.
        queries, keys = tf.stop_gradient(queries), tf.stop_gradient(keys)
        m, n, width = tf.shape(queries)[0], tf.shape(keys)[0], queries.shape[-1]
        q, _ = in_blocks(queries, block)
        k, seen = in_blocks(keys, block)
        skip, _ = in_blocks(excluded[:, None], block)
        group = in_blocks(groups[:, None], block)[0][..., 0]

        def products(i: tf.Tensor, j: tf.Tensor) -> tf.Tensor:
            s = tf.matmul(q[i], k[j], transpose_b=True)
            hidden = (seen[j] == 0.0) | (group[j] == skip[i])
            return tf.where(hidden, s.dtype.min, s)

        value = tf.reshape(_logsumexp(q, k, products), [-1])[:m]

        def grad(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scale, _ = in_blocks(upstream[:, None], block)
            lse_blocks, _ = in_blocks(value[:, None], block)
            dq, dk = _gradients(q, k, products, lse_blocks, scale)
            return tf.reshape(dq, [-1, width])[:m], tf.reshape(dk, [-1, width])[:n]

        return value, grad

    return lse(queries, keys)


def _logsumexp(q: tf.Tensor, k: tf.Tensor, products: Products) -> tf.Tensor:
    """Log-sum-exp of each query, (blocks, s)."""

    def query(i: tf.Tensor, values: Sums) -> tuple:
        def key(j: tf.Tensor, top: tf.Tensor, total: tf.Tensor) -> tuple:
            s = products(i, j)
            new = tf.maximum(top, tf.reduce_max(s, axis=1))
            total *= tf.exp(top - new)
            return new, total + tf.reduce_sum(tf.exp(s - new[:, None]), axis=1)

        zeros = tf.zeros_like(q[i, :, 0])
        top, total = loop(length(k), key, (zeros + zeros.dtype.min, zeros))
        return (values.write(i, top + tf.math.log(total)),)

    return loop(length(q), query, (sums_like(q[:, :, 0]),))[0].stack()


def _gradients(
    q: tf.Tensor, k: tf.Tensor, products: Products, lse: tf.Tensor, scale: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients of the sum of scaled log-sums for queries and keys, (blocks, s, D)."""

    def query(i: tf.Tensor, dq: Sums, dk_t: Sums) -> tuple:
        def key(j: tf.Tensor, dq_i: tf.Tensor, dk_t: Sums) -> tuple:
            p = tf.exp(products(i, j) - lse[i]) * scale[i]
            update = tf.matmul(tf.transpose(q[i]), p)
            return dq_i + tf.matmul(p, k[j]), add(dk_t, j, update)

        dq_i, dk_t = loop(length(k), key, (tf.zeros_like(q[i]), dk_t))
        return dq.write(i, dq_i), dk_t

    dq, dk_t = loop(length(q), query, (sums_like(q), turned_sums_like(k)))
    return dq.stack(), turn(dk_t, sums_like(k), length(k)).stack()
