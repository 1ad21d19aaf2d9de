# SPDX-License-Identifier: Apache-2.0
"""What an encoder is told of its inputs, where it can keep it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from cl_keras import encoders


def channel_moments(encoder: str, values: np.ndarray) -> dict[str, Any]:
    """Mean and variance of the last axis."""
    if not _takes(encoder, "mean"):
        return {}
    axes = tuple(range(values.ndim - 1))
    mean = values.mean(axis=axes, dtype=np.float64)
    variance = values.var(axis=axes, dtype=np.float64)
    return {"mean": mean.tolist(), "variance": variance.tolist()}


def rate_option(encoder: str, rate: int | None, given: Any) -> dict[str, Any]:
    """The sample rate; the one given must be it."""
    if not _takes(encoder, "sample_rate"):
        return {}
    if given not in (None, rate):
        raise ValueError(
            f"Expected `encoder.sample_rate` as the recordings are read, at {rate} Hz "
            f"(data.sample_rate changes that). Received: {given}"
        )
    return {"sample_rate": rate}


def _takes(encoder: str, option: str) -> bool:
    builder = encoders.ENCODERS.get(encoder)
    return builder is not None and option in inspect.signature(builder).parameters
