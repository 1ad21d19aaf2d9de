# SPDX-License-Identifier: Apache-2.0
"""At which sample rate recordings are read for an encoder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from cl_keras.preprocessing.sample_rate import sample_rate_of


def rate_of(encoder: Any, known: Mapping[str, Any]) -> int | None:
    """Tells which sample rate an encoder knows."""
    settings = known.get("settings") or {}
    return (
        sample_rate_of(encoder)
        or known.get("sample_rate")
        or settings.get("data.sample_rate")
    )


def rate_to_read(
    encoder: Any, known: Mapping[str, Any], given: int | None = None
) -> int | None:
    """Decides at which sample rate recordings are read for an encoder."""
    rate = rate_of(encoder, known)
    if rate is None and given is None:
        warnings.warn(
            "The encoder's sample rate is not known: recordings are read at the rate "
            "of most of them. If it is another one, the features are wrong. "
            "cl_keras.encoders.with_sample_rate(encoder, 16000) keeps it with the "
            "encoder.",
            stacklevel=2,
        )
    if None not in (rate, given) and rate != given:
        raise ValueError(
            f"The encoder knows recordings of {rate} Hz, to which others are brought. "
            f"Received: {given} Hz; leave the sample rate out, or embed the data anew."
        )
    return given if rate is None else rate
