# SPDX-License-Identifier: Apache-2.0
"""Colour jitter and greyscale."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from cl_keras.augment import draws, inputs
from cl_keras.augment.planes import (
    Planes,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    from_planes,
    to_planes,
)

Change = tuple[Callable[[Planes, tf.Tensor], Planes], tf.Tensor]


def color_jitter(
    images: inputs.Images,
    seed: inputs.Seed,
    brightness: float = 0.8,
    contrast: float = 0.8,
    saturation: float = 0.8,
    hue: float = 0.2,
    p: float = 0.8,
) -> tf.Tensor:
    """Changes brightness, contrast, saturation and hue in random order.

    Each example is changed with probability `p`, with factors and an order of its
    own. Values are clipped to [0, 1] after each change. Brightness is multiplied, as
    in SimCLR v2 and torchvision; SimCLR v1 adds.

    Args:
        images: `(batch, height, width, 1 or 3)`, uint8 or float in [0, 1]. Saturation
            and hue leave grey images (one channel) alone.
        seed: Two integers; the same seed gives the same jitter.
        brightness: Factor drawn from `max(0, 1 - brightness)..1 + brightness`.
        contrast: Same for contrast.
        saturation: Same for saturation.
        hue: Turn drawn from `-hue..hue`, at most 0.5 (half a turn).
        p: Probability of each example.

    Returns:
        `(batch, height, width, channels)` float32 in [0, 1].

    Raises:
        ValueError: If a parameter is out of range.

    Example:
    >>> color_jitter(tf.zeros((4, 8, 8, 3)), (0, 1)).shape.as_list()
    [4, 8, 8, 3]

    Reference: Chen et al. 2020, "A simple framework for contrastive learning of
    visual representations", appendix A: `0.8 s, 0.8 s, 0.8 s, 0.2 s` for strength s.
    """
    check_strengths(brightness, contrast, saturation, hue)
    images = inputs.as_float(images)
    choose_seed, order_seed, *seeds = inputs.split_seed(seed, 6)
    batch = tf.shape(images)[:1]

    def factors(seed: tf.Tensor, width: float) -> tf.Tensor:
        low = max(0.0, 1.0 - width)
        return draws.uniform(batch, seed, low, 1.0 + width)

    changes: list[Change] = [
        (adjust_brightness, factors(seeds[0], brightness)),
        (adjust_contrast, factors(seeds[1], contrast)),
    ]
    if inputs.color_channels(images) == 3:
        turns = draws.uniform(batch, seeds[3], -hue, hue)
        changes += [
            (adjust_saturation, factors(seeds[2], saturation)),
            (adjust_hue, turns),
        ]
    orders = random_orders(batch[0], len(changes), order_seed)
    selected = inputs.chosen(images, choose_seed, p)
    planes = apply_in_order(to_planes(images), changes, orders, selected)
    return from_planes(planes, images)


def check_strengths(
    brightness: float, contrast: float, saturation: float, hue: float
) -> None:
    """Checks the strengths of a colour jitter."""
    for name, value, limit in (
        ("brightness", brightness, math.inf),
        ("contrast", contrast, math.inf),
        ("saturation", saturation, math.inf),
        ("hue", hue, 0.5),
    ):
        if not 0.0 <= value <= limit:
            wanted = "at least 0" if limit == math.inf else f"in [0, {limit}]"
            raise ValueError(f"Expected `{name}` {wanted}. Received: {name}={value}")


def random_orders(count: tf.Tensor | int, length: int, seed: inputs.Seed) -> tf.Tensor:
    """Draws one order of `length` things for each of `count` examples."""
    return tf.argsort(draws.uniform([count, length], seed), axis=1)


def apply_in_order(
    planes: Planes, changes: list[Change], orders: tf.Tensor, selected: tf.Tensor
) -> Planes:
    """Applies changes to a batch in an order of each example's own.

    At every step the batch is divided by the change whose turn it is, so that each
    change is computed once an example, not once for each place in the order.
    """
    count = len(changes)
    turn = tf.where(selected[:, tf.newaxis], orders, count)
    rows = tf.range(tf.shape(orders)[0])

    def take_step(step: tf.Tensor, planes: Planes) -> tuple[tf.Tensor, Planes]:
        members = tf.dynamic_partition(rows, turn[:, step], count + 1)
        parts = [[tf.gather(plane, member) for plane in planes] for member in members]
        for index, (change, values) in enumerate(changes):
            parts[index] = change(parts[index], tf.gather(values, members[index]))
        changed = []
        for plane, pieces in zip(planes, zip(*parts, strict=True), strict=True):
            whole = tf.dynamic_stitch(members, list(pieces))
            changed.append(tf.ensure_shape(whole, plane.shape))
        return step + 1, changed

    # A loop in the graph: with its body written out four times, a pipeline of two
    # views takes seconds to build.
    return tf.while_loop(
        lambda step, planes: step < count,
        take_step,
        (0, planes),
        parallel_iterations=1,
    )[1]


def grayscale(images: inputs.Images, seed: inputs.Seed, p: float = 0.2) -> tf.Tensor:
    """Takes the colour away, from each example with probability `p`.

    Args:
        images: `(batch, height, width, 1 or 3)`, uint8 or float in [0, 1]. Images of
            one channel are returned as they are.
        seed: Two integers.
        p: Probability of each example.

    Returns:
        `(batch, height, width, channels)` float32 in [0, 1]; grey images hold
        0.2989 R + 0.587 G + 0.114 B in all three channels.

    Raises:
        ValueError: If `p` is outside [0, 1].

    Example:
    >>> grayscale(tf.zeros((4, 8, 8, 3)), (0, 1)).shape.as_list()
    [4, 8, 8, 3]
    """
    images = inputs.as_float(images)
    selected = inputs.chosen(images, inputs.as_seed(seed), p)
    if inputs.color_channels(images) == 1:
        return images
    # Only the selected images are computed.
    rows = tf.where(selected)
    grey = tf.image.rgb_to_grayscale(tf.gather_nd(images, rows))
    grey = tf.broadcast_to(grey, tf.shape(grey) * [1, 1, 1, 3])
    return tf.tensor_scatter_nd_update(images, rows, grey)
