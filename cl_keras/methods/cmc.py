# SPDX-License-Identifier: Apache-2.0
"""CMC.

Tian, Krishnan and Isola (2019), Contrastive Multiview Coding, arXiv:1906.05849;
equations 1 to 3, for two views: the luminance of an image and its colours.

Deviations: negatives are the other images of the batch (equation 2 itself), where the
authors draw them from a memory bank of all images; of the paper's two colour spaces,
`encoders.color_split` has Y, Db, Dr.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import heads, losses
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel, named, of_views
from cl_keras.taps import tap

HALVES = ("luminance", "colors")


@keras.saving.register_keras_serializable(package="cl_keras")
class CMC(ViewsModel):
    """Finds the colours of each image by its luminance, and the other way round.

    A batch holds two random crops of each image. The luminance of a crop is compared
    with the colours of all crops of its kind in the batch; the crops of one image are
    not compared.

    Args:
        encoder: Built functional model: (batch, H, W, 3) -> (batch, features), of which
            the first half is made of the luminance alone, the second of the colours:
            see `encoders.color_split`. What is kept.
        projector: Built model: (batch, features) -> (batch, 2 D), which keeps the
            halves apart. By default `heads.halves_head`.
        temperature: Of the InfoNCE loss.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the temperature is not positive, the encoder has no layers
            `luminance` and `colors`, or parts do not fit.

    Reference:
        Tian et al. (2019), equations 1 and 2, and section 3.2 for both directions.

    Example:
    >>> model = CMC(encoders.color_split((32, 32, 3), blocks=1, width=16))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    # Nearest among the colours: other luminances are no candidates.
    rivals_within = False
    head_builders = {"projector": heads.halves_head}

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.07,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        # Of an encoder without halves each half would know the other.
        tap(encoder, {name: name for name in HALVES})
        super().__init__(encoder, projector, **kwargs)
        self.temperature = temperature

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Encodes the crops; gives two embeddings a crop, of luminance and colours."""
        outputs = super().encode(inputs, training)
        projected = of_views(outputs, "embedding")
        halves = [half for crop in projected for half in tf.split(crop, 2, axis=-1)]
        return outputs | named("embedding", halves)

    def objective(self, outputs: Outputs) -> Outputs:
        """InfoNCE in both directions, the sum of the two; the mean over the crops."""
        halves = of_views(outputs, "embedding")
        terms = [
            losses.info_nce(*pair, self.temperature)
            for light, colors in zip(halves[::2], halves[1::2], strict=True)
            for pair in ((light, colors), (colors, light))
        ]
        return {"info_nce": 2.0 * tf.add_n(terms) / len(terms)}

    def negatives_per_query(self, batch_size: int) -> int:
        """The other half of all other images."""
        return batch_size - 1
