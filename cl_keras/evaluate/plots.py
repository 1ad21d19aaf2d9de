# SPDX-License-Identifier: Apache-2.0
"""Figures of a training run and of what its encoder learnt: `cl_keras.show.plots`."""

from cl_keras.show.plots import (
    confusion,
    embedding_map,
    loss_curve,
    points_map,
    similarity_histogram,
)

__all__ = [
    "confusion",
    "embedding_map",
    "loss_curve",
    "points_map",
    "similarity_histogram",
]
