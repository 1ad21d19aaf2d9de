# SPDX-License-Identifier: Apache-2.0
"""Health of a representation without labels: collapse, alignment, uniformity, rank.

Pure TensorFlow functions of embeddings `(n, D)`. They compute in float32 whatever
comes in and can be called inside a traced training step, with or without XLA and
under any strategy, where they see the embeddings of one replica.
"""

from __future__ import annotations

import tensorflow as tf


def embedding_std(z: tf.Tensor) -> tf.Tensor:
    """Standard deviation of the l2-normalised embeddings, averaged over dimensions.

    Embeddings spread evenly over the sphere give about `1 / sqrt(D)`; a collapsed
    encoder, which answers every input with one vector, gives 0.

    Args:
        z: Embeddings, `(n, D)`.

    Returns:
        Scalar, float32, between 0 and about `1 / sqrt(D)`.

    Example:
    >>> round(float(embedding_std(tf.ones((8, 4)))), 6)
    0.0

    Reference: Chen & He, "Exploring Simple Siamese Representation Learning", 2021,
    section 4.1 and figure 2 (middle).
    """
    return tf.reduce_mean(tf.math.reduce_std(_normalised(z), axis=0))


def alignment(z1: tf.Tensor, z2: tf.Tensor) -> tf.Tensor:
    """Mean squared distance of positive pairs on the unit sphere (alpha = 2).

    Args:
        z1: Embeddings of the first views, `(n, D)`.
        z2: Embeddings of the second views, row for row, `(n, D)`.

    Returns:
        Scalar, float32, from 0 (all pairs coincide) to 4 (all are opposite).

    Example:
    >>> float(alignment(tf.eye(4), -tf.eye(4)))
    4.0

    Reference: Wang & Isola, "Understanding Contrastive Representation Learning
    through Alignment and Uniformity on the Hypersphere", 2020, section 4.1.1.
    """
    difference = _normalised(z1) - _normalised(z2)
    return tf.reduce_mean(tf.reduce_sum(tf.square(difference), axis=-1))


def uniformity(z: tf.Tensor) -> tf.Tensor:
    """Log of the mean Gaussian potential of all pairs on the unit sphere (t = 2).

    Holds an `(n, n)` matrix: of a large batch, about a thousand rows estimate it
    as well as all of them.

    Args:
        z: Embeddings, `(n, D)`.

    Returns:
        Scalar, float32, from 0 (one point) down to -4 as the points spread out in
        high dimension. NaN for a single row, which has no pairs.

    Example:
    >>> round(float(uniformity(tf.eye(4))), 4)  # all squared distances are 2
    -4.0

    Reference: Wang & Isola, 2020 (as for `alignment`), section 4.1.2.
    """
    z = _normalised(z)
    squared_distance = 2.0 - 2.0 * tf.matmul(z, z, transpose_b=True)
    n = tf.shape(z)[0]
    # Each pair i < j stands in the matrix twice: the mean over the entries off the
    # diagonal is the mean over pairs.
    potential = tf.linalg.set_diag(
        -2.0 * squared_distance, tf.fill([n], tf.constant(float("-inf")))
    )
    pairs = tf.cast(n, tf.float32) * tf.cast(n - 1, tf.float32)
    return tf.reduce_logsumexp(potential) - tf.math.log(pairs)


def rank_me(z: tf.Tensor) -> tf.Tensor:
    """Effective rank: exponential of the entropy of the normalised singular values.

    Taken from the eigenvalues of the smaller Gram matrix (`D x D` or `n x n`), not
    from a singular value decomposition, so that it is cheap enough for a training
    step. The price in float32: squaring hides singular values below 0.1 % of
    the largest. They are rounding noise there and count as zero, so a spectrum
    with a long thin tail gets a slightly smaller rank than the paper's. The
    paper's `eps = 1e-7` on each share is not needed for the same reason.

    Args:
        z: Embeddings, `(n, D)`, not centred and not normalised, as in the paper.

    Returns:
        Scalar, float32, from 1 to `min(n, D)`. 1 for zeros, NaN for embeddings
        that are not finite.

    Example:
    >>> round(float(rank_me(tf.eye(4))), 4)
    4.0

    Reference: Garrido et al., "RankMe: Assessing the Downstream Performance of
    Pretrained Self-Supervised Representations by Their Rank", 2023, equation 1.
    """
    z = tf.cast(z, tf.float32)
    # The measure has no scale; without one, squares can neither overflow nor vanish.
    z = tf.math.divide_no_nan(z, tf.reduce_max(tf.abs(z)))
    # Chosen while tracing: XLA cannot compile a branch on a run-time shape. With an
    # open batch dimension the D x D matrix gives the same value.
    rows, dim = z.shape[0], z.shape[1]
    by_rows = rows is not None and dim is not None and rows < dim
    gram = tf.matmul(z, z, transpose_a=not by_rows, transpose_b=by_rows)
    # The eigenvalue kernel fails on NaN, which would end a training run from within
    # its metrics; a NaN must show in the log instead.
    finite = tf.reduce_all(tf.math.is_finite(gram))
    gram = tf.where(finite, gram, tf.zeros_like(gram))
    eigenvalues = tf.linalg.eigvalsh(gram)
    noise = 1e-6 * tf.reduce_max(eigenvalues)
    singular = tf.sqrt(tf.where(eigenvalues > noise, eigenvalues, 0.0))
    share = tf.math.divide_no_nan(singular, tf.reduce_sum(singular))
    entropy = -tf.reduce_sum(tf.math.xlogy(share, share))
    return tf.where(finite, tf.exp(entropy), float("nan"))


def _normalised(z: tf.Tensor) -> tf.Tensor:
    return tf.math.l2_normalize(tf.cast(z, tf.float32), axis=-1)
