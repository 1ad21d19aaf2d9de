# SPDX-License-Identifier: Apache-2.0
"""A small SimCLR that encodes its batches in parts."""

import keras
import numpy as np

from cl_keras import methods

SHAPE = (6, 6, 3)


def encoder(*extra, **options):
    """Without batch statistics: exactness can be asked of it."""
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(8, 3, activation="tanh", **options),
            *extra,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(12),
        ]
    )


def projector():
    return keras.Sequential([keras.Input((12,)), keras.layers.Dense(8)])


def views(rows, seed=0):
    pixels = np.random.default_rng(seed).random((2, rows, *SHAPE), np.float32)
    return pixels[0], pixels[1]


def simclr(size=None, *extra, optimizer=None, jit=False, eager=False, **options):
    keras.utils.set_random_seed(0)
    model = methods.SimCLR(
        encoder(*extra, **options), projector(), 0.2, micro_batch=size
    )
    optimizer = optimizer or keras.optimizers.SGD(0.3, momentum=0.9)
    model.compile(optimizer, jit_compile=jit, run_eagerly=eager)
    return model
