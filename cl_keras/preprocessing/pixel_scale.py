# SPDX-License-Identifier: Apache-2.0
"""Tells encoders that want pixels of 0..255, and so would see nothing in [0, 1]."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np

from cl_keras.specification import input_shape, is_subclassed, takes_images

# In units of what an encoder sees: [0, 1] is spread over more than this, and does not
# lie farther from 0 than so many times its spread.
_SPREAD, _OFFSET = 1 / 32, 32

_ADVICE = (
    'Take encoders.build("keras:EfficientNetB0", input_shape) for models of '
    "keras.applications, which brings pixels to what they want; give your own the "
    "argument include_preprocessing=False or leave its Rescaling out; or put a "
    "Rescaling in front: keras.Sequential([keras.Input(input_shape), "
    "keras.layers.Rescaling(255.0), encoder])."
)

# What changes each value by itself, and what only moves values.
_OF_VALUES = (keras.layers.Rescaling, keras.layers.Normalization, keras.layers.Lambda)
_OPERATIONS = {"Add", "Cast", "Divide", "GetItem", "Multiply", "Stack", "Subtract"}
_OPERATIONS |= {"TrueDivide"}
_MOVING = (
    keras.layers.CenterCrop,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.InputLayer,
    keras.layers.RandomFlip,
    keras.layers.Resizing,
    keras.layers.ZeroPadding2D,
)


def check_pixel_scale(encoder: Any) -> None:
    """Refuses image encoders that do not take floats in [0, 1].

    Follows the inputs through the first layers: an encoder of bytes, or one that
    divides by 255 itself, would see all images as nearly black, and train on that
    without a word. Of a subclassed model only the layers can be looked at, not what it
    does with them: it is warned of.
    """
    if not isinstance(encoder, keras.Model) or not takes_images(encoder):
        return
    inputs = getattr(encoder, "inputs", None)
    dtype = str(inputs[0].dtype) if inputs else "float32"
    if "float" not in dtype:
        raise ValueError(
            f"Expected an encoder of float images in [0, 1]. Received: {encoder.name}, "
            f"whose input is {dtype}. Build it on keras.Input(input_shape) without its "
            "Rescaling(1 / 255): data and methods scale bytes, and so does the "
            "`image_bytes` signature of its export."
        )
    channels = input_shape(encoder)[-1]
    if channels is None:
        return
    unit = np.stack([np.zeros((1, 1, channels)), np.ones((1, 1, channels))])
    if is_subclassed(encoder):
        for part in encoder.layers:
            if _wants_bytes(_scaled(part, unit.astype(np.float32))):
                warnings.warn(
                    f"{part.name} of {encoder.name} seems to want pixels of 0..255, "
                    f"and encoders are given floats in [0, 1]. {_ADVICE}",
                    stacklevel=4,
                )
        return
    seen = _seen(encoder, unit.astype(np.float32))
    if _wants_bytes(seen):
        raise ValueError(
            f"Expected an encoder of images in [0, 1]. Received: {encoder.name}, which "
            f"wants pixels of 0..255: [0, 1] is only {seen.min():.4g} to "
            f"{seen.max():.4g} behind its first layers. {_ADVICE}"
        )


def _wants_bytes(seen: np.ndarray) -> bool:
    low, high = seen[0].ravel(), seen[1].ravel()
    spread = np.abs(high - low).max()
    # None at all: made of whole images, such as their mean, which says nothing.
    return bool(spread and (spread < _SPREAD or np.abs(low).max() > _OFFSET * spread))


def _scaled(part: Any, values: np.ndarray) -> np.ndarray:
    """What a layer, or the beginning of a model, makes of values."""
    if isinstance(part, keras.Model):
        return values if is_subclassed(part) else _seen(part, values)
    return _changed(part, values) if isinstance(part, _OF_VALUES) else values


def _seen(model: Any, values: np.ndarray) -> np.ndarray:
    """Black and white, `(2, 1, 1, channels)`, behind the first layers of a model."""
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            if not isinstance(layer, (*_MOVING, *_OF_VALUES)):
                return _scaled(layer, values)
            values = _scaled(layer, values)
        return values
    nodes = [node for part in model.operations for node in part._inbound_nodes]
    known = {id(model.inputs[0]): values}
    while computed := [n for n in nodes if _follow(n, known)]:
        nodes = [n for n in nodes if n not in computed]
    # What the first layer that weighs pixels, or mixes them, is given.
    for node in nodes:
        for tensor in node.input_tensors:
            if id(tensor) in known:
                return _scaled(node.operation, known[id(tensor)])
    return values


def _follow(node: Any, known: dict[int, np.ndarray]) -> bool:
    """Computes what an operation makes of known values, if it treats each by itself."""
    tensors = node.input_tensors
    if not tensors or any(id(x) not in known for x in tensors):
        return False
    operation, values = node.operation, known[id(tensors[0])]
    if isinstance(operation, _OF_VALUES):
        made = _changed(operation, values)
    elif isinstance(operation, _MOVING):
        made = values
    elif type(operation).__name__ in _OPERATIONS:
        args, kwargs = keras.tree.map_structure(
            lambda x: known.get(id(x), x),
            (node.arguments.args, node.arguments.kwargs),
        )
        made = _changed(operation, *args, **kwargs)
    else:
        return False
    known[id(node.output_tensors[0])] = made
    return True


def _changed(operation: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return np.asarray(operation(*args, **kwargs))
    except Exception:  # A function of whole images, which says nothing of values.
        return keras.tree.flatten(args)[0]
