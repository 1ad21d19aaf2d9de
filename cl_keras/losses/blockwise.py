# SPDX-License-Identifier: Apache-2.0
"""Log-sum-exp over all pairs of rows without the matrix of all pairs.

A contrastive loss compares every row with every other. The matrix of similarities
has B * B entries; these functions visit it in blocks, keep what a row needs (its
running sum), and compute the blocks again in the backward pass. Memory grows with
B * D + block * block.

Padding needs care in one place only: rows are padded with zeros to a whole number
of blocks. A padded row has similarity 0 to everyone, so it is left out of the sums
by a `valid` vector; in the backward pass its gradient is multiplied by its own
zeros (as a key) or cut off (as a query).
"""

from __future__ import annotations

import tensorflow as tf

# Four megabytes of float32 a block: large enough for the matrix product to run at
# full speed, small enough to stay near the cache.
DEFAULT_BLOCK = 1024

# exp(60) is 1e26: sums of billions of terms fit in float32, and exp(-60) too.
LARGEST_PRODUCT = 60.0


def _in_blocks(rows: tf.Tensor, block: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Pads (n, D) with zeros to (k, s, D), s <= block; also (k, s) of 1 or 0."""
    n, width = tf.shape(rows)[0], rows.shape[-1]
    count = -(-(rows.shape[0] or n) // block)
    # Blocks of equal size: 1,100 rows become two of 550, not 1,024 and 76.
    size = -(-(rows.shape[0] or n) // count)
    padding = count * size - n
    padded = tf.pad(rows, [[0, padding], [0, 0]])
    valid = tf.pad(tf.ones(n, rows.dtype), [[0, padding]])
    return tf.reshape(padded, [count, size, width]), tf.reshape(valid, [count, size])


def _add_at(blocks: tf.Tensor, index: tf.Tensor, update: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_add(blocks, [[index]], update[tf.newaxis])


def _next_pair(i: tf.Tensor, j: tf.Tensor, count: tf.Tensor) -> tuple:
    """Walks the pairs of blocks i < j row by row."""
    last = tf.equal(j + 1, count)
    return i + tf.cast(last, tf.int32), tf.where(last, i + 2, j + 1)


def symmetric_logsumexp(rows: tf.Tensor, block: int = DEFAULT_BLOCK) -> tf.Tensor:
    """Log-sum-exp of each row's products with all *other* rows.

    The matrix of products is symmetric, so each pair of blocks is visited once
    and serves both its rows and its columns: half the arithmetic.

    Args:
        rows: (n, D) float32 with n >= 2, of squared length `LARGEST_PRODUCT` at
            most: then exp neither overflows nor vanishes, and needs no shift.
        block: Largest number of rows in a block.

    Returns:
        (n,) float32: log of the sum over j != i of exp(rows_i . rows_j).

    Example:
    >>> symmetric_logsumexp(tf.eye(3)).numpy().round(4)
    array([0.6931, 0.6931, 0.6931], dtype=float32)
    """

    @tf.custom_gradient
    def lse(rows: tf.Tensor) -> tuple:
        n = tf.shape(rows)[0]
        z, valid = _in_blocks(rows, block)
        count = tf.shape(z)[0]

        def exp_products(i: tf.Tensor, j: tf.Tensor) -> tf.Tensor:
            return tf.exp(tf.matmul(z[i], z[j], transpose_b=True))

        def exp_others(i: tf.Tensor) -> tf.Tensor:
            # The own product is cut out, never subtracted: it is the largest term.
            e = exp_products(i, i)
            return tf.linalg.set_diag(e, tf.zeros_like(valid[i]))

        def diagonal(i: tf.Tensor, sums: tf.Tensor) -> tuple:
            return i + 1, _add_at(sums, i, tf.linalg.matvec(exp_others(i), valid[i]))

        def pair(i: tf.Tensor, j: tf.Tensor, sums: tf.Tensor) -> tuple:
            e = exp_products(i, j)
            sums = _add_at(sums, i, tf.linalg.matvec(e, valid[j]))
            sums = _add_at(sums, j, tf.linalg.matvec(e, valid[i], transpose_a=True))
            return *_next_pair(i, j, count), sums

        _, sums = tf.while_loop(
            lambda i, _: i < count,
            diagonal,
            (tf.constant(0), tf.zeros_like(valid)),
            parallel_iterations=1,
        )
        *_, sums = tf.while_loop(
            lambda i, j, _: i < count - 1,
            pair,
            (tf.constant(0), tf.constant(1), sums),
            parallel_iterations=1,
        )
        log_sums = tf.math.log(tf.reshape(sums, [-1])[:n])

        def grad(upstream: tf.Tensor) -> tf.Tensor:
            # d lse_i / d product_ij = exp(product_ij - lse_i); row i and row j
            # both look at product_ij, so its weight is the sum of both views.
            scale, _ = _in_blocks((upstream * tf.exp(-log_sums))[:, None], block)

            def weights(e: tf.Tensor, i: tf.Tensor, j: tf.Tensor) -> tf.Tensor:
                return e * (scale[i] + tf.transpose(scale[j]))

            def diagonal(i: tf.Tensor, dz: tf.Tensor) -> tuple:
                w = weights(exp_others(i), i, i)
                return i + 1, _add_at(dz, i, tf.matmul(w, z[i]))

            # Row j gets w^T z_i. On CPU z_i^T w, its transpose, is twice as fast.
            z_t = tf.transpose(z, [0, 2, 1])

            def pair(
                i: tf.Tensor, j: tf.Tensor, dz: tf.Tensor, dz_t: tf.Tensor
            ) -> tuple:
                w = weights(exp_products(i, j), i, j)
                dz = _add_at(dz, i, tf.matmul(w, z[j]))
                dz_t = _add_at(dz_t, j, tf.matmul(z_t[i], w))
                return *_next_pair(i, j, count), dz, dz_t

            _, dz = tf.while_loop(
                lambda i, _: i < count,
                diagonal,
                (tf.constant(0), tf.zeros_like(z)),
                parallel_iterations=1,
            )
            *_, dz, dz_t = tf.while_loop(
                lambda i, *_: i < count - 1,
                pair,
                (tf.constant(0), tf.constant(1), dz, tf.zeros_like(z_t)),
                parallel_iterations=1,
            )
            dz += tf.transpose(dz_t, [0, 2, 1])
            return tf.reshape(dz, [-1, rows.shape[-1]])[:n]

        return log_sums, grad

    return lse(rows)


def logsumexp(
    queries: tf.Tensor,
    keys: tf.Tensor,
    *,
    excluded: tf.Tensor | None = None,
    block: int = DEFAULT_BLOCK,
) -> tf.Tensor:
    """Log-sum-exp of each query's products with all keys but one.

    Works for products of any size: the largest one so far is subtracted before
    exp, as in online softmax.

    Args:
        queries: (m, D) float32.
        keys: (n, D) float32.
        excluded: (m,) int32, the key each query must not see (itself), or None.
        block: Largest number of rows in a block.

    Returns:
        (m,) float32: log of the sum over the keys j of exp(queries_i . keys_j).

    Reference:
        Milakov and Gimelshein (2018), Online normalizer calculation for softmax.

    Example:
    >>> logsumexp(tf.zeros((2, 4)), tf.ones((8, 4))).numpy().round(4)
    array([2.0794, 2.0794], dtype=float32)
    """
    if excluded is None:
        excluded = tf.fill([tf.shape(queries)[0]], -1)

    @tf.custom_gradient
    def lse(queries: tf.Tensor, keys: tf.Tensor) -> tuple:
        m, n = tf.shape(queries)[0], tf.shape(keys)[0]
        q, _ = _in_blocks(queries, block)
        k, _ = _in_blocks(keys, block)
        q_count, q_size = tf.shape(q)[0], q.shape[1] or tf.shape(q)[1]
        k_count, k_size = tf.shape(k)[0], k.shape[1] or tf.shape(k)[1]
        skip = tf.pad(excluded, [[0, q_count * q_size - m]], constant_values=-1)
        skip = tf.reshape(skip, [q_count, q_size, 1])

        def products(i: tf.Tensor, j: tf.Tensor) -> tf.Tensor:
            s = tf.matmul(q[i], k[j], transpose_b=True)
            column = j * k_size + tf.range(k_size)
            hidden = (column >= n) | (column == skip[i])
            return tf.where(hidden, s.dtype.min, s)

        def step(i: tf.Tensor, j: tf.Tensor) -> tuple:
            last = tf.equal(j + 1, k_count)
            return i + tf.cast(last, tf.int32), tf.where(last, 0, j + 1)

        def forward(
            i: tf.Tensor, j: tf.Tensor, top: tf.Tensor, sums: tf.Tensor
        ) -> tuple:
            s = products(i, j)
            new = tf.maximum(top[i], tf.reduce_max(s, axis=1))
            total = sums[i] * tf.exp(top[i] - new)
            total += tf.reduce_sum(tf.exp(s - new[:, None]), axis=1)
            top = tf.tensor_scatter_nd_update(top, [[i]], new[None])
            sums = tf.tensor_scatter_nd_update(sums, [[i]], total[None])
            return *step(i, j), top, sums

        empty = tf.zeros([q_count, q_size])
        _, _, top, sums = tf.while_loop(
            lambda i, *_: i < q_count,
            forward,
            (0, 0, empty + empty.dtype.min, empty),
            parallel_iterations=1,
        )
        value = tf.reshape(top + tf.math.log(sums), [-1])[:m]

        def grad(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scale, _ = _in_blocks(upstream[:, None], block)
            lse_blocks, _ = _in_blocks(value[:, None], block)

            def backward(
                i: tf.Tensor, j: tf.Tensor, dq: tf.Tensor, dk: tf.Tensor
            ) -> tuple:
                p = tf.exp(products(i, j) - lse_blocks[i]) * scale[i]
                dq = _add_at(dq, i, tf.matmul(p, k[j]))
                dk = _add_at(dk, j, tf.matmul(p, q[i], transpose_a=True))
                return *step(i, j), dq, dk

            _, _, dq, dk = tf.while_loop(
                lambda i, *_: i < q_count,
                backward,
                (0, 0, tf.zeros_like(q), tf.zeros_like(k)),
                parallel_iterations=1,
            )
            width = queries.shape[-1]
            dq, dk = tf.reshape(dq, [-1, width]), tf.reshape(dk, [-1, width])
            return dq[:m], dk[:n]

        return value, grad

    return lse(queries, keys)
