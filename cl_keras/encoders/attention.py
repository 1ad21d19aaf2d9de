# SPDX-License-Identifier: Apache-2.0
"""Maps of the attention of vision transformers."""

from __future__ import annotations

import re

import keras
import numpy.typing as npt
import tensorflow as tf

_ATTENTION = re.compile(r"block\d+_attention")


def attention_maps(
    encoder: keras.Model, images: npt.ArrayLike, *, block: int = -1
) -> tf.Tensor:
    """Shows where a vision transformer looks: the attention of one of its blocks.

    Args:
        encoder: A model of `vit`, or one that has its layers.
        images: (batch, H, W, C) float32 in [0, 1].
        block: Number of the block, from 0; -1 is the last.

    Returns:
        (batch, heads, tokens, tokens): in each row, how much a token takes from the
        others; sums are 1. The class token is the first.

    Raises:
        ValueError: If the encoder has no such block.

    Example:
    >>> from cl_keras import encoders
    >>> encoder = encoders.vit(64, depth=2, patch=4, input_shape=(8, 8, 1))
    >>> attention_maps(encoder, np.zeros((3, 8, 8, 1))).shape
    TensorShape([3, 1, 5, 5])
    """
    blocks = [x for x in encoder.layers if _ATTENTION.fullmatch(x.name)]
    if not -len(blocks) <= block < len(blocks):
        raise ValueError(
            f"Expected a vision transformer with a block {block}. Received: "
            f"{encoder.name}, {len(blocks)} blocks"
        )
    attention = blocks[block]
    before = encoder.get_layer(attention.name.replace("_attention", "_norm1"))
    tokens = keras.Model(encoder.inputs, before.output)(images, training=False)
    return attention(tokens, tokens, return_attention_scores=True, training=False)[1]
