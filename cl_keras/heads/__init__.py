# SPDX-License-Identifier: Apache-2.0
"""Heads that sit on an encoder's features during training."""

from cl_keras.heads.projection import projection_head

__all__ = ["projection_head"]
