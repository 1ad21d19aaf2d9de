# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation as the field sets it."""

from __future__ import annotations

import keras


def batch_norm(
    *, center: bool = True, gamma_initializer: str = "ones", name: str | None = None
) -> keras.layers.BatchNormalization:
    """Makes a layer with the papers' constants, synchronised over replicas.

    Momentum 0.9 and epsilon 1e-5 are what SimCLR, BYOL and their successors use;
    Keras's defaults (0.99, 1e-3) lag behind in short trainings. Synchronised, so
    that replicas together compute what one device would.
    """
    return keras.layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        center=center,
        gamma_initializer=gamma_initializer,
        synchronized=True,
        name=name,
    )
