# SPDX-License-Identifier: Apache-2.0
"""Gaussian blur with a width of each example's own."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.augment import draws, inputs


def gaussian_blur(
    images: inputs.Images,
    seed: inputs.Seed,
    p: float = 0.5,
    sigma: tuple[float, float] = (0.1, 2.0),
    kernel_fraction: float = 0.1,
) -> tf.Tensor:
    """Blurs each example with probability `p` and a standard deviation of its own.

    The kernel is cut at `radius = int(kernel_fraction * height) // 2` pixels, at
    least 1, as in SimCLR: 1 at 32 pixels, 11 at 224.

    Args:
        images: `(batch, height, width, channels)`, uint8 or float in [0, 1]; height
            and width must be known when the graph is built.
        seed: Two integers.
        p: Probability of each example.
        sigma: Range of the standard deviation, in pixels, uniform.
        kernel_fraction: Width of the kernel as a share of the height.

    Returns:
        `(batch, height, width, channels)` float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of range or the size is unknown.

    Example:
    >>> gaussian_blur(tf.zeros((4, 32, 32, 3)), (0, 1)).shape.as_list()
    [4, 32, 32, 3]

    Reference: Chen et al. 2020, "A simple framework for contrastive learning of
    visual representations", appendix A. Deviations from the authors' code: sigma is
    drawn for each image, not for the batch; near the border the kernel is normalised
    over the pixels that exist, where zero padding would darken the edges.
    """
    inputs.check_range("sigma", sigma)
    if not 0.0 < kernel_fraction <= 1.0:
        raise ValueError(
            "Expected `kernel_fraction` in (0, 1]. "
            f"Received: kernel_fraction={kernel_fraction}"
        )
    images = inputs.as_float(images)
    height, width = images.shape[1], images.shape[2]
    if height is None or width is None:
        raise ValueError(
            "Expected images whose height and width are known when the graph is "
            f"built. Received shape: {tuple(images.shape)}"
        )
    radius = max(1, int(kernel_fraction * height) // 2)
    choose_seed, sigma_seed = inputs.split_seed(seed, 2)
    selected = inputs.chosen(images, choose_seed, p)
    sigmas = draws.uniform(tf.shape(images)[:1], sigma_seed, sigma[0], sigma[1])
    # Only the selected images are computed.
    rows = tf.where(selected)
    blurred = blur(tf.gather_nd(images, rows), tf.gather_nd(sigmas, rows), radius)
    return tf.tensor_scatter_nd_update(images, rows, blurred)


def blur(images: tf.Tensor, sigmas: tf.Tensor, radius: int) -> tf.Tensor:
    """Convolves each image with a Gaussian of its own width."""
    height, width, channels = images.shape[1:]
    # A Gaussian is separable, and a convolution along one axis is a band matrix:
    # with a kernel of each example's own, one batched product per axis is the
    # fastest form there is on a CPU.
    rows = tf.reshape(images, [-1, height, width * channels])
    rows = _band(sigmas, height, radius) @ rows
    columns = tf.reshape(rows, [-1, height, width, channels])
    columns = tf.reshape(
        tf.transpose(columns, [0, 2, 1, 3]), [-1, width, height * channels]
    )
    columns = _band(sigmas, width, radius) @ columns
    columns = tf.reshape(columns, [-1, width, height, channels])
    return tf.clip_by_value(tf.transpose(columns, [0, 2, 1, 3]), 0.0, 1.0)


def _band(sigmas: tf.Tensor, size: int, radius: int) -> tf.Tensor:
    positions = tf.range(size, dtype=tf.float32)
    offsets = positions[:, tf.newaxis] - positions
    inside = tf.cast(tf.abs(offsets) <= radius, tf.float32)
    widths = sigmas[:, tf.newaxis, tf.newaxis]
    band = tf.exp(-0.5 * tf.square(offsets / widths)) * inside
    return band / tf.reduce_sum(band, axis=-1, keepdims=True)
