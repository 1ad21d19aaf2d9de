# SPDX-License-Identifier: Apache-2.0
"""From what a caller has to the requests that are sent, and back."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import artifact
from cl_keras.export.client.answers import together
from cl_keras.export.client.inputs import as_input
from cl_keras.export.client.transport import Signature
from cl_keras.preprocessing import photos

__all__ = ["Examples", "are_files", "choose", "feed", "plan", "together"]

#: Signatures that take files, in the order they are looked for.
FILE_SIGNATURES = (
    artifact.BYTES_SIGNATURE,
    artifact.AUDIO_SIGNATURE,
    artifact.GRAPH_SIGNATURE,
)

#: What `EmbeddingClient` takes: files' bytes or paths, or arrays, one an example.
Examples = (
    Sequence[bytes] | Sequence[str | os.PathLike[str]] | Sequence[Any] | np.ndarray
)


def are_files(examples: Examples) -> bool:
    """Says whether examples are the bytes or paths of files, not arrays."""
    first = examples[0] if len(examples) else None
    return isinstance(first, bytes | str | os.PathLike)


def choose(
    signatures: Mapping[str, Signature], name: str | None, examples: Any
) -> tuple[str, Signature]:
    """Finds the signature for examples, and checks that it takes such."""
    is_dict = isinstance(examples, Mapping)
    if name is None:
        name = artifact.FLOAT_SIGNATURE
        if not is_dict and are_files(examples):
            name = next((n for n in FILE_SIGNATURES if n in signatures), name)
    if name not in signatures:
        raise ValueError(
            f"Expected one of the model's signatures {sorted(signatures)}. "
            f"Received: {name!r}"
        )
    wanted = signatures[name].inputs
    if is_dict and examples.keys() != wanted.keys():
        raise ValueError(
            f"Expected the inputs {sorted(wanted)} for {name!r}. "
            f"Received: {sorted(examples)}"
        )
    if not is_dict and len(wanted) != 1:
        raise ValueError(
            f"Expected a dict of {sorted(wanted)} for {name!r}. "
            f"Received: {type(examples).__name__}"
        )
    return name, signatures[name]


def plan(examples: Examples, size: int) -> list[list[int]]:
    """Chooses which examples go into a request together.

    Arrays of one request have one shape; nothing is padded.
    """
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    if are_files(examples) or isinstance(examples, np.ndarray):
        groups[()] = list(range(len(examples)))
    else:
        for index, example in enumerate(examples):
            groups[np.shape(example)].append(index)
    return [
        indices[start : start + size]
        for indices in groups.values()
        for start in range(0, len(indices), size)
    ]


def feed(
    examples: Examples, indices: Sequence[int], name: str, signature: Signature
) -> dict[str, np.ndarray]:
    """Makes the input of one request; files are read now."""
    ((key, tensor),) = signature.inputs.items()
    chosen = [examples[index] for index in indices]
    if tensor.dtype != object:
        if are_files(chosen):
            raise ValueError(
                f"Expected arrays for {name!r}. Received: {type(chosen[0]).__name__}"
            )
        return {key: as_input(chosen, key, tensor, name)}
    array = np.empty(len(chosen), dtype=object)
    for row, example in enumerate(chosen):
        if isinstance(example, str | os.PathLike):
            example = Path(example).read_bytes()
        if not isinstance(example, bytes):
            raise ValueError(
                f"Expected bytes or paths for {name!r}. Received: "
                f"{type(example).__name__} at {indices[row]}"
            )
        array[row] = _served(example) if key == artifact.BYTES_INPUT else example
    return {key: array}


def _served(content: bytes) -> bytes:
    """An image file that a server reads; one that cannot be made is its to refuse."""
    try:
        return photos.served(content)
    except ImportError as error:
        warnings.warn(f"An image is sent as it is. {error}", stacklevel=2)
    except ValueError:
        pass
    return content
