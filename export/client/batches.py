# SPDX-License-Identifier: Apache-2.0
"""From what a caller has to the requests that are sent, and back."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras.export.client.transport import Signature

#: What `EmbeddingClient` takes: files' bytes or paths, or arrays, one an example.
Examples = (
    Sequence[bytes] | Sequence[str | os.PathLike[str]] | Sequence[Any] | np.ndarray
)


def are_files(examples: Examples) -> bool:
    """Says whether examples are the bytes or paths of files, not arrays.

    Args:
        examples: The examples.

    Returns:
        Whether the first is; False if there is none.
    """
    first = examples[0] if len(examples) else None
    return isinstance(first, bytes | str | os.PathLike)


def plan(examples: Examples, size: int) -> list[list[int]]:
    """Chooses which examples go into a request together.

    Arrays of one request have one shape; nothing is padded.

    Args:
        examples: The examples.
        size: How many at most.

    Returns:
        Places of the examples, a list a request; each place once.
    """
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    if are_files(examples) or isinstance(examples, np.ndarray):
        groups[()] = list(range(len(examples)))
    else:
        for place, example in enumerate(examples):
            groups[np.shape(example)].append(place)
    return [
        places[start : start + size]
        for places in groups.values()
        for start in range(0, len(places), size)
    ]


def feed(
    examples: Examples, places: Sequence[int], name: str, signature: Signature
) -> dict[str, np.ndarray]:
    """Makes the input of one request; files are read now.

    Args:
        examples: The examples.
        places: Those to send.
        name: The signature's name, for messages.
        signature: Its description.

    Returns:
        The array, by the input's name.

    Raises:
        ValueError: If the signature takes something else.
        OSError: If a file cannot be read.
    """
    ((key, tensor),) = signature.inputs.items()
    chosen = [examples[place] for place in places]
    if tensor.dtype != object:
        if are_files(chosen):
            raise ValueError(
                f"Expected arrays for {name!r}. Received: {type(chosen[0]).__name__}"
            )
        array = np.asarray(chosen, tensor.dtype) if chosen else _none(tensor.shape)
        fits = len(array.shape) == len(tensor.shape) and all(
            side in (None, given)
            for side, given in zip(tensor.shape, array.shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"Expected arrays of {list(tensor.shape[1:])} for {name!r}. Received: "
                f"{list(array.shape[1:])}"
            )
        return {key: array.astype(tensor.dtype, copy=False)}
    array = np.empty(len(chosen), dtype=object)
    for row, example in enumerate(chosen):
        if isinstance(example, str | os.PathLike):
            example = Path(example).read_bytes()
        if not isinstance(example, bytes):
            raise ValueError(
                f"Expected bytes or paths for {name!r}. Received: "
                f"{type(example).__name__} at {places[row]}"
            )
        array[row] = example
    return {key: array}


def _none(shape: Sequence[int | None]) -> np.ndarray:
    return np.zeros([0, *(1 if side is None else side for side in shape[1:])])


def together(
    answers: Sequence[Mapping[str, np.ndarray]], plan: Sequence[Sequence[int]]
) -> dict[str, np.ndarray]:
    """Puts answers into the order of the examples.

    Args:
        answers: Outputs of each request.
        plan: Places of its rows.

    Returns:
        The outputs; sides that differ are filled up with zeros.
    """
    places = np.concatenate([np.asarray(rows, int) for rows in plan])
    joined = {}
    for key in answers[0]:
        arrays = [answer[key] for answer in answers]
        sides = np.max([array.shape[1:] for array in arrays], axis=0).astype(int)
        whole = np.zeros((len(places), *sides), arrays[0].dtype)
        for rows, array in zip(plan, arrays, strict=True):
            inner: Any = tuple(slice(0, side) for side in array.shape[1:])
            whole[(np.asarray(rows, int), *inner)] = array
        joined[key] = whole
    return joined
