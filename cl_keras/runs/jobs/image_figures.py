# SPDX-License-Identifier: Apache-2.0
"""The figures of a run on images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from cl_keras import evaluate
from cl_keras.evaluate import image_plots, plots
from cl_keras.runs.figures import Figures, some

Views = Callable[[Any, tuple[int, int]], tuple[Any, Any]]

_BANK_IMAGES, _PAIR_IMAGES = 10_000, 512


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
    views: Views,
    seed: int = 0,
) -> None:
    """Draws a run's figures into `run/plots`, each with its data as a CSV beside it.

    `loss` (if the run has `metrics.jsonl`), `views`, `similarity`, `embedding`,
    `embedding_random_init`, `neighbors` and, with labels, `confusion`. Features are
    those of up to 2,000 test images; the confusion matrix votes with up to 10,000
    training images.

    Args:
        run: The run's folder.
        encoder: The trained encoder: float32 images in [0, 1] to features.
        train: Training images.
        test: Test images. Labels and class names may be None in both.
        views: Maps uint8 images `(n, H, W, C)` and a seed pair to two views, float
            in [0, 1].
        seed: Draws the images shown, the views, the random encoder and the map.

    Raises:
        FileNotFoundError: If the run's folder does not exist.
        ImportError: If matplotlib or scikit-learn is not installed.
    """
    figures = Figures(run, "test_image")
    figures.loss()

    rng = np.random.default_rng(seed)
    names = test.class_names
    chosen = some(rng, len(test.images))
    images = np.asarray(test.images)[chosen]
    labels = None if test.labels is None else np.asarray(test.labels)[chosen]
    features = evaluate.embed(encoder, images)

    pairs = images[:_PAIR_IMAGES]
    view1, view2 = (np.asarray(view) for view in views(pairs, (seed, 0)))
    positive, negative = _similarities(
        evaluate.embed(encoder, view1), evaluate.embed(encoder, view2)
    )
    figure = image_plots.view_grid(view1[:10], view2[:10], images[:10])
    rows: Iterable = zip(chosen[:10], positive, strict=False)
    figures.save("views", figure, ["test_image", "similarity_of_views"], rows)
    if len(pairs) > 1:  # One image alone has no negatives.
        figures.save(
            "similarity",
            plots.similarity_histogram(positive, negative),
            ["test_image", "views_of_it", "views_of_it_and_another"],
            zip(chosen, positive, negative, strict=False),
        )

    untrained = evaluate.embed(evaluate.random_encoder(encoder, seed), images)
    figures.maps(chosen, features, untrained, labels, names, seed)

    if len(images) > 1:
        queries = _queries(labels, len(images))
        figure = image_plots.neighbor_grid(
            images, features, labels, queries, class_names=names
        )
        found, cosines = image_plots.neighbors_of(features, queries, 8)
        rows = (
            [chosen[query], rank + 1, chosen[found[line, rank]], cosines[line, rank]]
            for line, query in enumerate(queries)
            for rank in range(found.shape[1])
        )
        header = ["test_image", "rank", "neighbor", "similarity"]
        figures.save("neighbors", figure, header, rows)

    if labels is not None and train.labels is not None:
        bank = some(rng, len(train.images), _BANK_IMAGES)
        predicted, _ = evaluate.knn_predict(
            evaluate.embed(encoder, np.asarray(train.images)[bank]),
            np.asarray(train.labels)[bank],
            features,
        )
        figure, counts = plots.confusion(labels, predicted, names)
        classes = np.union1d(labels, predicted).tolist()
        rows = ([label, *row] for label, row in zip(classes, counts, strict=True))
        figures.save("confusion", figure, ["true\\predicted", *map(str, classes)], rows)


def _queries(labels: np.ndarray | None, size: int) -> np.ndarray:
    """Six rows to search for, of different classes where labels are known."""
    if labels is not None:
        _, first = np.unique(labels, return_index=True)
        if len(first) >= 6:
            return first[np.linspace(0, len(first) - 1, 6).astype(int)]
    return np.unique(np.linspace(0, size - 1, 6).astype(int))


def _similarities(z1: np.ndarray, z2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z1, z2 = (
        z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
        for z in (z1, z2)
    )
    return (z1 * z2).sum(axis=1), (z1 * np.roll(z2, 1, axis=0)).sum(axis=1)
