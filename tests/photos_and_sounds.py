# SPDX-License-Identifier: Apache-2.0
"""Photos and sounds of six moments, of cats and dogs."""

import numpy as np
import pytest
import tensorflow as tf

soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
RATE = 8000
NAMES = (
    "cats/0_bob",
    "cats/1_ann",
    "cats/2_bob",
    "dogs/3_ann",
    "dogs/4_bob",
    "dogs/5_ann",
)


def write_image(path, value, size=(6, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, np.uint8)
    path.write_bytes(tf.io.encode_png(pixels).numpy())


def write_sound(path, value, samples=400, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 0.5, samples) + value / 1000
    soundfile.write(path, ramp, rate, subtype="FLOAT")


def write_moments(folder):
    """Writes a photo and a sound of each moment."""
    for n, name in enumerate(NAMES):
        write_image(folder / "photos" / f"{name}.png", n)
        write_sound(folder / "sounds" / f"{name}.wav", n)
    return folder
