# SPDX-License-Identifier: Apache-2.0
"""Estimates of mutual information from the scores of a critic, in nats.

A critic T scores how well a query x and a key y belong together: `scores[i, j]` is
T(x_i, y_j). Pairs on the diagonal were drawn together, the others apart. All values
grow with the information: a critic is trained by the gradient of the negative.

Every function takes either such a matrix or positives and negatives by themselves,
computes in float32, and averages over the pairs of all replicas: a log-mean-exp of
the whole batch is not the mean of those of its parts. The result is the same scalar
on each replica. On R replicas let the columns be the keys of all of them:
`critic(x, distribute.all_gather(y))`.
"""

from __future__ import annotations

import tensorflow as tf

from cl_keras.estimators.pairs import (
    count_pairs,
    global_log_mean_exp,
    global_mean,
    split,
)

# exp(88.7) is 3.3e38, the end of float32.
_LARGEST_EXPONENT = 88.7


def jsd(
    scores: tf.Tensor,
    negatives: tf.Tensor | None = None,
    *,
    excluded: tf.Tensor | None = None,
) -> tf.Tensor:
    """Jensen-Shannon objective: grows with the information, but is no bound of it.

    -softplus(-T) on average over positives, minus softplus(T) over negatives: a
    classifier of pairs. At most 0; -2 ln 2 for T = 0. Twice the Jensen-Shannon
    divergence is at least this plus 2 ln 2. The best critic is the log ratio of
    densities, so `nwj(scores + 1)` of a critic trained by this estimates the
    information, with little variance in training.

    Args:
        scores: (n, K) scores, positives on the diagonal; or scores of positives,
            of any shape, together with `negatives`.
        negatives: Scores of negatives, of any shape.
        excluded: bool, negatives to leave out, of the shape of `negatives`, or of
            `scores` (whose diagonal is not a negative anyway).

    Returns:
        float32 scalar, over the pairs of all replicas.

    Raises:
        ValueError: If shapes do not fit or there is no negative.

    Reference:
        Hjelm et al. (2018), Learning Deep Representations by Mutual Information
        Estimation and Maximization, equation 4; Nowozin et al. (2016), f-GAN.

    Example:
    >>> round(float(jsd(tf.zeros((4, 4)))), 4)
    -1.3863
    """
    positives, negatives, keep = split(scores, negatives, excluded)
    fits = global_mean(-tf.nn.softplus(-positives))
    return fits - global_mean(tf.nn.softplus(negatives), keep)


def donsker_varadhan(
    scores: tf.Tensor,
    negatives: tf.Tensor | None = None,
    *,
    excluded: tf.Tensor | None = None,
) -> tf.Tensor:
    """Donsker-Varadhan bound: tight, but its variance grows with the information.

    Mean of T over positives minus log-mean-exp of T over negatives. 0 for constant
    T. The gradient over a batch is biased; `mine` corrects it.

    Args:
        scores: (n, K) scores, positives on the diagonal; or scores of positives,
            of any shape, together with `negatives`.
        negatives: Scores of negatives, of any shape.
        excluded: bool, negatives to leave out, of the shape of `negatives`, or of
            `scores` (whose diagonal is not a negative anyway).

    Returns:
        float32 scalar, over the pairs of all replicas.

    Raises:
        ValueError: If shapes do not fit or there is no negative.

    Reference:
        Donsker and Varadhan (1983); Belghazi et al. (2018), Mutual Information
        Neural Estimation, equation 2.

    Example:
    >>> round(float(donsker_varadhan(2.0 * tf.eye(4))), 4)
    2.0
    """
    positives, negatives, keep = split(scores, negatives, excluded)
    return global_mean(positives) - global_log_mean_exp(negatives, keep)


def nwj(
    scores: tf.Tensor,
    negatives: tf.Tensor | None = None,
    *,
    excluded: tf.Tensor | None = None,
) -> tf.Tensor:
    """Bound of Nguyen, Wainwright and Jordan: unbiased, with much variance.

    Mean of T over positives minus the mean of exp(T - 1) over negatives. -1/e for
    T = 0, 0 for T = 1; the best critic is 1 plus the log ratio of densities. Also
    known as the KL objective of f-GAN and as MINE-f.

    Deviation: where the mean of exp(T - 1) is too large for float32 (exponents above
    88.7) it stays at 3.3e38, and keeps the slope it has there, so that training can
    come back.

    Args:
        scores: (n, K) scores, positives on the diagonal; or scores of positives,
            of any shape, together with `negatives`.
        negatives: Scores of negatives, of any shape.
        excluded: bool, negatives to leave out, of the shape of `negatives`, or of
            `scores` (whose diagonal is not a negative anyway).

    Returns:
        float32 scalar, over the pairs of all replicas.

    Raises:
        ValueError: If shapes do not fit or there is no negative.

    Reference:
        Nguyen, Wainwright and Jordan (2010), Estimating Divergence Functionals and
        the Likelihood Ratio by Convex Risk Minimization.

    Example:
    >>> round(float(nwj(tf.zeros((4, 4)))), 4)
    -0.3679
    """
    positives, negatives, keep = split(scores, negatives, excluded)
    exponent = global_log_mean_exp(negatives, keep) - 1.0
    bounded = tf.minimum(exponent, _LARGEST_EXPONENT)
    beyond = exponent - bounded
    slope = 1.0 + (beyond - tf.stop_gradient(beyond))  # 1 in value.
    return global_mean(positives) - tf.exp(bounded) * slope


