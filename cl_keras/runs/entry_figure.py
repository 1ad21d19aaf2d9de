# SPDX-License-Identifier: Apache-2.0
"""The figure of a zoo entry's card."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cl_keras.artifact import ENCODER_FILE
from cl_keras.evaluate import image_plots, plots
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.figures import MAP_POINTS, spread
from cl_keras.runs.jobs.job import load_job
from cl_keras.runs.run_files import CONFIG_FILE
from cl_keras.zoo.loading import load_encoder

_QUERIES, _DPI = 6, 80


def draw_entry(run: Path, folder: Path) -> Path:
    """Draws a map of an encoder's features and, of images, nearest neighbours.

    Args:
        run: Folder of a finished run.
        folder: Where to write it.

    Returns:
        The PNG.

    Raises:
        ImportError: If Matplotlib is not installed.
    """
    from PIL import Image

    config = TrainConfig.load(run / CONFIG_FILE)
    sample = load_job(config).sample(MAP_POINTS)
    features = sample.features(load_encoder(run / ENCODER_FILE))
    labels, names = sample.labels, sample.class_names
    known = np.arange(len(features)) if labels is None else np.flatnonzero(labels >= 0)
    figures = [
        plots.embedding_map(
            features[known],
            None if labels is None else labels[known],
            names,
            seed=config.seed,
        )[0]
    ]
    if sample.images is not None:
        queries = spread(len(features), _QUERIES)
        figures.append(
            image_plots.neighbor_grid(
                sample.images, features, labels, queries, class_names=names
            )
        )
    parts = []
    for number, figure in enumerate(figures):
        figure.savefig(folder / f"{number}.png", dpi=_DPI)
        parts.append(Image.open(folder / f"{number}.png").convert("RGB"))
    size = sum(part.width for part in parts), max(part.height for part in parts)
    whole, left = Image.new("RGB", size, "white"), 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width
    path = folder / "entry.png"
    whole.save(path, optimize=True)
    return path
