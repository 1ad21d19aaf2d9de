# SPDX-License-Identifier: Apache-2.0
"""Encoders: Keras models from inputs to feature vectors."""

from cl_keras.encoders.build import ENCODERS, build
from cl_keras.encoders.resnet import (
    compact_resnet,
    resnet,
    resnet18,
    resnet34,
    resnet50,
)

__all__ = [
    "ENCODERS",
    "build",
    "compact_resnet",
    "resnet",
    "resnet18",
    "resnet34",
    "resnet50",
]
