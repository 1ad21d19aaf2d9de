# SPDX-License-Identifier: Apache-2.0
"""MMCR.

Yerxa, Kuang, Simoncelli and Chung (2023), Learning Efficient Coding of Natural Images
with Maximum Manifold Capacity Representations, arXiv:2303.03307; section 2:

    L = -||C||_* + weight / B * sum_i ||Z_i||_*

Z_i (K, D) are the unit-length embeddings of the K views of an example, row i of C
(B, D) is their mean, and ||.||_* is the sum of the singular values.

Deviation: there is no momentum encoder, which the paper adds on ImageNet only. The
row's default is four views, where the paper has up to 40 of small images; `--set
augment.global_views=8` gives more.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, distribute
from cl_keras.losses.similarity import check_negatives, unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel, of_views


@keras.saving.register_keras_serializable(package="cl_keras")
class MMCR(ViewsModel):
    """Makes the views' means of a batch long and of all directions.

    The mean of unit vectors is long where the views of an example agree; the sum of the
    singular values of all means is large where those of different examples do not.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default that of
            SimCLR.
        local_weight: Of the nuclear norm of each example's own views, which says how
            many directions they take. The paper's is 0: agreement follows from the
            other term.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If the weight is negative or parts do not fit.

    Reference:
        Yerxa et al. (2023), section 2.

    Example:
    >>> model = MMCR(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> crops = augment.MultiCropImages(size=32, global_views=4, local_views=0)
    >>> views = data.two_views(images, crops, batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    number_of_views = None

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        local_weight: float = 0.0,
        **kwargs: Any,
    ) -> None:
        check.not_negative(local_weight=local_weight)
        super().__init__(encoder, projector, **kwargs)
        self.local_weight = local_weight
        self._track("capacity", "local")

    def objective(self, outputs: Outputs) -> Outputs:
        """Minus the nuclear norm of the means, and those of each example's views."""
        views = [unit_rows(rows) for rows in of_views(outputs, "embedding")]
        means = distribute.all_gather(tf.add_n(views) / len(views))
        check_negatives(means, "The means of a batch need at least two examples.")
        local = tf.zeros(tf.shape(views[0])[:1])
        if self.local_weight:
            local = self.local_weight * nuclear_norm(tf.stack(views, axis=1))
        return {"capacity": -nuclear_norm(means), "local": local}


def nuclear_norm(matrices: tf.Tensor) -> tf.Tensor:
    """Sum of the singular values of each matrix, float32."""
    singular = tf.linalg.svd(tf.cast(matrices, tf.float32), compute_uv=False)
    return tf.reduce_sum(singular, axis=-1)
