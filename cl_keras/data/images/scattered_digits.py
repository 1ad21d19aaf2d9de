# SPDX-License-Identifier: Apache-2.0
"""Real digit scans, scattered over a canvas: where pixels say little of the digit."""

from __future__ import annotations

import dataclasses

import numpy as np

from cl_keras import extras
from cl_keras.data.images.digits import load_digits
from cl_keras.data.images.image_data import ImageData
from cl_keras.preprocessing.resizing import resize_all

CANVAS = 32
#: Grey, which encoders scale to 0: the edges of the canvas show in no feature.
BACKGROUND = 128
#: Side of a digit on the canvas, in pixels, and its turn to either side, in degrees.
SIDES, TURN = (10.0, 18.0), 20.0
#: Images of each training scan; a test scan has one, so that test images are
#: independent of each other.
COPIES = 2
TEST_SCANS = 360


def load_scattered_digits(
    size: tuple[int, int] | None = None, *, part: str = "train"
) -> ImageData:
    """Places each of scikit-learn's scans at a random spot, size and angle.

    A fifth of the scans are the test part. The images are the same each time.
    """
    scans = load_digits((8, 8))
    order = np.random.default_rng(0).permutation(len(scans))
    test, train = np.split(order, [TEST_SCANS])
    scans = scans.take(test if part == "test" else np.repeat(train, COPIES))
    random = np.random.default_rng(1 if part == "test" else 0)
    images = np.stack([_placed(scan, random) for scan in scans.images[..., 0]])
    return dataclasses.replace(
        scans,
        name="scattered_digits",
        images=resize_all(images[..., np.newaxis], size or (CANVAS, CANVAS)),
    )


def _placed(scan: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws a scan on a grey canvas, bilinearly."""
    ndimage = extras.require("scipy.ndimage", extra="eval")
    side, turn = random.uniform(*SIDES), np.deg2rad(random.uniform(-TURN, TURN))
    centre = random.uniform(side / 2 - 1, CANVAS - side / 2, 2)
    to_scan = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    to_scan *= len(scan) / side
    offset = (len(scan) - 1) / 2 - to_scan @ centre
    drawn = ndimage.affine_transform(
        scan.astype(np.float32), to_scan, offset, (CANVAS, CANVAS), order=1
    )
    ink = drawn / 255.0
    return np.round(BACKGROUND + (255 - BACKGROUND) * ink).astype(np.uint8)
