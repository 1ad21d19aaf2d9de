# SPDX-License-Identifier: Apache-2.0
"""A small run that becomes an entry of a registry."""

import numpy as np

from cl_keras import runs
from cl_keras.runs import TrainConfig
from cl_keras.show.figures import Figures

NAME = "simclr_compact_digits"


def write_figures(run):
    """The figures that a card's is drawn from: a map, neighbours and thumbnails."""
    figures = Figures(run / "figures", "test_image")
    rows = [(10 + row, "ab"[row % 2], row, -row) for row in range(6)]
    figures.table("embedding", ["test_image", "class", "tsne_x", "tsne_y"], rows)
    found = [(10, 1, 12, 0.9), (10, 2, 11, 0.5), (11, 1, 15, 0.8), (11, 2, 13, 0.7)]
    figures.table("neighbors", ["test_image", "rank", "neighbor", "similarity"], found)
    figures.sprite("thumbnails", np.full((6, 4, 4, 1), 128, np.uint8), 3)


def trained(folder, **options):
    config = TrainConfig.for_method(
        "simclr",
        data="digits",
        out=str(folder),
        epochs=1,
        neighbors=20,
        settings={"encoder.width": 4, "encoder.blocks": 1},
        **options,
    )
    runs.train(config, finish=False)
    return folder
