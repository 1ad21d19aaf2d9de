# SPDX-License-Identifier: Apache-2.0
"""What a server answered, held against what it was asked and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cl_keras.export import probes
from cl_keras.export.client.errors import ServingError
from cl_keras.export.client.transport import INVALID_ANSWER, Signature

Arrays = Mapping[str, np.ndarray]


def checked(
    outputs: Arrays, signature: Signature, count: int | None, where: str
) -> dict[str, np.ndarray]:
    """Checks the answer to one request."""

    def refuse(key: str, expected: Any, received: Any) -> ServingError:
        return ServingError(
            f"{where}: a wrong answer: expected {expected} in {key!r}. Received: "
            f"{received}",
            INVALID_ANSWER,
        )

    if missing := sorted(signature.outputs.keys() - outputs.keys()):
        raise refuse(missing[0], "an output", f"{sorted(outputs)}")
    for key, tensor in signature.outputs.items():
        value = outputs[key]
        if value.dtype != tensor.dtype:
            raise refuse(key, tensor.dtype, value.dtype)
        shape = (tensor.shape[0] if count is None else count, *tensor.shape[1:])
        if not probes.fits(shape, value.shape):
            raise refuse(key, f"the shape {list(shape)}", f"{list(value.shape)}")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            rows = np.unique(np.argwhere(~np.isfinite(value))[:, 0])
            raise refuse(
                key,
                "finite numbers",
                f"NaN or infinity in {len(rows)} rows of "
                f"{len(value)}, first in row {rows[0]}",
            )
    return {key: outputs[key] for key in signature.outputs}


def together(
    answers: Sequence[Arrays], plan: Sequence[Sequence[int]]
) -> dict[str, np.ndarray]:
    """Puts answers into the order of the examples."""
    places = np.concatenate([np.asarray(rows, int) for rows in plan])
    joined = {}
    for key, first in answers[0].items():
        arrays = []
        for rows, array in zip(plan, (a.get(key) for a in answers), strict=True):
            if (
                array is None
                or (array.ndim, array.dtype) != (first.ndim, first.dtype)
                or array.shape[:1] != (len(rows),)
                or (array.ndim > 1 and array.shape[-1] != first.shape[-1])
            ):
                width = first.shape[-1] if first.ndim > 1 else "no"
                raise ServingError(
                    f"Expected {len(rows)} rows of {key!r} in one answer, "
                    f"{first.dtype} of width {width} as in the first. Received: "
                    f"{'none' if array is None else (array.dtype, array.shape)}",
                    INVALID_ANSWER,
                )
            arrays.append(array)
        sides = np.max([array.shape[1:] for array in arrays], axis=0).astype(int)
        whole = np.zeros((len(places), *sides), first.dtype)
        for rows, array in zip(plan, arrays, strict=True):
            inner: Any = tuple(slice(0, side) for side in array.shape[1:])
            whole[(np.asarray(rows, int), *inner)] = array
        joined[key] = whole
    return joined
