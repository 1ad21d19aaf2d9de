# SPDX-License-Identifier: Apache-2.0
"""What an encoder takes and gives, as its inputs and output tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

GRAPH_INPUTS = ("edges", "features")


@dataclass(frozen=True)
class Specification:
    """What an encoder takes and gives.

    Args:
        modality: `"image"`, `"audio"` (waveforms of any length), `"sequence"`
            (vectors, any number of them), `"graph"`, or None for anything else.
        shape: Shape of one example, such as `(32, 32, 3)`; None for an open time
            axis. Of a graph, `(width,)` of a node's features.
        features: Numbers that come out for an example.
    """

    modality: str | None
    shape: tuple[int | None, ...]
    features: int


def specification(encoder: keras.Model) -> Specification:
    """Returns an encoder's input shape and feature width."""
    if not isinstance(encoder, keras.Model):
        raise TypeError(f"Expected a keras.Model. Received: {type(encoder).__name__}")
    inputs = getattr(encoder, "inputs", None)
    outputs = getattr(encoder, "outputs", None)
    if not inputs or not outputs:
        raise ValueError(
            "Expected an encoder whose input shape is known: a functional model, or "
            "keras.Sequential([keras.Input(shape), encoder]); of a method, pass its "
            f"`.encoder`. Received: {type(encoder).__name__} {encoder.name!r}"
        )
    # A sequential model has no `input` before its first call, and no named inputs.
    named = None if isinstance(encoder, keras.Sequential) else encoder.input
    if isinstance(named, dict) and len(outputs) == 1 and len(inputs) > 1:
        return Specification("graph", _graph_shape(named), _width(outputs[0]))
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            "Expected an encoder with one input and one output. Received: "
            f"{len(inputs)} inputs and {len(outputs)} outputs"
        )
    shape = tuple(inputs[0].shape)[1:]
    # Only time may be open, and it comes first.
    timed = len(shape) in (1, 2) and shape[0] is None
    if (
        not shape
        or None in (shape[1:] if timed else shape)
        or "float" not in str(inputs[0].dtype)
    ):
        raise ValueError(
            "Expected an encoder with a float input of known height, width and "
            "channels, (batch, H, W, C), or of open length, (batch, None) or (batch, "
            f"None, channels). Received: {tuple(inputs[0].shape)}, {inputs[0].dtype}"
        )
    return Specification(modality_of(shape), shape, _width(outputs[0]))


def input_shape(encoder: Any) -> Any:
    """Shape of a batch of inputs, also of a subclassed model that was called."""
    shape = getattr(encoder, "input_shape", None)
    if shape is not None or not isinstance(encoder, keras.Model):
        return shape
    shape = (encoder.get_build_config() or {}).get("input_shape")
    return (None, *shape[1:]) if isinstance(shape, tuple | list) else None


def output_shape(encoder: Any) -> Any:
    """Shape of a batch of features, also of a subclassed model that was called."""
    shape = getattr(encoder, "output_shape", None)
    if shape is None and (inputs := input_shape(encoder)) is not None:
        outputs = encoder.compute_output_spec(keras.KerasTensor(inputs))
        shape = keras.tree.map_structure(lambda x: tuple(x.shape), outputs)
    return shape


def is_subclassed(encoder: Any) -> bool:
    """Whether only a model's code, not a graph of layers, says what it computes."""
    return not isinstance(encoder, keras.Sequential) and not hasattr(
        encoder, "operations"
    )


def only_output(outputs: Any) -> Any:
    """Takes the one tensor out of a dict or list of one."""
    if isinstance(outputs, dict) and len(outputs) == 1:
        return next(iter(outputs.values()))
    if type(outputs) in (tuple, list) and len(outputs) == 1:
        return outputs[0]
    return outputs


def takes_images(encoder: Any) -> bool:
    """Whether an encoder's inputs are images: (batch, height, width, channels)."""
    shape = input_shape(encoder)
    return isinstance(shape, tuple) and len(shape) == 4


def modality_of(shape: tuple[int | None, ...]) -> str | None:
    """What an example is, by its shape."""
    if len(shape) == 3:
        return "image"
    if shape and shape[0] is None:
        return {1: "audio", 2: "sequence"}.get(len(shape))
    return None


def _width(output: keras.KerasTensor) -> int:
    shape = tuple(output.shape)
    if len(shape) != 2 or shape[1] is None:
        raise ValueError(
            "Expected an encoder with output (batch, features); add a pooling or "
            f"flattening layer. Received: {shape}"
        )
    return int(shape[1])


def _graph_shape(inputs: dict[str, keras.KerasTensor]) -> tuple[int, ...]:
    shapes = {name: tuple(tensor.shape) for name, tensor in inputs.items()}
    dtypes = {name: str(tensor.dtype) for name, tensor in inputs.items()}
    if (
        tuple(sorted(inputs)) != GRAPH_INPUTS
        or shapes["edges"] != (None, 2)
        or not dtypes["edges"].startswith("int")
        or len(shapes["features"]) != 2
        or shapes["features"][0] is not None
        or shapes["features"][1] is None
        or "float" not in dtypes["features"]
    ):
        raise ValueError(
            "Expected a graph encoder with the inputs 'features', float (None, width), "
            f"and 'edges', integer (None, 2). Received: shapes {shapes}, dtypes "
            f"{dtypes}"
        )
    return (int(shapes["features"][1]),)
