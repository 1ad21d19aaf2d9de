# SPDX-License-Identifier: Apache-2.0
"""Statistics of the channels of series: what learning must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def channel_statistics(sequences: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Mean, deviation, energy, zero crossings and spectral centroid of each channel.

    Crossings and centroid are of the channel less its mean: a share of the steps, and
    a share of half the sample rate.

    Args:
        sequences: `(time, channels)` each, of any length.

    Returns:
        float32 `(n, 5 * channels)`, statistic by statistic.

    Raises:
        ValueError: For no sequences, or of another rank.

    Example:
    >>> channel_statistics([np.ones((9, 2)), np.ones((7, 2))]).shape
    (2, 10)
    """
    if not len(sequences) or any(np.ndim(x) != 2 for x in sequences):
        raise ValueError(
            "Expected sequences of (time, channels), at least one. Received: "
            f"{[np.shape(x) for x in sequences[:3]]}"
        )
    return np.stack([_statistics(np.asarray(x, np.float64)) for x in sequences])


def _statistics(x: np.ndarray) -> np.ndarray:
    mean = x.mean(axis=0)
    centred = x - mean
    signs = np.diff(centred > 0, axis=0) if len(x) > 1 else np.zeros((1, x.shape[1]))
    spectrum = np.abs(np.fft.rfft(centred, axis=0))
    places = np.linspace(0, 1, len(spectrum))[:, np.newaxis]
    centroid = (places * spectrum).sum(axis=0) / np.maximum(spectrum.sum(axis=0), 1e-9)
    parts = (mean, x.std(axis=0), (x**2).mean(axis=0), signs.mean(axis=0), centroid)
    return np.concatenate(parts).astype(np.float32)
