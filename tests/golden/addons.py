# SPDX-License-Identifier: Apache-2.0
"""Writes addons.npz: what TensorFlow Addons 0.23 makes of some numbers.

It does not import beside Keras 3; `make addons-golden` runs this with TensorFlow 2.15.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

rng = np.random.default_rng(0)
arrays = {}


def drawn(name, *shape):
    arrays[name] = rng.standard_normal(shape).astype(np.float32)
    return tf.Variable(arrays[name])


def kept(name, make, *inputs):
    with tf.GradientTape() as tape:
        value = make()
    arrays[name] = value.numpy()
    for place, gradient in enumerate(tape.gradient(value, inputs)):
        arrays[f"{name}_gradient{place}"] = gradient.numpy()


first, second = drawn("first", 7, 4), drawn("second", 7, 4)
numbers = tf.range(7)
kept(
    "npairs",
    lambda: tfa.losses.npairs_loss(numbers, first @ tf.transpose(second)),
    *(first, second),
)

same = arrays["same"] = np.array([1, 0, 1, 0, 0, 1, 0], np.int32)
kept(
    "contrastive",
    lambda: tfa.losses.contrastive_loss(
        same, tf.norm(first - second, axis=-1), margin=3.0
    ),
    *(first, second),
)

# Several of a label, and one alone; with a margin that not all triplets keep.
labels = arrays["labels"] = np.array([0, 1, 0, 2, 1, 0, 3], np.int32)
for margin in (0.2, 3.0):
    kept(
        f"triplet_{margin}",
        lambda margin=margin: tfa.losses.triplet_semihard_loss(
            labels, first, margin=margin
        ),
        first,
    )

images = arrays["images"] = rng.random((2, 9, 8, 3)).astype(np.float32)
for sigma in (0.5, 1.5):
    blurred = tfa.image.gaussian_filter2d(images, (5, 5), sigma, "CONSTANT")
    # What falls outside is 0 there: the share that is inside puts it right.
    inside = tfa.image.gaussian_filter2d(
        np.ones_like(images), (5, 5), sigma, "CONSTANT"
    )
    arrays[f"blur_{sigma}"] = (blurred / inside).numpy()

weights = drawn("weights", 5, 3)
gradients = arrays["gradients"] = rng.standard_normal((4, 5, 3)).astype(np.float32)
optimizer = tfa.optimizers.LAMB(0.1)
for gradient in gradients:
    optimizer.apply_gradients([(tf.constant(gradient), weights)])
arrays["lamb"] = weights.numpy()

np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)
