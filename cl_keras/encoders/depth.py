# SPDX-License-Identifier: Apache-2.0
"""Layers by their depth: freezing the first ones, and how deep each lies."""

from __future__ import annotations

from typing import Any

import keras

from cl_keras import check
from cl_keras.registry import unknown

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.Normalization,
)


def freeze(encoder: keras.Model, until: int | str) -> None:
    """Freezes the first layers of an encoder, in place.

    Frozen layers keep their weights, and their batch normalisation its statistics, by
    which it normalises in training too.

    Args:
        encoder: The encoder.
        until: How many of the `blocks` to freeze, from the input on; or the name of
            the last layer to freeze, with all that come before it in
            `encoder.layers`.

    Raises:
        ValueError: If the encoder has fewer blocks or no such layer, or nothing would
            be left to train.

    Example:
    >>> from cl_keras import encoders
    >>> encoder = encoders.compact_resnet(width=8)
    >>> freeze(encoder, 2)
    >>> sum(not layer.trainable for layer in encoder.layers) > 0
    True
    """
    depths = block_depths(encoder)
    if isinstance(until, str):
        names = [layer.name for layer in encoder.layers]
        if until not in names:
            raise unknown("layer", until, names)
        frozen = encoder.layers[: names.index(until) + 1]
    else:
        check.at_least(1, freeze=until)
        last = max(depths.values())
        if until > last:
            raise ValueError(
                f"Expected at most {last} blocks to freeze, which {encoder.name} has "
                f"before its last layers. Received: {until}"
            )
        frozen = [layer for layer in encoder.layers if depths[layer] < until]
    for layer in frozen:
        layer.trainable = False
    if not encoder.trainable_weights:
        raise ValueError(
            f"Nothing of {encoder.name} would be left to train. Received: "
            f"freeze={until!r}"
        )


def block_depths(encoder: keras.Model) -> dict[keras.layers.Layer, int]:
    """Counts the blocks that lie before each layer.

    A block ends with a residual sum: two a block of a transformer, one a block of a
    ResNet, whose stem is part of the first. In a network without such sums each layer
    with weights is a block, its normalisation part of it.

    Args:
        encoder: The encoder.

    Returns:
        The number for each of `encoder.layers`: 0 for the first block's.

    Example:
    >>> from cl_keras import encoders
    >>> max(block_depths(encoders.resnet18((32, 32, 3), stem="small")).values())
    8
    """
    operations = getattr(encoder, "operations", encoder.layers)
    residual = any(map(_is_sum, operations))
    before: dict[Any, int] = {}
    after: dict[Any, int] = {}
    for place, operation in enumerate(operations):
        if hasattr(encoder, "operations"):
            (node, *_) = operation._inbound_nodes
            parents = [parent.operation for parent in node.parent_nodes]
        else:
            parents = [operations[place - 1]] if place else []
        depth = max((after[p] for p in parents if p in after), default=0)
        ends = _is_sum(operation) if residual else _is_block(operation)
        after[operation] = depth + ends
        before[operation] = depth
        if isinstance(operation, _NORMALIZATIONS) and not residual:
            before[operation] = max(depth - 1, 0)
    return {layer: before[layer] for layer in encoder.layers}


def _is_sum(operation: Any) -> bool:
    return type(operation).__name__ == "Add"


def _is_block(operation: Any) -> bool:
    weighted = bool(getattr(operation, "trainable_weights", ()))
    return weighted and not isinstance(operation, _NORMALIZATIONS)
