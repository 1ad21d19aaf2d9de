# SPDX-License-Identifier: Apache-2.0
"""What an encoder is told of its inputs' channels."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from cl_keras import encoders


def channel_moments(encoder: str, values: np.ndarray) -> dict[str, Any]:
    """Mean and variance of the last axis, for an encoder that can keep them."""
    builder = encoders.ENCODERS.get(encoder)
    if builder is None or "mean" not in inspect.signature(builder).parameters:
        return {}
    axes = tuple(range(values.ndim - 1))
    mean = values.mean(axis=axes, dtype=np.float64)
    variance = values.var(axis=axes, dtype=np.float64)
    return {"mean": mean.tolist(), "variance": variance.tolist()}
