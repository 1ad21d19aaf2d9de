# SPDX-License-Identifier: Apache-2.0
"""Rows of numbers, a layer for them, and what lightly makes of them."""

from pathlib import Path

import keras
import numpy as np

GOLDEN = np.load(Path(__file__).parent / "golden" / "image_losses.npz")


def dense(inputs, outputs):
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
