# SPDX-License-Identifier: Apache-2.0
"""Optimizers of the field's recipes, as Keras optimizers that can be saved."""

from cl_keras.optimizers.adamw import AdamW

__all__ = ["AdamW"]
