# SPDX-License-Identifier: Apache-2.0
"""COLA.

Saeed, Grangier and Zeghidour (2021), Contrastive Learning of General-Purpose Audio
Representations, arXiv:2010.10915; equations 1 and 2.

Deviations: the loss is the mean of both directions, each crop being the anchor once;
the similarity is divided by the square root of its width, so that one learning rate
suits several widths.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import heads, losses
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class COLA(ViewsModel):
    """Finds the other crop of each recording among those of the batch.

    The similarity of two crops is g(x)' W g(y), with W trained: what is compared need
    not be alike in every direction.

    Args:
        encoder: Built model: (batch, samples) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D), used in training only.
            By default a dense layer of 512, layer normalisation and tanh
            (`heads.tanh_head`).
        **kwargs: Of `ViewsModel`, such as `micro_batch`.

    Raises:
        ValueError: If parts do not fit.

    Reference:
        Saeed et al. (2021), equations 1 (bilinear similarity) and 2; section 2.

    Example:
    >>> sounds = data.SequenceData("noise", (np.ones(4000, np.float32),) * 8)
    >>> model = COLA(encoders.mel_conv(widths=(4, 8), units=16))
    >>> model.compile(keras.optimizers.Adam(1e-4))
    >>> views = data.windows(sounds, 4000, 4, views=augment.AudioViews(crop=0.5))
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.encoder(sounds.sequences[0][np.newaxis]).shape
    TensorShape([1, 16])
    """

    head_builders = {"projector": heads.tanh_head}
    # The crops of one side are sought among those of the other.
    rivals_within = False

    def __init__(
        self, encoder: keras.Model, projector: keras.Model | None = None, **kwargs: Any
    ) -> None:
        super().__init__(encoder, projector, **kwargs)
        width = self.projector.output_shape[-1]
        self.similarity = keras.layers.Dense(width, use_bias=False, name="similarity")
        self.similarity.build((None, width))

    def relate(self, encoded: Outputs, training: bool) -> Outputs:
        """Turns each crop's embedding into what it looks for: W g(x)."""
        turned = {
            f"query{view}": self.similarity(encoded[f"embedding{view}"])
            for view in (1, 2)
        }
        return encoded | turned

    def objective(self, outputs: Outputs) -> Outputs:
        """Cross-entropy over the batch, of both directions."""
        width = outputs["embedding1"].shape[-1]
        find = partial(losses.info_nce, temperature=width**0.5, normalize=False)
        pairs = ((1, 2), (2, 1))
        both = [find(outputs[f"query{i}"], outputs[f"embedding{j}"]) for i, j in pairs]
        return {"info_nce": tf.add_n(both) / 2.0}

    def negatives_per_query(self, batch_size: int) -> int:
        """The other crops of all other recordings."""
        return batch_size - 1
