# SPDX-License-Identifier: Apache-2.0
"""MoCo v2 and v3.

v2: He, Fan, Wu, Xie and Girshick (2020), Momentum Contrast for Unsupervised Visual
Representation Learning, arXiv:1911.05722, algorithm 1; Chen, Fan, Girshick and He
(2020), Improved Baselines with Momentum Contrastive Learning, arXiv:2003.04297.
v3: Chen, Xie and He (2021), An Empirical Study of Training Self-Supervised Vision
Transformers, arXiv:2104.02057, algorithm 1.

Deviations of v2: the batch normalisation of this library sees the batches of all
devices, so these need no shuffling; `groups` has the paper's, which sees a part of the
batch that is another one for keys than for queries. Momentum and queue are by default
those that suit small data.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, heads, losses
from cl_keras.losses.similarity import check_temperature, unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.parts import Queue, Twin, in_groups
from cl_keras.methods.predictor_model import TargetModel, crossed
from cl_keras.methods.views_model import ViewsModel
from cl_keras.specification import only_output


@keras.saving.register_keras_serializable(package="cl_keras")
class MoCo(ViewsModel):
    """Finds each image's key among the keys of past batches, in a queue.

    Keys come from a target network that follows the encoder slowly, so that those in
    the queue agree with one another. Small batches have many negatives.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default two dense
            layers without batch normalisation (`heads.mlp_head`).
        temperature: Of the InfoNCE loss.
        momentum: Share of the target network that stays at each step.
        queue_size: Keys that are kept.
        groups: Parts of each replica's batch that are normalised by themselves in
            training, keys in a random order: what the paper's devices are. They must
            divide the batch. With 1 all of it is normalised together.
        seed: Of the keys that the queue starts with, and of the orders.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        He et al. (2020), algorithm 1; Chen et al. (2020) for the head.

    Example:
    >>> model = MoCo(encoders.compact_resnet(blocks=1), queue_size=512)
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    head_builders = {"projector": partial(heads.mlp_head, width=128)}

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.2,
        momentum: float = 0.99,
        queue_size: int = 4096,
        groups: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        check.at_least(1, groups=groups)
        super().__init__(encoder, projector, **kwargs)
        self.temperature = temperature
        self.groups = groups
        if groups > 1:
            self._orders = keras.random.SeedGenerator(seed)
        self.target = Twin(self, ("encoder", "projector"), momentum)
        self.queue = Queue(queue_size, self.projector.output_shape[-1], seed)

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Makes queries of first views and keys of second ones."""
        first, second = inputs
        groups, order = self.groups if training else 1, None
        if groups > 1:
            count = tf.shape(second)[0]
            order = keras.random.shuffle(tf.range(count), seed=self._orders)

        def apply(network: keras.layers.Layer, part: tf.Tensor) -> tf.Tensor:
            return only_output(network(part, training=training))

        features = in_groups(partial(apply, self.encoder), first, groups)
        return {
            "features1": features,
            "embedding1": in_groups(partial(apply, self.projector), features, groups),
            "embedding2": in_groups(partial(apply, self.target), second, groups, order),
        }

    def objective(self, outputs: Outputs) -> Outputs:
        """InfoNCE of each query, its key and the queue."""
        query, key = outputs["embedding1"], outputs["embedding2"]
        past = tf.convert_to_tensor(self.queue.rows)
        options = {"negatives": past, "in_batch": False}
        return {"info_nce": losses.info_nce(query, key, self.temperature, **options)}

    def after_update(self, outputs: Outputs) -> None:
        """Queues the keys, and moves the target."""
        self.queue.push(unit_rows(outputs["embedding2"]))
        self.target.follow(self)

    def negatives_per_query(self, batch_size: int) -> int:
        """The keys of the queue."""
        return self.queue.size


@keras.saving.register_keras_serializable(package="cl_keras")
class MoCoV3(TargetModel):
    """Finds, by a prediction of one view, the other view's key among all of the batch.

    BYOL's networks with a contrastive loss: there is no queue.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        predictor: Built model: (batch, D) -> (batch, D). By default two layers, each
            with batch normalisation.
        momentum: Share of the target that stays at each step.
        total_steps: Optimizer steps of the training, if the momentum is to rise to 1
            along a cosine; else it stays as it is.
        temperature: Of the InfoNCE loss: 0.2 for vision transformers, 1 for ResNet-50.
        **kwargs: `projector`, by default three layers, and others of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Chen et al. (2021), algorithm 1.

    Example:
    >>> model = MoCoV3(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.BYOLImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    head_builders = {
        name: partial(heads.projection_head, depth=depth, hidden=4096, width=256)
        for name, depth in (("projector", 3), ("predictor", 2))
    }

    def __init__(
        self,
        encoder: keras.Model,
        predictor: keras.Model | None = None,
        momentum: float = 0.99,
        total_steps: int | None = None,
        temperature: float = 0.2,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        super().__init__(encoder, predictor, momentum, total_steps, **kwargs)
        self.temperature = temperature

    def objective(self, outputs: Outputs) -> Outputs:
        """InfoNCE in both directions, times twice the temperature as in the paper."""
        both = [
            losses.info_nce(prediction, target, self.temperature)
            for prediction, target in crossed(outputs, "target")
        ]
        return {"info_nce": 2.0 * self.temperature * tf.add_n(both)}

    def negatives_per_query(self, batch_size: int) -> int:
        """The other view of all other images."""
        return batch_size - 1
