# SPDX-License-Identifier: Apache-2.0
"""Views of methods that take more than two: large crops and small ones."""

from __future__ import annotations

import dataclasses

from cl_keras import check
from cl_keras.augment.inputs import check_range
from cl_keras.augment.simclr import SimCLRImages
from cl_keras.augment.views import ImageView


@dataclasses.dataclass(frozen=True)
class MultiCropImages(SimCLRImages):
    """Global views of most of an image, then local views of small parts of it.

    Colours and blur are those of `SimCLRImages`, alike for all views.

    Args:
        scale: Range of a global crop's share of the image area.
        global_views: Number of global views.
        local_views: Number of local views.
        local_scale: Range of a local crop's share of the image area.
        local_size: Side of local views, in pixels; by default that of global ones,
            which every encoder takes. Smaller ones cost less, and need an encoder of
            any size: `input_shape=(None, None, 3)`.
        size, ratio, flip, rotation, jitter, grayscale, sigma, strength, blur: As in
            `SimCLRImages`.

    Raises:
        ValueError: If a parameter is out of range, or there are less than two views.

    Reference: Caron et al. 2020, "Unsupervised learning of visual features by
    contrasting cluster assignments", arXiv:2006.09882, section 3.2.

    Example:
    >>> views = MultiCropImages(size=32, local_views=3, local_size=16)
    >>> [view.shape[1] for view in views(tf.zeros((4, 32, 32, 3)), (0, 1))]
    [32, 32, 16, 16, 16]
    """

    _: dataclasses.KW_ONLY
    scale: tuple[float, float] = (0.4, 1.0)
    global_views: int = 2
    local_views: int = 6
    local_scale: tuple[float, float] = (0.05, 0.4)
    local_size: int | None = None

    @property
    def views(self) -> tuple[ImageView, ...]:
        """The distributions of global views, then those of local ones."""
        check.at_least(1, global_views=self.global_views)
        check.at_least(0, local_views=self.local_views)
        check.at_least(2, views=self.global_views + self.local_views)
        check_range("local_scale", self.local_scale, high=1.0)
        large = super().views[0]
        size = self.size if self.local_size is None else self.local_size
        small = dataclasses.replace(large, size=size, scale=self.local_scale)
        return (large,) * self.global_views + (small,) * self.local_views
