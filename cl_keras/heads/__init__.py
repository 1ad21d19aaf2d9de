# SPDX-License-Identifier: Apache-2.0
"""Heads that sit on an encoder's features during training."""

from cl_keras.heads.decoder import image_decoder
from cl_keras.heads.infomax import PriorMatching, copy_after, infomax_network
from cl_keras.heads.projection import (
    byol_head,
    halves_head,
    mlp_head,
    projection_head,
    shortcut_head,
    tanh_head,
)
from cl_keras.heads.prototypes import Prototypes, dino_head, prototype_head

__all__ = [
    "PriorMatching",
    "Prototypes",
    "byol_head",
    "copy_after",
    "dino_head",
    "halves_head",
    "image_decoder",
    "infomax_network",
    "mlp_head",
    "projection_head",
    "prototype_head",
    "shortcut_head",
    "tanh_head",
]
