# SPDX-License-Identifier: Apache-2.0
"""The figures of a run on images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from cl_keras import evaluate
from cl_keras.evaluate.sprites import thumbnails
from cl_keras.runs.figures import BANK, PAIRS, Figures, some, spread

Views = Callable[[Any, tuple[int, int]], tuple[Any, Any]]

# Images of which views are shown, and their longest side.
_SHOWN, _SIDE = 8, 96


class Images(Protocol):
    """What the figures read of a data set."""

    @property
    def images(self) -> np.ndarray:
        """uint8 images, `(N, H, W, C)`."""

    @property
    def labels(self) -> np.ndarray | None:
        """Integer labels, `(N,)`, or None."""

    @property
    def class_names(self) -> Sequence[str] | None:
        """Name of each label, or None."""


def draw_plots(
    run: Path,
    *,
    encoder: keras.Model,
    train: Images,
    test: Images,
    views: Views | None,
    k: int = 200,
    seed: int = 0,
) -> None:
    """Writes the data of a run's figures into `run/figures`, for the report to draw.

    `curves` (if the run has `metrics.jsonl`), `views`, `similarity`, `diagnosis`,
    `embedding`, `embedding_random_init`, `neighbors`, `spectrum` and, with labels,
    `confusion` and `classes`, each a CSV; and two sheets of small images. Features
    are those of up to 2,000 test images; the confusion matrix votes with up to
    10,000 training images.

    Args:
        run: The run's folder.
        encoder: The trained encoder: float32 images in [0, 1] to features.
        train: Training images.
        test: Test images. Labels and class names may be None in both.
        views: Maps uint8 images `(n, H, W, C)` and a seed pair to two views, float
            in [0, 1]; None leaves out what is of views.
        k: Neighbours in the kNN vote.
        seed: Draws the images shown, the views, the random encoder and the map.

    Raises:
        FileNotFoundError: If the run's folder does not exist.
        ImportError: If scikit-learn is not installed.
    """
    figures = Figures(run, "test_image")
    figures.curves()

    rng = np.random.default_rng(seed)
    names = test.class_names
    chosen = some(rng, len(test.images))
    images = np.asarray(test.images)[chosen]
    labels = None if test.labels is None else np.asarray(test.labels)[chosen]
    features = evaluate.embed(encoder, images)
    figures.sprite("thumbnails", thumbnails(images))

    if views is not None:
        # Spread over all: files lie in order of their class.
        some_pairs = spread(len(images), PAIRS)
        pairs = images[some_pairs]
        view1, view2 = (np.asarray(view) for view in views(pairs, (seed, 0)))
        shown = spread(len(pairs), _SHOWN)
        tiles = np.concatenate(
            [thumbnails(part[shown], _SIDE) for part in (pairs, view1, view2)]
        )
        figures.sprite("views", tiles, len(shown), ["image", "view 1", "view 2"])
        embedded = evaluate.embed(encoder, view1), evaluate.embed(encoder, view2)
        cosines = _cosines(*(part[shown] for part in embedded))
        rows = zip(chosen[some_pairs][shown], cosines, strict=True)
        figures.table("views", ["test_image", "similarity_of_views"], rows)
        kinds = ("two views of one image", "views of different images")
        figures.pairs(features, embedded, kinds)

    untrained = evaluate.embed(evaluate.random_encoder(encoder, seed), images)
    figures.features(chosen, features, untrained, labels, names, seed)
    if labels is not None and train.labels is not None:
        bank = some(rng, len(train.images), BANK)
        voters = evaluate.embed(encoder, np.asarray(train.images)[bank])
        figures.classes(
            (voters, np.asarray(train.labels)[bank]), features, labels, names, k
        )


def _cosines(view1: np.ndarray, view2: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(view1, axis=1) * np.linalg.norm(view2, axis=1)
    return (view1 * view2).sum(axis=1) / np.maximum(norms, 1e-12)
