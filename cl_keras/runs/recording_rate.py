# SPDX-License-Identifier: Apache-2.0
"""At which sample rate recordings are read for an encoder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from cl_keras.sample_rate import sample_rate_of


def rate_of(encoder: Any, known: Mapping[str, Any]) -> int | None:
    """Tells which sample rate an encoder knows.

    Args:
        encoder: A Keras model, or a served encoder.
        known: What `load_target` knows of it.

    Returns:
        The rate that the encoder itself keeps; else that of its run, manifest or row;
        None if nothing says it.

    Example:
    >>> rate_of(None, {"sample_rate": 8000})
    8000
    """
    settings = known.get("settings") or {}
    return (
        sample_rate_of(encoder)
        or known.get("sample_rate")
        or settings.get("data.sample_rate")
    )


def rate_to_read(
    encoder: Any, known: Mapping[str, Any], given: int | None = None
) -> int | None:
    """Decides at which sample rate recordings are read for an encoder.

    Args:
        encoder: As in `rate_of`.
        known: As in `rate_of`.
        given: The rate that is asked for, or that other recordings were read at.

    Returns:
        The encoder's rate; `given` where that is not known. None, with a warning, if
        nothing says it: the rate of most recordings is taken then.

    Raises:
        ValueError: If `given` is another rate than the encoder's.

    Example:
    >>> rate_to_read(None, {"sample_rate": 8000}, 8000)
    8000
    """
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
