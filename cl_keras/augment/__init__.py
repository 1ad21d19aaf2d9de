# SPDX-License-Identifier: Apache-2.0
"""Stateless, batched augmentations and the view makers built of them.

Every function takes a batch and a seed of two integers and draws for each example on
its own; images, uint8 or float in [0, 1], are returned as float32 in [0, 1], sequences
as float32. The same seed gives the same result, so a view can be made again.
"""

from cl_keras.augment.blur import gaussian_blur
from cl_keras.augment.byol import BYOLImages
from cl_keras.augment.color import color_jitter, grayscale
from cl_keras.augment.crop import random_resized_crop
from cl_keras.augment.flip import random_flip
from cl_keras.augment.graph_views import GraphView
from cl_keras.augment.grid import preview
from cl_keras.augment.inputs import as_float
from cl_keras.augment.masks import mask_bands, mask_time
from cl_keras.augment.multi_crop import MultiCropImages
from cl_keras.augment.rotation import random_rotation
from cl_keras.augment.sequence_views import AudioViews, SeriesViews
from cl_keras.augment.series import (
    jitter_series,
    permute_segments,
    rotate_series,
    scale_series,
    warp_time,
)
from cl_keras.augment.simclr import SimCLRImages
from cl_keras.augment.solarization import solarize
from cl_keras.augment.spectrogram import SpectrogramView, mix_log, resize_crop
from cl_keras.augment.views import ImageView
from cl_keras.augment.waveform import add_noise, crop_time, random_gain

__all__ = [
    "AudioViews",
    "BYOLImages",
    "GraphView",
    "ImageView",
    "MultiCropImages",
    "SeriesViews",
    "SimCLRImages",
    "SpectrogramView",
    "add_noise",
    "as_float",
    "color_jitter",
    "crop_time",
    "gaussian_blur",
    "grayscale",
    "jitter_series",
    "mask_bands",
    "mask_time",
    "mix_log",
    "permute_segments",
    "preview",
    "random_flip",
    "random_gain",
    "random_resized_crop",
    "random_rotation",
    "resize_crop",
    "rotate_series",
    "scale_series",
    "solarize",
    "warp_time",
]
