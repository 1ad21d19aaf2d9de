# SPDX-License-Identifier: Apache-2.0
"""Product of a sparse matrix of data with a dense one that is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def sparse_product(matrix: tf.SparseTensor, dense: tf.Tensor) -> tf.Tensor:
    """Computes A X in compressed rows.

    In place of `tf.sparse.sparse_dense_matmul`, whose kernel for CPUs is several times
    as slow. Gradients flow to X only: A is data.
    """
    ordered = tf.sparse.reorder(matrix)
    result = _product(
        ordered.indices,
        # There are kernels for single and double precision only.
        tf.cast(ordered.values, tf.float32),
        ordered.dense_shape,
        tf.cast(dense, tf.float32),
    )
    return tf.ensure_shape(
        tf.cast(result, dense.dtype), [matrix.shape[0], dense.shape[1]]
    )


@tf.custom_gradient
def _product(
    indices: tf.Tensor, values: tf.Tensor, shape: tf.Tensor, dense: tf.Tensor
) -> tuple[tf.Tensor, Callable[..., Any]]:
    def times(other: tf.Tensor, transposed: bool = False) -> tf.Tensor:
        rows = tf.raw_ops.SparseTensorToCSRSparseMatrix(
            indices=indices, values=values, dense_shape=shape
        )
        return tf.raw_ops.SparseMatrixMatMul(a=rows, b=other, transpose_a=transposed)

    # With nothing in the matrix the kernels may end the process.
    def guarded(other: tf.Tensor, transposed: bool = False) -> tf.Tensor:
        size = [shape[1 if transposed else 0], tf.shape(other, tf.int64)[1]]
        return tf.cond(
            tf.size(values) > 0,
            lambda: times(other, transposed),
            lambda: tf.zeros(size, other.dtype),
        )

    def gradient(upstream: tf.Tensor) -> tuple[None, None, None, tf.Tensor]:
        # Compressed once more: a SavedModel cannot keep the first one.
        return None, None, None, guarded(upstream, transposed=True)

    return guarded(dense), gradient
