# SPDX-License-Identifier: Apache-2.0
"""What a signature takes, from what a caller has: checked before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cl_keras import artifact
from cl_keras.export import probes
from cl_keras.export.client.transport import Signature, Tensor

_GRAPH = {"features", "edges"}


def as_input(value: Any, key: str, tensor: Tensor, name: str) -> np.ndarray:
    """Brings numbers to the dtype of a signature's input, without changing them.

    Images follow the one rule of the package: uint8 is divided by 255, floats are in
    [0, 1].
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"Expected arrays of one shape as {key!r} of {name!r}. Received: {error}"
        ) from error
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise ValueError(
            f"Expected arrays of numbers as {key!r} of {name!r}. Received: dtype "
            f"{array.dtype}"
        )
    _check_shape(array, tensor, name)
    wanted = tensor.dtype
    if wanted.kind in "iu":
        return _integers(array, wanted, f"{key!r} of {name!r}")
    if wanted.kind == "b":
        return array.astype(wanted)
    if key == artifact.FLOAT_INPUT:
        return _pixels(array, name).astype(wanted)
    if array.dtype.kind in "iu" and _is_wave(tensor):
        raise ValueError(
            f"Expected recordings for {name!r} as floats in [-1, 1], such as int16 "
            f"samples divided by 32,768. Received: {array.dtype}"
        )
    with np.errstate(over="ignore"):
        array = array.astype(wanted)
    if wanted.kind == "f" and not np.isfinite(array).all():
        raise ValueError(
            f"Expected finite numbers as {key!r} of {name!r}. Received: NaN or inf, "
            f"first at {_first(~np.isfinite(array))}"
        )
    return array


def _check_shape(array: np.ndarray, tensor: Tensor, name: str) -> None:
    if probes.fits(tensor.shape, array.shape):
        return
    if array.shape[1:] == tensor.shape[1:]:
        raise ValueError(
            f"{name!r} takes batches of {tensor.shape[0]} rows only. Received: "
            f"{len(array)} rows; max_batch_size={tensor.shape[0]} divides examples"
        )
    raise ValueError(
        f"Expected arrays of {list(tensor.shape[1:])} for {name!r}. Received: "
        f"{list(array.shape[1:])}"
    )


def _pixels(array: np.ndarray, name: str) -> np.ndarray:
    expected = f"Expected images for {name!r} as uint8 in 0..255 or floats in [0, 1]."
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(255)
    if array.dtype.kind in "iu":
        raise ValueError(f"{expected} Received: dtype {array.dtype}")
    # Written so that NaN is outside.
    outside = ~((array >= 0) & (array <= 1))
    if outside.any():
        raise ValueError(
            f"{expected} Received: {array.dtype} from {array.min():g} to "
            f"{array.max():g}, first at {_first(outside)}; divide by 255, or pass uint8"
        )
    return array


def _integers(array: np.ndarray, wanted: np.dtype, what: str) -> np.ndarray:
    limits = np.iinfo(wanted)
    with np.errstate(invalid="ignore"):
        whole = array.astype(wanted)
    # Compared with Python's numbers: they have no limits of their own.
    inside = not array.size or (array.min() >= limits.min and array.max() <= limits.max)
    if not inside or not np.array_equal(whole, array):
        raise ValueError(
            f"Expected whole numbers that fit into {wanted} as {what}. Received: "
            f"{array.dtype} from {array.min()} to {array.max()}"
        )
    return whole


def _is_wave(tensor: Tensor) -> bool:
    return tensor.shape[1:] in ((None,), (None, 1))


def _first(where: np.ndarray) -> list[int]:
    return np.argwhere(where)[0].tolist()


def graph(
    examples: Mapping[str, Any], name: str, signature: Signature
) -> dict[str, np.ndarray]:
    """The arrays of one request that has several inputs, a graph."""
    feed = {}
    for key, tensor in signature.inputs.items():
        value = examples[key]
        if not np.size(value):
            # `[]` has lost the other sides, and NumPy takes it for floats.
            sides = np.shape(value)
            keeps = len(sides) == len(tensor.shape)
            value = np.zeros(sides, tensor.dtype) if keeps else _no_rows(tensor)
        feed[key] = as_input(value, key, tensor, name)
    return feed


def rows(feed: Mapping[str, np.ndarray]) -> int | None:
    """Counts the rows that an answer has to have."""
    if feed.keys() == _GRAPH:
        return len(feed["features"])
    counts = {len(value) for value in feed.values()}
    return counts.pop() if len(counts) == 1 else None


def with_an_edge(feed: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Gives a graph without edges one, for JSON: its `[]` has lost the two ends.

    The edge is that of a further node to itself, the last one. It changes no other
    node, as an exported graph does not depend on graphs beside it.
    """
    if feed.keys() != _GRAPH or len(feed["edges"]):
        return feed
    nodes = feed["features"]
    more = np.zeros((1, *nodes.shape[1:]), nodes.dtype)
    edge = np.full((1, 2), len(nodes), feed["edges"].dtype)
    return {"features": np.concatenate([nodes, more]), "edges": edge}


def nothing(signature: Signature) -> dict[str, np.ndarray]:
    """The answer to no examples, which no server is asked."""
    return {key: _no_rows(tensor) for key, tensor in signature.outputs.items()}


def _no_rows(tensor: Tensor) -> np.ndarray:
    return np.empty((0, *(side or 0 for side in tensor.shape[1:])), tensor.dtype)
