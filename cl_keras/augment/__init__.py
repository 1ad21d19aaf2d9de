# SPDX-License-Identifier: Apache-2.0
"""Stateless, batched augmentations and the view makers built of them.

Every function takes a batch of images, uint8 or float in [0, 1], and a seed of two
integers, draws for each example on its own, and returns float32 in [0, 1]. The same
seed gives the same result, so a view can be made again.
"""

from cl_keras.augment.blur import gaussian_blur
from cl_keras.augment.byol import BYOLImages
from cl_keras.augment.color import color_jitter, grayscale
from cl_keras.augment.crop import random_resized_crop
from cl_keras.augment.flip import random_flip
from cl_keras.augment.graph_views import GraphView
from cl_keras.augment.grid import preview
from cl_keras.augment.inputs import as_float
from cl_keras.augment.multi_crop import MultiCropImages
from cl_keras.augment.simclr import SimCLRImages
from cl_keras.augment.solarization import solarize
from cl_keras.augment.views import ImageView

__all__ = [
    "BYOLImages",
    "GraphView",
    "ImageView",
    "MultiCropImages",
    "SimCLRImages",
    "as_float",
    "color_jitter",
    "gaussian_blur",
    "grayscale",
    "preview",
    "random_flip",
    "random_resized_crop",
    "solarize",
]
