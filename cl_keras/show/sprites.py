# SPDX-License-Identifier: Apache-2.0
"""Many small images as one: what reports and TensorBoard's projector show on hover."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from cl_keras import extras


def thumbnails(images: np.ndarray, side: int = 32) -> np.ndarray:
    """Images made small enough for a sheet."""
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape or side < 1:
        raise ValueError(
            "Expected images (n, H, W, C), not empty, and a side of at least 1. "
            f"Received: shape={images.shape}, side={side}"
        )
    scale = 1.0 if images.dtype == np.uint8 else 255.0
    height, width = images.shape[1:3]
    share = min(1.0, side / max(height, width))
    size = (max(1, round(share * height)), max(1, round(share * width)))
    small = np.empty((len(images), *size, 3 if images.shape[3] == 3 else 1), np.uint8)
    for start in range(0, len(images), 256):
        part = tf.cast(images[start : start + 256], tf.float32) * scale
        if small.shape[3] == 1:
            part = tf.reduce_mean(part, axis=3, keepdims=True)
        if size != (height, width):
            part = tf.image.resize(part, size, "area")
        part = tf.clip_by_value(tf.round(part), 0.0, 255.0)
        small[start : start + 256] = part.numpy().astype(np.uint8)
    return small


def sprite_sheet(tiles: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Tiles side by side, row by row; what is left of the last row is black."""
    tiles = np.asarray(tiles)
    if tiles.ndim != 4 or not len(tiles) or (columns is not None and columns < 1):
        raise ValueError(
            "Expected tiles (n, h, w, C), at least one, and a column. "
            f"Received: shape={tiles.shape}, columns={columns}"
        )
    count, height, width, channels = tiles.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    grid = np.zeros((rows * columns, height, width, channels), tiles.dtype)
    grid[:count] = tiles
    grid = grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def spectrogram_images(
    waves: Sequence[np.ndarray], size: tuple[int, int] = (32, 48)
) -> np.ndarray:
    """Log spectrograms of waveforms as small pictures, time from left to right.

    Low pitches are at the bottom. Each picture has its own scale: 60 dB below its
    loudest point is dark. Vector sequences are shown channel by channel instead.
    """
    if not len(waves) or min(size) < 1:
        raise ValueError(
            "Expected at least one sequence and a size of at least 1. "
            f"Received: {len(waves)} sequences, size={size}"
        )
    matplotlib = extras.require("matplotlib", extra="eval")
    shown = np.stack([_spectrogram(np.asarray(wave), size) for wave in waves])
    return matplotlib.colormaps["viridis"](shown, bytes=True)[..., :3]


def _spectrogram(wave: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """From 0, silent, to 1, loudest; the highest pitch in the first row."""
    if wave.ndim == 2:  # Already channels over time.
        power = wave.T[::-1].astype(np.float32)
        low, high = float(power.min()), float(power.max())
    else:
        # Windows as long as give about as many bands as rows; at least two columns.
        window = int(np.clip(2 ** round(math.log2(8 * size[0])), 16, 512))
        wave = np.pad(wave, (0, max(0, window - len(wave))))
        hop = max(1, min(window // 2, (len(wave) - window) // size[1] or 1))
        spectra = tf.abs(tf.signal.stft(tf.constant(wave, tf.float32), window, hop))
        power = 20.0 * np.log10(spectra.numpy().T[::-1] + 1e-6)
        high = float(power.max())
        low = high - 60.0
    scaled = np.clip((power - low) / max(high - low, 1e-9), 0.0, 1.0)
    resized = tf.image.resize(scaled[..., None], size, "area").numpy()[..., 0]
    return np.clip(resized, 0.0, 1.0)
