# SPDX-License-Identifier: Apache-2.0
"""The views of BYOL."""

from __future__ import annotations

import dataclasses
from typing import Self

from cl_keras.augment.views import ImageView, ImageViews


@dataclasses.dataclass(frozen=True)
class BYOLImages(ImageViews):
    """Two views as in BYOL: they differ in blur and solarisation.

    The defaults are for small images, without blur, as is usual on CIFAR-10;
    `BYOLImages.imagenet()` gives the paper's recipe.

    Args:
        brightness: Half-width of the brightness factor.
        contrast: Half-width of the contrast factor.
        saturation: Half-width of the saturation factor.
        hue: Largest turn of the hue.
        blur: Probability of a Gaussian blur, for the first and the second view.
        solarize: Probability of solarisation, for the first and the second view.
        size, scale, ratio, flip, rotation, jitter, grayscale, sigma: As in `ImageView`.

    Raises:
        ValueError: If a parameter is out of range.

    Example:
    >>> first, second = BYOLImages(size=32)(tf.zeros((4, 32, 32, 3)), (0, 1))
    >>> second.shape.as_list()
    [4, 32, 32, 3]

    Reference: Grill et al. 2020, "Bootstrap your own latent", appendix B, table 6.
    Deviations are named at `random_resized_crop`, `color_jitter` and `gaussian_blur`.
    """

    _: dataclasses.KW_ONLY
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    blur: tuple[float, float] = (0.0, 0.0)
    solarize: tuple[float, float] = (0.0, 0.2)

    @classmethod
    def imagenet(cls, size: int = 224) -> Self:
        """The paper's recipe: the first view always blurred, the second seldom.

        Args:
            size: Side of the square views, in pixels.

        Returns:
            The view maker.
        """
        return cls(size, blur=(1.0, 0.1))

    @property
    def views(self) -> tuple[ImageView, ...]:
        """The distributions of the first and of the second view."""
        for name in ("blur", "solarize"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or len(value) != 2:
                raise ValueError(
                    f"Expected `{name}` to be a pair, one probability a view. "
                    f"Received: {name}={value!r}"
                )
        first, second = (
            self._view(
                brightness=self.brightness,
                contrast=self.contrast,
                saturation=self.saturation,
                hue=self.hue,
                blur=blur,
                solarize=solarize,
            )
            for blur, solarize in zip(self.blur, self.solarize, strict=True)
        )
        return first, second
