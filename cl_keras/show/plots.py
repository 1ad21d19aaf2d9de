# SPDX-License-Identifier: Apache-2.0
"""Figures of a training run and of what its encoder learnt.

Each function returns a `matplotlib.figure.Figure` and leaves pyplot's state alone:
`figure.savefig(path)` works on a machine without a screen and in any thread. Figures
that show images are in `cl_keras.show.image_plots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cl_keras.evaluate import view_pairs
from cl_keras.evaluate.confusion import confusion_counts
from cl_keras.evaluate.label_arrays import labels_array
from cl_keras.evaluate.projection import Projection, project
from cl_keras.show.charts import (
    draw_lines,
    draw_shares,
    metric_names,
    metric_points,
)
from cl_keras.show.style import (
    FAINT,
    INK,
    PALETTE,
    class_name,
    colors_of,
    new_figure,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def loss_curve(history: Sequence[dict[str, Any]]) -> Figure:
    """The loss and every other metric over epochs, one panel each.

    Args:
        history: One dictionary an epoch with `epoch`, `loss` and other numbers.
            `val_` metrics share the panel of the metric they validate.

    Returns:
        The figure.

    Raises:
        ValueError: If no epoch holds a number.

    Example:
    >>> figure = loss_curve([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}])
    >>> len(figure.axes)
    1
    """
    names = metric_names(history)
    names = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    if not names:
        raise ValueError(
            "`history` must hold numbers by metric, one dictionary an epoch. "
            f"Received: {len(history)} epochs without any"
        )
    names.sort(key=lambda name: name != "loss")
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = new_figure(3.2 * columns + (1.6 if columns == 1 else 0), 2.5 * lines)
    for position, name in enumerate(names, start=1):
        axes = tidy(figure.add_subplot(lines, columns, position))
        series = {
            label: points
            for label, key in (("training", name), ("validation", f"val_{name}"))
            if (points := metric_points(history, key))
        }
        draw_lines(axes, series, colors_of(("training", "validation")))
        if "validation" in series:
            axes.legend(frameon=False, fontsize=8)
        axes.set_title(name.replace("_", " "), fontsize=10, loc="left", color=INK)
        if position > len(names) - columns:
            axes.set_xlabel("epoch", fontsize=9)
    return figure


def embedding_map(
    features: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    method: Projection = "pca",
    *,
    title: str = "",
    seed: int = 0,
) -> tuple[Figure, np.ndarray]:
    """Features in two dimensions, coloured by class.

    Args:
        features: `(n, D)` with `n` of at least 3.
        labels: Integer labels, `(n,)`; without them all points are one colour.
        class_names: Name of each label, for the legend.
        method: How `project` reduces them.
        title: Title of the figure.
        seed: Seed of t-SNE and UMAP.

    Returns:
        `(figure, coordinates)`, the latter float32 `(n, 2)`.

    Raises:
        ValueError: For an unknown method, or sizes that do not fit.
        ImportError: If the method's library is not installed, with the pip line.

    Example:
    >>> figure, coordinates = embedding_map(np.eye(4), [0, 0, 1, 1])
    >>> coordinates.shape
    (4, 2)
    """
    points = project(features, method, seed=seed)
    if labels is not None:
        labels = labels_array("labels", labels, len(points))
    return points_map(points, labels, class_names, method, title=title), points


def points_map(
    points: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    method: Projection = "pca",
    *,
    title: str = "",
) -> Figure:
    """Points in the plane, coloured by class.

    Args:
        points: `(n, 2)`, such as `project` gives.
        labels: Integer labels, `(n,)`; without them all points are one colour.
        class_names: Name of each label, for the legend.
        method: How the points were made, for the axes.
        title: Title of the figure.

    Returns:
        The figure.

    Example:
    >>> len(points_map(np.eye(2), np.array([0, 1])).axes)
    1
    """
    figure = new_figure(5.6, 4.6)
    axes = figure.add_subplot()
    size = float(np.clip(6000 / len(points), 5, 40))
    style: dict[str, Any] = {"s": size, "alpha": 0.8, "linewidths": 0}
    if labels is None:
        axes.scatter(*points.T, color=PALETTE[0], **style)
    else:
        classes = np.unique(labels)
        colors = colors_of(classes.tolist())
        hues = [colors[label] for label in labels.tolist()]
        axes.scatter(points[:, 0], points[:, 1], c=hues, **style)
        if len(classes) <= len(PALETTE):  # Else too many for a legend: hues only.
            for label, color in colors.items():
                name = class_name(label, class_names)
                axes.scatter([], [], color=color, label=name, **style)
            figure.legend(
                loc="outside right center",
                frameon=False,
                fontsize=9,
                markerscale=6 / np.sqrt(size),
            )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(FAINT)
    names = {"pca": "principal component", "tsne": "t-SNE", "umap": "UMAP"}
    axes.set_xlabel(f"{names[method]} 1", fontsize=9, color=INK)
    axes.set_ylabel(f"{names[method]} 2", fontsize=9, color=INK)
    axes.set_title(title, fontsize=11, loc="left", color=INK)
    return figure


def similarity_histogram(positive: np.ndarray, negative: np.ndarray) -> Figure:
    """Cosine similarities of views of one image and of different images.

    Args:
        positive: Similarities of positive pairs, `(n,)`.
        negative: Similarities of negative pairs, `(m,)`.

    Returns:
        The figure. The further the two lie apart, the better views are told apart.

    Raises:
        ValueError: If either is empty.

    Example:
    >>> figure = similarity_histogram(np.array([0.9, 0.8]), np.array([0.1, -0.2]))
    >>> figure.axes[0].get_xlabel()
    'cosine similarity'
    """
    edges, *shares = view_pairs.similarity_histogram(positive, negative, bins=60)
    names = ("two views of one image", "different images")
    figure = new_figure(5.6, 3.0)
    axes = tidy(figure.add_subplot())
    draw_shares(axes, edges, dict(zip(names, shares, strict=True)), colors_of(names))
    axes.set_xlabel("cosine similarity", fontsize=9, color=INK)
    axes.set_ylabel("share of pairs", fontsize=9, color=INK)
    axes.legend(frameon=False, fontsize=9)
    return figure


def confusion(
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str] | None = None,
    *,
    title: str = "",
) -> tuple[Figure, np.ndarray]:
    """Confusion matrix, each row in shares of its class.

    Args:
        labels: True labels, integers `(n,)`.
        predicted: Predicted labels, `(n,)`.
        class_names: Name of each label.
        title: Title of the figure.

    Returns:
        `(figure, counts)`: int64 counts `(classes, classes)`, true class by row, of
        the classes that occur in either, in order.

    Raises:
        ValueError: If there are no labels, or the numbers differ.

    Example:
    >>> figure, counts = confusion([0, 1, 1], [0, 1, 0])
    >>> counts.tolist()
    [[1, 0], [1, 1]]
    """
    classes, counts = confusion_counts(labels, predicted)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))

    side = float(np.clip(0.42 * len(classes), 3.2, 9.0))
    figure = new_figure(side + 0.8, side + 0.9)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    if len(classes) <= 20:
        names = [class_name(label, class_names) for label in classes]
        long = max(map(len, names)) > 3
        axes.set_xticks(range(len(names)), names, rotation=45 if long else 0)
        if long:
            for tick in axes.get_xticklabels():
                tick.set(ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelsize=8, labelcolor=INK)
        for row, column in np.argwhere(counts):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if share > 0.5 else INK,
            )
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.set_xlabel("predicted class, % of the true class", fontsize=9, color=INK)
    axes.set_ylabel("true class", fontsize=9, color=INK)
    axes.set_title(title, fontsize=11, loc="left", color=INK)
    return figure, counts
