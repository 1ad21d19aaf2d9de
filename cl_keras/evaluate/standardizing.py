# SPDX-License-Identifier: Apache-2.0
"""Features centred and scaled as the training part says."""

from __future__ import annotations

import numpy as np

from cl_keras import extras

# Values in one block, which is cast to float64 (32 MB).
_BLOCK = 4_000_000
# Deviations so far below the mean are what rounding leaves of a constant feature.
_ROUNDING = 1e-6


def standardized(
    train_x: np.ndarray, *others: np.ndarray, each: bool = True
) -> list[np.ndarray]:
    """Centres features, and divides them by their deviation, by training statistics.

    Features that never change (dead units) become zero instead of exploding.
    """
    preprocessing = extras.require("sklearn.preprocessing", extra="eval")
    scaler = preprocessing.StandardScaler()
    rows = max(1, _BLOCK // train_x.shape[1])
    for start in range(0, len(train_x), rows):
        scaler.partial_fit(train_x[start : start + rows].astype(np.float64))
    mean, scale = scaler.mean_, np.sqrt(scaler.var_)
    constant = scale <= _ROUNDING * np.maximum(_ROUNDING, np.abs(mean))
    if not each and not constant.all():
        scale[:] = np.sqrt(scaler.var_[~constant].mean())
    scale[constant] = 1.0
    mean, scale = mean.astype(np.float32), scale.astype(np.float32)
    scaled = [x.astype(np.float32) for x in (train_x, *others)]
    for x in scaled:
        x -= mean
        x /= scale
    return scaled
