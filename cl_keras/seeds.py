# SPDX-License-Identifier: Apache-2.0
"""Which numbers are seeds."""

from __future__ import annotations

import operator
from typing import Any

LARGEST = 2**32 - 1


def check_seed(seed: Any) -> int:
    """Checks a seed: the range is that of NumPy and of Keras."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= LARGEST:
        raise ValueError(
            f"Expected `seed` as an integer from 0 to {LARGEST}. "
            f"Received: seed={seed!r}"
        )
    return number
