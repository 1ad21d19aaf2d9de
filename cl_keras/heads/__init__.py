# SPDX-License-Identifier: Apache-2.0
"""Heads that sit on an encoder's features during training."""

from cl_keras.heads.decoder import image_decoder
from cl_keras.heads.infomax import PriorMatching, copy_after, infomax_network
from cl_keras.heads.projection import projection_head

__all__ = [
    "PriorMatching",
    "copy_after",
    "image_decoder",
    "infomax_network",
    "projection_head",
]
