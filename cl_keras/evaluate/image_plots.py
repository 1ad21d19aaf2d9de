# SPDX-License-Identifier: Apache-2.0
"""Figures made of images: `cl_keras.show.image_plots`."""

from cl_keras.show.image_plots import (
    found_grid,
    neighbor_grid,
    neighbors_of,
    view_grid,
)

__all__ = ["found_grid", "neighbor_grid", "neighbors_of", "view_grid"]
