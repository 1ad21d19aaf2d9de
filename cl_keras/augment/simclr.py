# SPDX-License-Identifier: Apache-2.0
"""The views of SimCLR."""

from __future__ import annotations

import dataclasses
from typing import Self

from cl_keras import check
from cl_keras.augment.views import ImageView, ImageViews


@dataclasses.dataclass(frozen=True)
class SimCLRImages(ImageViews):
    """Two views as in SimCLR, both from the same distribution.

    The defaults are the authors' for CIFAR-10 (strength 0.5, no blur);
    `SimCLRImages.imagenet()` and `SimCLRImages.moco_v2()` give other recipes.

    Args:
        strength: Strength s of the colour jitter: brightness, contrast and saturation
            0.8 s, hue 0.2 s.
        blur: Probability of a Gaussian blur.
        size, scale, ratio, flip, rotation, jitter, grayscale, sigma: As in `ImageView`.

    Raises:
        ValueError: If a parameter is out of range.

    Example:
    >>> views = SimCLRImages(size=32)
    >>> first, second = views(tf.zeros((4, 32, 32, 3)), (0, 1))
    >>> first.shape.as_list()
    [4, 32, 32, 3]

    Reference: Chen et al. 2020, "A simple framework for contrastive learning of
    visual representations", appendix A and B.9 (CIFAR-10). Deviations are named at
    `random_resized_crop`, `color_jitter` and `gaussian_blur`.
    """

    _: dataclasses.KW_ONLY
    strength: float = 0.5
    blur: float = 0.0

    @classmethod
    def imagenet(cls, size: int = 224) -> Self:
        """The recipe for ImageNet: strength 1 and blur of every second view.

        Args:
            size: Side of the square views, in pixels.

        Returns:
            The view maker.
        """
        return cls(size, strength=1.0, blur=0.5)

    @classmethod
    def moco_v2(cls, size: int = 224) -> Self:
        """The recipe of MoCo v2: gentler crops and colours.

        Args:
            size: Side of the square views, in pixels.

        Returns:
            The view maker.

        Reference: Chen et al. 2020, "Improved baselines with momentum contrastive
        learning": jitter 0.4, 0.4, 0.4, 0.1, which is strength 0.5 here.
        """
        return cls(size, strength=0.5, scale=(0.2, 1.0), blur=0.5)

    @property
    def views(self) -> tuple[ImageView, ...]:
        """The distributions of the first and of the second view, here the same."""
        check.not_negative(strength=self.strength)
        view = self._view(
            brightness=0.8 * self.strength,
            contrast=0.8 * self.strength,
            saturation=0.8 * self.strength,
            hue=0.2 * self.strength,
            blur=self.blur,
        )
        return view, view
