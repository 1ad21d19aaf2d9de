# SPDX-License-Identifier: Apache-2.0
"""From images in [0, 1] to what a network was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from cl_keras import check

#: Mean and deviation of each channel of the training images, in [0, 1].
STATISTICS: dict[str, tuple[Sequence[float], Sequence[float]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}
SYMMETRIC = "symmetric"
#: A name of `STATISTICS`, `"symmetric"` (to [-1, 1]), or mean and deviation.
Scaling = str | Sequence[Sequence[float]]


def scaled(images: keras.KerasTensor, scaling: Scaling) -> keras.KerasTensor:
    """Scales images by a layer: part of the encoder, it travels with the weights."""
    if scaling == SYMMETRIC:
        return layers.Rescaling(2.0, offset=-1.0)(images)
    mean, deviation = statistics(scaling)
    if not len(mean) == len(deviation) == images.shape[-1]:
        raise ValueError(
            f"Expected a mean and a deviation for each of {images.shape[-1]} channels. "
            f"Received: scaling={scaling!r}"
        )
    # Numbers of a config, where `Normalization` holds tensors: they can be converted.
    scale = [1 / d for d in deviation]
    offset = [-m / d for m, d in zip(mean, deviation, strict=True)]
    return layers.Rescaling(scale, offset)(images)


def statistics(scaling: Scaling) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation of what scales other than to [-1, 1]."""
    if isinstance(scaling, str):
        check.one_of("scaling", scaling, [SYMMETRIC, *STATISTICS])
        return STATISTICS[scaling]
    mean, deviation = scaling
    check.positive(**{f"deviation[{i}]": value for i, value in enumerate(deviation)})
    return mean, deviation
