# SPDX-License-Identifier: Apache-2.0
"""Seeds of any size, as the random generators of others take them."""

from __future__ import annotations

import operator
from typing import Literal

import numpy as np


def wrapped(seed: int, dtype: Literal["int64", "uint32", "uint64"] = "int64") -> int:
    """Brings a seed into the range of a dtype, where it is not: it counts round.

    Args:
        seed: Any integer: negative, or larger than a dtype holds.
        dtype: What the generator holds it in.

    Returns:
        The seed; a seed beyond the range, less a multiple of the range's size.

    Raises:
        ValueError: If it is no integer.

    Example:
    >>> wrapped(7), wrapped(-1, "uint32"), wrapped(2**63)
    (7, 4294967295, -9223372036854775808)
    """
    try:
        number = operator.index(seed)
    except TypeError as error:
        raise ValueError(
            f"Expected `seed` as an integer. Received: seed={seed!r}"
        ) from error
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return (number - low) % (high - low + 1) + low