def info_nce(
    scores: tf.Tensor,
    negatives: tf.Tensor | None = None,
    *,
    excluded: tf.Tensor | None = None,
) -> tf.Tensor:
    """InfoNCE bound: little variance, but never above log K.

    Mean over positives of T minus the log-mean-exp of T over the positive and the
    negatives of its row, K candidates together. 0 for constant T.
    `losses.info_nce` is log K minus this, for rows of embeddings.

    Args:
        scores: (n, K) scores, positives on the diagonal; or (n, ...) scores of
            positives, together with `negatives`.
        negatives: (n, m) scores: those of row i compete with each positive of row
            i, and positives never with one another.
        excluded: bool, negatives to leave out, of the shape of `negatives`, or of
            `scores` (whose diagonal is not a negative anyway).

    Returns:
        float32 scalar, over the rows of all replicas.

    Raises:
        ValueError: If shapes do not fit or there is no negative.

    Reference:
        van den Oord et al. (2018), Representation Learning with Contrastive
        Predictive Coding, equation 4 and appendix A.1.

    Example:
    >>> round(float(info_nce(50.0 * tf.eye(4))), 4)  # log 4: all it can see
    1.3863
    """
    positives, negatives, keep = split(scores, negatives, excluded)
    if negatives.shape.rank != 2 or not (
        positives.shape.rank
        and negatives.shape[:1].is_compatible_with(positives.shape[:1])
    ):
        raise ValueError(
            "InfoNCE compares the positives of each row, (n, ...), with the negatives "
            f"of that row, (n, m). Received: {positives.shape} and {negatives.shape}"
        )
    count_pairs(negatives, keep)
    if keep is None:
        count = tf.fill(tf.shape(negatives)[:1], tf.shape(negatives)[1])
    else:
        count = tf.math.count_nonzero(keep, axis=1)
        negatives = tf.where(keep, negatives, negatives.dtype.min)
    per_row = [-1] + [1] * (positives.shape.rank - 1)
    rivals = tf.reshape(tf.reduce_logsumexp(negatives, axis=1), per_row)
    limit = tf.reshape(tf.math.log1p(tf.cast(count, tf.float32)), per_row)
    return global_mean(limit - tf.nn.softplus(rivals - positives))


def club(
    scores: tf.Tensor,
    negatives: tf.Tensor | None = None,
    *,
    excluded: tf.Tensor | None = None,
) -> tf.Tensor:
    """Contrastive log-ratio upper bound, from log-likelihoods log q(y_j | x_i).

    Mean over positives minus mean over negatives. An upper bound of the information
    if q is the true conditional density; fit q by likelihood, in steps of its own
    (`critics.Gaussian` gives such scores), and let the gradient of this reach only
    what made x and y. 0 if q does not depend on x.

    Deviation: the paper averages over all pairs, those that belong together too,
    which gives (1 - 1/n) times this; the mean over the others is unbiased.

    Args:
        scores: (n, K) log-likelihoods, positives on the diagonal; or those of
            positives, of any shape, together with `negatives`.
        negatives: Log-likelihoods of negatives, of any shape.
        excluded: bool, negatives to leave out, of the shape of `negatives`, or of
            `scores` (whose diagonal is not a negative anyway).

    Returns:
        float32 scalar, over the pairs of all replicas.

    Raises:
        ValueError: If shapes do not fit or there is no negative.

    Reference:
        Cheng et al. (2020), CLUB: A Contrastive Log-ratio Upper Bound of Mutual
        Information, equations 6 and 12.

    Example:
    >>> float(club(3.0 * tf.eye(4)))
    3.0
    """
    positives, negatives, keep = split(scores, negatives, excluded)
    return global_mean(positives) - global_mean(negatives, keep)
