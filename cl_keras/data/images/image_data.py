# SPDX-License-Identifier: Apache-2.0
"""What every image source returns."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from cl_keras.data.examples import Examples
from cl_keras.labels import labels_in_range


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ImageData(Examples):
    """A set of images in memory, with labels where they are known.

    Args:
        name: Where the images come from, such as `"digits"`.
        images: `(count, height, width, channels)` uint8.
        labels: One an image, or None: unlabelled data is the normal case. Integers,
            floats of whole numbers, strings (which become class names in sorted
            order) or one-hot rows; kept as `(count,)` int64.
        class_names: Name of each label value, or None.
        skipped: Files that could not be used, each with the reason.
        ids: Name of each image, such as the path of its file in the folder; or None
            where rows have only numbers.

    Raises:
        ValueError: If the shapes do not agree or there is no image.
        TypeError: If the images are not uint8.

    Example:
    >>> data = ImageData("noise", np.zeros((10, 8, 8, 1), np.uint8))
    >>> len(data), data.shape
    (10, (8, 8, 1))
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None

    by_row = ("images", "labels", "ids")

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8:
            raise TypeError(
                f"Expected uint8 images. Received dtype: {self.images.dtype}"
            )
        if self.images.ndim != 4 or 0 in self.images.shape:
            raise ValueError(
                "Expected at least one image, as (count, height, width, channels). "
                f"Received shape: {self.images.shape}"
            )
        if self.ids is not None and len(self.ids) != len(self.images):
            raise ValueError(
                f"Expected one id an image, {len(self.images)}. "
                f"Received: {len(self.ids)}"
            )
        if self.labels is None:
            return
        labels, names = labels_in_range(
            self.labels, len(self.images), "an image", self.class_names
        )
        # The only assignments after construction: the dataclass is frozen.
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "class_names", names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of each image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def in_channels(self, channels: int | None) -> ImageData:
        """Makes colour images grey, or grey images RGB.

        Args:
            channels: 1 for luma (ITU-R BT.601), as files are decoded to grey; 3 to
                repeat the grey channel; None for the images as they are.

        Returns:
            The data with images of so many channels.

        Raises:
            ValueError: If images of this number of channels cannot be made.

        Example:
        >>> data = ImageData("noise", np.zeros((10, 8, 8, 3), np.uint8))
        >>> data.in_channels(1).shape
        (8, 8, 1)
        """
        own = self.shape[-1]
        if channels is None or channels == own:
            return self
        if {channels, own} != {1, 3}:
            raise ValueError(
                f"Expected images of {channels} channels. Received: {self.name}, whose "
                f"images have {own}"
            )
        if channels == 3:
            images = np.repeat(self.images, 3, axis=-1)
        else:
            images = np.empty((*self.images.shape[:3], 1), np.uint8)
            # As floats the images take four times their memory: a part at a time.
            for start in range(0, len(images), 256):
                part = slice(start, start + 256)
                images[part] = tf.image.rgb_to_grayscale(self.images[part])
        return dataclasses.replace(self, images=images)
