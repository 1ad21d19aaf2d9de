# SPDX-License-Identifier: Apache-2.0
"""One view of an image, and what draws several."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from cl_keras.augment import blur, color, crop, inputs, rotation, solarization
from cl_keras.augment.view_maker import ViewMaker
from cl_keras.preprocessing.pixels import check_channels_last, known_range


@dataclasses.dataclass(frozen=True)
class ImageView:
    """One view: crop, flip, turn, colour jitter, greyscale, blur, solarise, in order.

    Args:
        size: Side of the square view, in pixels.
        scale: Range of the crop's share of the image area.
        ratio: Range of width / height of the crop.
        flip: Probability of a left-right flip.
        rotation: Largest angle of a turn to either side, in degrees.
        brightness: Half-width of the brightness factor.
        contrast: Half-width of the contrast factor.
        saturation: Half-width of the saturation factor.
        hue: Largest turn of the hue; 0.5 is half a turn.
        jitter: Probability of the colour jitter.
        grayscale: Probability of taking the colour away.
        blur: Probability of a Gaussian blur.
        sigma: Range of the blur's standard deviation, in pixels.
        solarize: Probability of solarisation.

    Raises:
        ValueError: If a parameter is out of range.

    Example:
    >>> view = ImageView(size=16, grayscale=0.2)
    >>> view(tf.zeros((2, 20, 20, 3)), (0, 1)).shape.as_list()
    [2, 16, 16, 3]
    """

    size: int
    _: dataclasses.KW_ONLY
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    rotation: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    jitter: float = 0.8
    grayscale: float = 0.0
    blur: float = 0.0
    sigma: tuple[float, float] = (0.1, 2.0)
    solarize: float = 0.0

    def __post_init__(self) -> None:
        inputs.check_size(self.size)
        inputs.check_range("scale", self.scale, high=1.0)
        inputs.check_range("ratio", self.ratio)
        inputs.check_range("sigma", self.sigma)
        rotation.check_degrees(self.rotation)
        color.check_strengths(self.brightness, self.contrast, self.saturation, self.hue)
        for name in ("flip", "jitter", "grayscale", "blur", "solarize"):
            inputs.check_probability(name, getattr(self, name))

    # AutoGraph finds nothing to convert here, and takes a second to do so.
    @tf.autograph.experimental.do_not_convert
    def __call__(self, images: inputs.Images, seed: inputs.Seed) -> tf.Tensor:
        """Draws a view of each image."""
        images = tf.convert_to_tensor(images)
        if images.shape.rank == 4:
            check_channels_last(images.shape[1:])
        crop_seed, jitter_seed, grey_seed, blur_seed, solarize_seed, turn_seed = (
            inputs.split_seed(seed, 6)
        )
        views = crop.random_resized_crop(
            images, self.size, crop_seed, self.scale, self.ratio, flip=self.flip
        )
        strengths = (self.brightness, self.contrast, self.saturation, self.hue)
        jitters = bool(self.jitter and any(strengths))
        in_color = (jitters or self.grayscale) and inputs.has_colors(views)
        # The crop was made of checked pixels.
        with known_range():
            if self.rotation:
                views = rotation.random_rotation(views, turn_seed, self.rotation)
            if jitters and in_color:
                views = color.color_jitter(
                    views, jitter_seed, *strengths, p=self.jitter
                )
            if self.grayscale and in_color:
                views = color.grayscale(views, grey_seed, self.grayscale)
            if self.blur:
                views = blur.gaussian_blur(views, blur_seed, self.blur, self.sigma)
            if self.solarize:
                views = solarization.solarize(views, solarize_seed, self.solarize)
        return views


@dataclasses.dataclass(frozen=True)
class ImageViews(ViewMaker):
    """What view makers of images share: independent views, and their parameters.

    Subclasses are frozen dataclasses that add their own parameters and say in `views`
    how the distributions differ.

    Args:
        size: Side of the square views, in pixels.
        scale: Range of the crop's share of the image area.
        ratio: Range of width / height of the crop.
        flip: Probability of a left-right flip.
        rotation: Largest angle of a turn to either side, in degrees.
        jitter: Probability of the colour jitter.
        grayscale: Probability of taking the colour away.
        sigma: Range of the blur's standard deviation, in pixels.
    """

    size: int = 32
    _: dataclasses.KW_ONLY
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    rotation: float = 0.0
    jitter: float = 0.8
    grayscale: float = 0.2
    sigma: tuple[float, float] = (0.1, 2.0)

    @property
    def views(self) -> tuple[ImageView, ...]:
        """The distribution of each view."""
        raise NotImplementedError

    def _view(self, **own: Any) -> ImageView:
        """A view with the shared parameters and the subclass's own."""
        shared: dict[str, Any] = {
            f.name: getattr(self, f.name) for f in dataclasses.fields(ImageViews)
        }
        return ImageView(**shared, **own)

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.views  # Checks the parameters.

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self, images: inputs.Images, seed: inputs.Seed
    ) -> tuple[tf.Tensor, ...]:
        """Draws views of each image, independently of each other."""
        seeds = inputs.split_seed(seed, len(self.views))
        return tuple(
            view(images, seed) for view, seed in zip(self.views, seeds, strict=True)
        )
