# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint's weights are the weights of, and where each of them belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from cl_keras.checkpoints.sources import HEADS, some

#: By a layer's name: the keys that it needs, and what makes weights of their arrays.
Plan = Mapping[str, tuple[Sequence[str], Callable[..., Sequence[np.ndarray]]]]


@dataclass(frozen=True)
class Network:
    """An architecture as it is read off the shapes of weights.

    Args:
        name: Such as `"resnet50"` or `"vit_small_patch16"`.
        build: Makes the encoder, from `input_shape`, `scaling` and further options.
        plan: Says where the weights of an encoder come from.
        channels: Of the images.
        small: Whether it is made for small images.
        options: What `build` may be told to do otherwise, by name: the possible values.
    """

    name: str
    build: Callable[..., keras.Model]
    plan: Callable[[keras.Model], Plan]
    channels: int
    small: bool = False
    options: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def shape_of(arrays: Mapping[str, np.ndarray], key: str, rank: int) -> tuple[int, ...]:
    """The shape of a weight that must be there."""
    if key not in arrays:
        raise ValueError(f"Expected the weight {key!r}. Received: {some(arrays)}")
    shape = arrays[key].shape
    if len(shape) != rank or 0 in shape:
        raise ValueError(
            f"Expected a weight {key!r} of {rank} axes. Received: shape {shape}"
        )
    return shape


def fill(encoder: keras.Model, plan: Plan, arrays: Mapping[str, np.ndarray]) -> None:
    """Gives an encoder its weights; refuses whatever does not fit."""
    wanted = [key for keys, _ in plan.values() for key in keys]
    missing = [key for key in wanted if key not in arrays]
    unexpected = [k for k in arrays if k not in {*wanted} and not HEADS.match(k)]
    if missing or unexpected:
        raise ValueError(
            f"Expected the weights of a {encoder.name}. "
            f"Missing: {some(missing) or 'none'}. "
            f"Unexpected: {some(unexpected) or 'none'}."
        )
    for key in wanted:
        if not np.isfinite(arrays[key]).all():
            raise ValueError(
                f"Expected finite weights. Received: NaN or infinity in {key!r}"
            )
    for name, (keys, make) in plan.items():
        layer = encoder.get_layer(name)
        values = _made(make, keys, arrays)
        shapes = [tuple(w.shape) for w in layer.weights]
        if values is None or [value.shape for value in values] != shapes:
            received = {key: arrays[key].shape for key in keys}
            raise ValueError(
                f"Expected weights of the layer {name!r}, in Keras's order of axes "
                f"{shapes}. Received: in PyTorch's {received}"
            )
        layer.set_weights(values)


def _made(
    make: Callable[..., Sequence[np.ndarray]],
    keys: Sequence[str],
    arrays: Mapping[str, np.ndarray],
) -> Sequence[np.ndarray] | None:
    try:
        return make(*(np.asarray(arrays[key], np.float32) for key in keys))
    except (IndexError, ValueError):  # Axes or sizes that no layer of ours has.
        return None


def left_out(arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Names of what stands beside the encoder in its place: `fc`, `head` and so on."""
    seen = set()
    for key in arrays:
        if HEADS.match(key) and not key.endswith("num_batches_tracked"):
            top = key.split(".")[0]
            if top not in seen:
                yield top
            seen.add(top)
