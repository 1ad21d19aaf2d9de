# SPDX-License-Identifier: Apache-2.0
"""Log-sum-exp of each row's products with all other rows, in half the arithmetic."""

from __future__ import annotations

from collections.abc import Callable

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


def symmetric_logsumexp(rows: tf.Tensor, block: int | None = None) -> tf.Tensor:
    """Log-sum-exp of each row's products with all *other* rows.

    The matrix of products is symmetric, so each pair of blocks is visited once
    and serves both its rows and its columns: half the arithmetic.
    """

    @tf.custom_gradient
    def lse(rows: tf.Tensor) -> tuple:
        # Else a tape outside of a `tf.function` would keep every block.
        rows = tf.stop_gradient(rows)
        n = tf.shape(rows)[0]
        z, valid = in_blocks(rows, block)
        log_sums = tf.math.log(tf.reshape(_sums(z, valid), [-1])[:n])

        def grad(upstream: tf.Tensor) -> tf.Tensor:
            scale, _ = in_blocks((upstream * tf.exp(-log_sums))[:, None], block)
            dz = _gradient(z, valid, scale)
            return tf.reshape(dz, [-1, rows.shape[-1]])[:n]

        return log_sums, grad

    return lse(rows)


def _exp_products(z: tf.Tensor, i: tf.Tensor, j: tf.Tensor) -> tf.Tensor:
    return tf.exp(tf.matmul(z[i], z[j], transpose_b=True))


def _exp_others(z: tf.Tensor, valid: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
    # The own product is cut out, never subtracted: it is the largest term.
    return tf.linalg.set_diag(_exp_products(z, i, i), tf.zeros_like(valid[i]))


def _sums(z: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Sum of each row's exp(products) with the other rows, (k, s)."""

    def diagonal(i: tf.Tensor, sums: Sums) -> tuple:
        return (add(sums, i, tf.linalg.matvec(_exp_others(z, valid, i), valid[i])),)

    def pair(i: tf.Tensor, j: tf.Tensor, sums: Sums) -> tuple:
        e = _exp_products(z, i, j)
        sums = add(sums, i, tf.linalg.matvec(e, valid[j]))
        return (add(sums, j, tf.linalg.matvec(e, valid[i], transpose_a=True)),)

    count = length(z)
    state = loop(count, diagonal, (sums_like(valid),))
    (sums,) = _loop_pairs(count, pair, state)
    return sums.stack()


def _gradient(z: tf.Tensor, valid: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Gradient of the sum of scaled log-sums, (k, s, D)."""

    # d lse_i / d product_ij = exp(product_ij - lse_i); row i and row j both look at
    # product_ij, so its weight is the sum of both views.
    def weights(e: tf.Tensor, i: tf.Tensor, j: tf.Tensor) -> tf.Tensor:
        return e * (scale[i] + tf.transpose(scale[j]))

    def diagonal(i: tf.Tensor, dz: Sums) -> tuple:
        w = weights(_exp_others(z, valid, i), i, i)
        return (add(dz, i, tf.matmul(w, z[i])),)

    def pair(i: tf.Tensor, j: tf.Tensor, dz: Sums, dz_t: Sums) -> tuple:
        w = weights(_exp_products(z, i, j), i, j)
        dz = add(dz, i, tf.matmul(w, z[j]))
        return dz, add(dz_t, j, tf.matmul(tf.transpose(z[i]), w))

    count = length(z)
    state = loop(count, diagonal, (sums_like(z),))
    dz, dz_t = _loop_pairs(count, pair, (*state, turned_sums_like(z)))
    return turn(dz_t, dz, count).stack()


def _loop_pairs(
    count: tf.Tensor | int, body: Callable[..., tuple], start: tuple
) -> tuple:
    """Runs `body(i, j, *state) -> state` for the pairs of blocks i < j."""

    def step(_: tf.Tensor, i: tf.Tensor, j: tf.Tensor, *state: Sums) -> tuple:
        last = tf.equal(j + 1, count)
        following = i + tf.cast(last, tf.int32), tf.where(last, i + 2, j + 1)
        return *following, *body(i, j, *state)

    first = tf.constant(0), tf.constant(1)
    pairs = count * (count - 1) // 2
    return loop(pairs, step, (*first, *start))[2:]
