# SPDX-License-Identifier: Apache-2.0
"""Learning rates that shrink from a network's last layers to its first."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from cl_keras import check
from cl_keras.optimizers.variable_rates import multiply_rate


def decay_rates(depths: Mapping[keras.layers.Layer, int], decay: float) -> None:
    """Gives each layer of a pretrained encoder a learning rate by its depth.

    The rate of a layer is that of the schedule times `decay` for each block from it to
    the end: the last block's has one factor, and heads behind the encoder have none.
    Of the optimizers only those of this package follow it; it is not saved with a
    model, so call this before each `fit` of a model that was loaded.

    Args:
        depths: How many blocks lie before each layer: `encoders.block_depths(encoder)`.
        decay: Factor of a block, above 0 and at most 1, such as 0.75.

    Raises:
        ValueError: If the factor is out of range.

    Example:
    >>> from cl_keras import encoders
    >>> encoder = encoders.compact_resnet(width=8)
    >>> decay_rates(encoders.block_depths(encoder), 0.75)

    Reference:
        Bao et al. (2022), BEiT, arXiv:2106.08254, appendix H, where a block is one of
        a transformer; Clark et al. (2020), ELECTRA, arXiv:2003.10555.
    """
    check.positive(decay=decay)
    check.between(0, 1, decay=decay)
    last = max(depths.values(), default=0)
    for layer, depth in depths.items():
        multiply_rate(layer.trainable_variables, decay ** (last - depth))
