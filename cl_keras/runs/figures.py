# SPDX-License-Identifier: Apache-2.0
"""The figures of a run."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np

from cl_keras import evaluate
from cl_keras.evaluate import image_plots, plots
from cl_keras.runs.run_files import read_history, require_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Views = Callable[[Any, tuple[int, int]], tuple[Any, Any]]

# Enough examples for a figure; more cost minutes and show no more.
_MAP_IMAGES, _BANK_IMAGES, _PAIR_IMAGES = 2_000, 10_000, 512


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
    require_run(run)
    folder = run / "plots"
    folder.mkdir(exist_ok=True)

    def save(name: str, figure: Figure, header: list[str], rows: Iterable) -> None:
        figure.savefig(folder / f"{name}.png")
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)

    rows: Iterable
    history = read_history(run)
    if history:
        keys = list(dict.fromkeys(key for epoch in history for key in epoch))
        rows = ([epoch.get(key, "") for key in keys] for epoch in history)
        save("loss", plots.loss_curve(history), keys, rows)

    rng = np.random.default_rng(seed)
    names = test.class_names
    chosen = _some(rng, len(test.images), _MAP_IMAGES)
    images = np.asarray(test.images)[chosen]
    labels = None if test.labels is None else np.asarray(test.labels)[chosen]
    features = evaluate.embed(encoder, images)

    pairs = images[:_PAIR_IMAGES]
    view1, view2 = (np.asarray(view) for view in views(pairs, (seed, 0)))
    positive, negative = _similarities(
        evaluate.embed(encoder, view1), evaluate.embed(encoder, view2)
    )
    figure = image_plots.view_grid(view1[:10], view2[:10], images[:10])
    rows = zip(chosen[:10], positive, strict=False)
    save("views", figure, ["test_image", "similarity_of_views"], rows)
    if len(pairs) > 1:  # One image alone has no negatives.
        save(
            "similarity",
            plots.similarity_histogram(positive, negative),
            ["test_image", "views_of_it", "views_of_it_and_another"],
            zip(chosen, positive, negative, strict=False),
        )

    untrained = evaluate.random_encoder(encoder, seed)
    for name, title, points in (
        ("embedding", "Trained encoder", features),
        ("embedding_random_init", "Random initialisation", None),
    ):
        if len(images) < 3:
            break
        if points is None:
            points = evaluate.embed(untrained, images)
        figure, spots = plots.embedding_map(
            points, labels, names, "tsne", title=title, seed=seed
        )
        label_column = [""] * len(spots) if labels is None else labels
        rows = zip(chosen, *spots.T, label_column, strict=True)
        save(name, figure, ["test_image", "x", "y", "label"], rows)

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
        save("neighbors", figure, header, rows)

    if labels is not None and train.labels is not None:
        bank = _some(rng, len(train.images), _BANK_IMAGES)
        predicted, _ = evaluate.knn_predict(
            evaluate.embed(encoder, np.asarray(train.images)[bank]),
            np.asarray(train.labels)[bank],
            features,
        )
        figure, counts = plots.confusion(labels, predicted, names)
        classes = np.union1d(labels, predicted).tolist()
        rows = ([label, *row] for label, row in zip(classes, counts, strict=True))
        save("confusion", figure, ["true\\predicted", *map(str, classes)], rows)


def _some(rng: np.random.Generator, size: int, limit: int) -> np.ndarray:
    return np.sort(rng.permutation(size)[:limit])


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
