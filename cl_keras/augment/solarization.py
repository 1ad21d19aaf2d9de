# SPDX-License-Identifier: Apache-2.0
"""Solarisation."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.augment import inputs


def solarize(
    images: inputs.Images,
    seed: inputs.Seed,
    p: float = 0.2,
    threshold: float = 0.5,
) -> tf.Tensor:
    """Inverts the values from `threshold` on, in each example with probability `p`.

    Args:
        images: `(batch, height, width, channels)`, uint8 or float in [0, 1].
        seed: Two integers.
        p: Probability of each example.
        threshold: Values `x >= threshold` become `1 - x`.

    Returns:
        `(batch, height, width, channels)` float32 in [0, 1].

    Raises:
        ValueError: If `p` or `threshold` is outside [0, 1].

    Example:
    >>> solarize(tf.fill((1, 1, 1, 1), 0.75), (0, 1), p=1.0).numpy().item()
    0.25

    Reference: Grill et al. 2020, "Bootstrap your own latent", appendix B.
    """
    inputs.check_probability("threshold", threshold)
    images = inputs.as_float(images)
    selected = inputs.chosen(images, inputs.as_seed(seed), p)
    inverted = inputs.per_image(selected) & (images >= threshold)
    return tf.where(inverted, 1.0 - images, images)
