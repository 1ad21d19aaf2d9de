# SPDX-License-Identifier: Apache-2.0
"""NT-Xent, the loss of SimCLR."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import distribute
from cl_keras.losses.blocks import LARGEST_PRODUCT
from cl_keras.losses.hard_negatives import weighed
from cl_keras.losses.other_views import logsumexp_of_others
from cl_keras.losses.similarity import (
    check_negatives,
    check_pairs,
    check_temperature,
    unit_rows,
)
from cl_keras.losses.symmetric import symmetric_logsumexp


def nt_xent(
    view1: tf.Tensor,
    view2: tf.Tensor,
    temperature: float | tf.Tensor = 0.1,
    *,
    hardness: float = 0.0,
    debias: float = 0.0,
    block_size: int | None = None,
) -> tf.Tensor:
    """Normalised, temperature-scaled cross-entropy between two views.

    Each embedding must find its other view among all 2B - 1 other embeddings of
    the global batch: with R replicas, the rows of all of them are candidates.
    Computed in float32, in blocks, so memory grows with B and not with B * B.

    Deviation: the paper averages over 2B rows; here the two rows of an example
    are averaged into one value, so that the mean is the paper's loss (the
    authors' code sums the two rows and trains on twice that).

    Args:
        view1: (b, D) float embeddings of the first views. Any length: they are
            scaled to unit length here.
        view2: (b, D) float embeddings of the second views, in the same order.
        temperature: Positive number, or a scalar tensor or variable to train.
        hardness: As of `info_nce`.
        debias: As of `info_nce`.
        block_size: Rows visited at a time; by default what suits the device.

    Returns:
        (b,) float32 losses, one per example.

    Raises:
        ValueError: If shapes differ, the global batch has one example (nothing
            to tell apart), or a number is out of range.

    Reference:
        Chen et al. (2020), A Simple Framework for Contrastive Learning of Visual
        Representations, equation 1 and algorithm 1.

    Example:
    >>> nt_xent(tf.eye(4), tf.eye(4), temperature=0.5).numpy().round(4)
    array([0.5944, 0.5944, 0.5944, 0.5944], dtype=float32)
    """
    view1, view2 = tf.convert_to_tensor(view1), tf.convert_to_tensor(view2)
    check_pairs(view1, view2, ("view1", "view2"))
    check_temperature(temperature)
    replicas = distribute.num_replicas()
    z1, z2 = unit_rows(view1), unit_rows(view2)
    all1, all2 = distribute.all_gather(z1), distribute.all_gather(z2)
    everyone = all1, all2
    check_negatives(all1, "NT-Xent needs at least two examples.")
    positive = tf.reduce_sum(z1 * z2, axis=-1) / temperature
    if hardness or debias:

        def rivals(scale: float) -> tf.Tensor:
            options = temperature / scale, block_size
            lse = logsumexp_of_others((z1, z2), everyone, *options, positives=False)
            return tf.concat(lse, axis=0)

        count, twice = 2 * tf.shape(all1)[0] - 2, tf.tile(positive, [2])
        total = weighed(rivals, twice, count, temperature, hardness, debias)
        return tf.add_n(tf.split(tf.nn.softplus(total - twice), 2)) / 2.0

    bounded = (
        isinstance(temperature, int | float) and 1.0 / temperature <= LARGEST_PRODUCT
    )
    if replicas == 1 and bounded:
        rows = tf.concat([z1, z2], axis=0) * temperature**-0.5
        lse = symmetric_logsumexp(rows, block_size)
        lse1, lse2 = tf.split(lse, 2)
    else:
        lse1, lse2 = logsumexp_of_others((z1, z2), everyone, temperature, block_size)
    return 0.5 * (lse1 + lse2) - positive


@keras.saving.register_keras_serializable(package="cl_keras")
class NTXent(keras.losses.Loss):
    """NT-Xent between two views, as a Keras loss.

    Call it as `loss(view1, view2)`. Keras averages over the batch and scales for
    replicas.

    Args:
        temperature: Positive number.
        block_size: Rows visited at a time; by default what suits the device.
        name: Name of the loss.
        **kwargs: `reduction` and `dtype` of `keras.losses.Loss`.

    Reference:
        Chen et al. (2020), equation 1. See `nt_xent`.

    Example:
    >>> float(NTXent(temperature=0.5)(tf.eye(4), tf.eye(4)))
    0.594...
    """

    def __init__(
        self,
        temperature: float = 0.1,
        block_size: int | None = None,
        name: str = "nt_xent",
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        super().__init__(name=name, **kwargs)
        self.temperature = temperature
        self.block_size = block_size

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:  # noqa: D102
        return nt_xent(y_true, y_pred, self.temperature, block_size=self.block_size)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "block_size": self.block_size,
        }
