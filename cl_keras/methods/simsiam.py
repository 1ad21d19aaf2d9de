# SPDX-License-Identifier: Apache-2.0
"""SimSiam and FastSiam.

Chen and He (2021), Exploring Simple Siamese Representation Learning, arXiv:2011.10566;
algorithm 1. Pototzky, Sultan and Schmidt-Thieme (2022), FastSiam: Resource-Efficient
Self-supervised Learning on a Single GPU; section 3.

Deviation: the predictor's learning rate follows the schedule of all others, where the
paper's stays constant; `keras.optimizers.MultiOptimizer` gives it one of its own.
"""

from __future__ import annotations

from functools import partial

import keras
import tensorflow as tf

from cl_keras import heads
from cl_keras.losses.similarity import unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.predictor_model import PredictorModel, crossed


@keras.saving.register_keras_serializable(package="cl_keras")
class SimSiam(PredictorModel):
    """Predicts, from one view, the embedding of the other, which gets no gradient.

    There are neither negatives nor a target network.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        predictor: Built model: (batch, D) -> (batch, D), narrow in the middle. By
            default two layers, 512 units between.
        **kwargs: `projector`, by default three layers of 2,048 units;
            `predictor_rate`, `"peak"` in the paper; and others of `ViewsModel`.

    Raises:
        ValueError: If parts do not fit.

    Reference:
        Chen and He (2021), algorithm 1.

    Example:
    >>> model = SimSiam(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    head_builders = {
        "projector": partial(heads.projection_head, depth=3, hidden=2048, width=2048),
        "predictor": partial(heads.byol_head, hidden=512, width=2048),
    }

    def objective(self, outputs: Outputs) -> Outputs:
        """Negative cosine similarities, the mean over the views: -1 to 1."""
        cosines = [
            tf.reduce_sum(
                unit_rows(prediction) * tf.stop_gradient(unit_rows(target)), axis=-1
            )
            for prediction, target in crossed(outputs, "embedding")
        ]
        return {"similarity": -tf.add_n(cosines) / len(cosines)}


@keras.saving.register_keras_serializable(package="cl_keras")
class FastSiam(SimSiam):
    """SimSiam with more views: predicts the mean of all others' embeddings.

    A mean of several targets varies less, so that small batches and few epochs do.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        predictor: As of `SimSiam`.
        **kwargs: As of `SimSiam`.

    Raises:
        ValueError: If parts do not fit.

    Reference:
        Pototzky et al. (2022), section 3: four views.

    Example:
    >>> model = FastSiam(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    >>> crops = augment.MultiCropImages(size=32, global_views=4, local_views=0)
    >>> views = data.two_views(images, crops, batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    """

    number_of_views = None
