# SPDX-License-Identifier: Apache-2.0
"""Encoders from `.keras` files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def load_encoder(path: Path) -> keras.Model:
    """Loads an encoder in Keras's safe mode, whatever layers of ours it is made of."""
    import keras

    # Registers the layers that encoders of graphs and sequences are made of.
    import cl_keras.encoders  # noqa: F401

    return keras.saving.load_model(path, compile=False, safe_mode=True)
