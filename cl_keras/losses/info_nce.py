# SPDX-License-Identifier: Apache-2.0
"""InfoNCE, the loss under all contrastive methods."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import distribute
from cl_keras.losses.blockwise import logsumexp
from cl_keras.losses.by_label import label_ids, sums_by_label
from cl_keras.losses.hard_negatives import weighed
from cl_keras.losses.similarity import (
    check_negatives,
    check_pairs,
    check_temperature,
    unit_rows,
)


def info_nce(
    queries: tf.Tensor,
    keys: tf.Tensor,
    temperature: float | tf.Tensor = 0.1,
    *,
    labels: tf.Tensor | None = None,
    groups: tf.Tensor | None = None,
    negatives: tf.Tensor | None = None,
    in_batch: bool = True,
    hardness: float = 0.0,
    debias: float = 0.0,
    normalize: bool = True,
    block_size: int | None = None,
) -> tf.Tensor:
    """Cross-entropy of finding each query's key among the keys of all queries.

    Key i is the positive of query i; the other keys of the global batch, those
    of all replicas, are its negatives. log(B) minus the mean is a lower bound of
    the mutual information between queries and keys. Computed in float32, in
    blocks, so memory grows with B and not with B * B.

    Args:
        queries: (b, D) float embeddings.
        keys: (b, D) float embeddings; row i belongs to query i.
        temperature: Positive number, or a scalar tensor or variable to train.
        labels: (b,) integers. All keys of a query's label are its positives, its own
            among them: its loss is the mean of theirs.
        groups: (b,) integers. Keys of a query's group, but its own, are left out:
            they are neither positives nor negatives.
        negatives: (K, D) float embeddings that no query belongs to, such as those of
            a queue, the same on every replica.
        in_batch: Whether the keys of other queries are negatives too.
        hardness: Weighs negatives by `exp(hardness * product)`, so that those near the
            query count most; 0 weighs all alike.
        debias: Share of the negatives that are taken to be of the query's own class,
            and are allowed for by its positive; 0 for none.
        normalize: Whether to scale rows to unit length, so that products are
            cosines. Set it to False for bilinear critics.
        block_size: Rows visited at a time; by default what suits the device.

    Returns:
        (b,) float32 losses, one per query.

    Raises:
        ValueError: If shapes differ, there are no negatives (a global batch of one
            example, or `in_batch=False` without others), the temperature is not
            positive, hardness is negative, debias is not in [0, 1), or options are at
            odds with one another.
        TypeError: If labels or groups are no integers.

    Reference:
        van den Oord et al. (2018), Representation Learning with Contrastive
        Predictive Coding, equation 4; He et al. (2020), Momentum Contrast,
        arXiv:1911.05722, equation 1 (`negatives` alone); Khosla et al. (2020),
        Supervised Contrastive Learning, arXiv:2004.11362, equation 2 (`labels`);
        Robinson et al. (2021), Contrastive Learning with Hard Negative Samples,
        arXiv:2010.04592, equation 4 (`hardness`); Chuang et al. (2020), Debiased
        Contrastive Learning, arXiv:2007.00224, equation 8 (`debias`).

    Example:
    >>> info_nce(tf.eye(4), tf.eye(4), temperature=0.5).numpy().round(4)
    array([0.3408, 0.3408, 0.3408, 0.3408], dtype=float32)
    """
    queries, keys = tf.convert_to_tensor(queries), tf.convert_to_tensor(keys)
    check_pairs(queries, keys, ("queries", "keys"))
    check_temperature(temperature)
    _check_options(labels, groups, negatives, in_batch, bool(hardness or debias))
    if normalize:
        queries, keys = unit_rows(queries), unit_rows(keys)
    queries = tf.cast(queries, tf.float32) / temperature
    keys = tf.cast(keys, tf.float32)
    positive = tf.reduce_sum(queries * keys, axis=-1)
    if negatives is not None:
        negatives = _further(negatives, keys, normalize)
    candidates, own, of_keys = negatives, None, None
    if in_batch:
        everyone = candidates = distribute.all_gather(keys)
        if negatives is None:
            check_negatives(everyone, "InfoNCE needs at least two examples.")
        else:
            candidates = tf.concat([everyone, negatives], axis=0)
        if labels is not None:
            # The mean of the positives' losses is the loss of their mean.
            labels = label_ids(labels, "labels", queries)
            sums, count = sums_by_label(everyone, labels)
            positive = tf.reduce_sum(queries * sums / count, axis=-1)
        elif groups is not None:
            own = label_ids(groups, "groups", queries)
            of_keys = distribute.all_gather(own)
            nobody = tf.fill(_missing(candidates, of_keys), tf.reduce_min(of_keys) - 1)
            of_keys = tf.concat([of_keys, nobody], axis=0)
        elif hardness or debias:
            own = distribute.row_numbers(keys)
        if own is None:
            return logsumexp(queries, candidates, block=block_size) - positive

    def rivals(scale: float) -> tf.Tensor:
        options = {"excluded": own, "groups": of_keys, "block": block_size}
        return logsumexp(scale * queries, candidates, **options)

    total = rivals(1.0)
    if hardness or debias:
        count = tf.shape(candidates)[0] - int(in_batch)
        total = weighed(rivals, positive, count, temperature, hardness, debias)
    # log(exp(positive) + exp(total)) - positive
    return tf.nn.softplus(total - positive)


def _check_options(
    labels: Any, groups: Any, negatives: Any, in_batch: bool, weighs: bool
) -> None:
    """Checks that options are not at odds."""
    if not in_batch and negatives is None:
        raise ValueError("in_batch=False needs `negatives`. Received: none")
    given = {
        "`labels`": labels is not None,
        "`groups`": groups is not None,
        "in_batch=False": not in_batch,
    }
    if sum(given.values()) > 1:
        raise ValueError(
            "`labels`, `groups` and in_batch=False exclude one another. Received: "
            f"labels={labels}, groups={groups}, in_batch={in_batch}"
        )
    if weighs and (labels is not None or groups is not None):
        raise ValueError(
            "`hardness` and `debias` are of a single positive and of all other keys: "
            f"not with labels or groups. Received: labels={labels}, groups={groups}"
        )


def _further(negatives: Any, keys: tf.Tensor, normalize: bool) -> tf.Tensor:
    """Negatives that no query belongs to, as wide as the keys."""
    negatives = tf.convert_to_tensor(negatives)
    if negatives.shape.rank != 2 or negatives.shape[-1] != keys.shape[-1]:
        raise ValueError(
            f"`negatives` must be (K, {keys.shape[-1]}), as wide as the keys. "
            f"Received: shape {tuple(negatives.shape)}"
        )
    return tf.cast(unit_rows(negatives) if normalize else negatives, tf.float32)


def _missing(candidates: tf.Tensor, numbered: tf.Tensor) -> tf.Tensor:
    return tf.shape(candidates)[:1] - tf.shape(numbered)[:1]


@keras.saving.register_keras_serializable(package="cl_keras")
class InfoNCE(keras.losses.Loss):
    """InfoNCE between queries and keys, as a Keras loss.

    Call it as `loss(keys, queries)`: the keys are what the queries should find.
    Keras averages over the batch and scales for replicas.

    Args:
        temperature: Positive number.
        normalize: Whether to scale rows to unit length.
        block_size: Rows visited at a time; by default what suits the device.
        name: Name of the loss.
        **kwargs: `reduction` and `dtype` of `keras.losses.Loss`.

    Reference:
        van den Oord et al. (2018), equation 4. See `info_nce`.

    Example:
    >>> float(InfoNCE(temperature=0.5)(tf.eye(4), tf.eye(4)))
    0.340...
    """

    def __init__(
        self,
        temperature: float = 0.1,
        normalize: bool = True,
        block_size: int | None = None,
        name: str = "info_nce",
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        super().__init__(name=name, **kwargs)
        self.temperature = temperature
        self.normalize = normalize
        self.block_size = block_size

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:  # noqa: D102
        return info_nce(
            y_pred,
            y_true,
            self.temperature,
            normalize=self.normalize,
            block_size=self.block_size,
        )

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "normalize": self.normalize,
            "block_size": self.block_size,
        }
