# SPDX-License-Identifier: Apache-2.0
"""Encoders from checkpoints that were published for PyTorch."""

from cl_keras.checkpoints.loading import Checkpoint, load, open_checkpoint
from cl_keras.checkpoints.sources import SOURCES, Source

__all__ = ["SOURCES", "Checkpoint", "Source", "load", "open_checkpoint"]
