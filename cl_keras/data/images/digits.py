# SPDX-License-Identifier: Apache-2.0
"""Real scans of handwritten digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from cl_keras import extras
from cl_keras.data.images.image_data import ImageData
from cl_keras.preprocessing.resizing import resize_all

# 8 x 8 pixels leave a crop little to choose from, and a stride-2 encoder nothing.
_SIZE = 16


def load_digits(size: tuple[int, int] | None = None) -> ImageData:
    """Loads the 1,797 digit scans of scikit-learn, 8 x 8 pixels, one channel.

    Reference: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits",
    the test part.
    """
    source = extras.require("sklearn.datasets", extra="eval").load_digits()
    # Values are counts of set pixels, 0..16.
    images = np.round(source.images * (255.0 / 16.0)).astype(np.uint8)[..., np.newaxis]
    return ImageData(
        "digits",
        resize_all(images, size or (_SIZE, _SIZE)),
        source.target.astype(np.int64),
        tuple(str(name) for name in source.target_names),
    )
