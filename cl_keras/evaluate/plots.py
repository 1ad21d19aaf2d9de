# SPDX-License-Identifier: Apache-2.0
"""Figures of a training run and of what its encoder learnt.

Each function returns a `matplotlib.figure.Figure` and leaves pyplot's state alone:
`figure.savefig(path)` works on a machine without a screen and in any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cl_keras import extras
from cl_keras.evaluate.knn import labels_array, nearest
from cl_keras.evaluate.projection import Projection, project

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Ten hues told apart in common colour blindness, after Okabe & Ito and Tol.
PALETTE = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee"),
    *("#aa3377", "#e08214", "#555555", "#8c6bb1", "#a0522d"),
)
_INK, _FAINT, _RIGHT, _WRONG = "#333333", "#d5d5d5", "#2a9d57", "#d1495b"


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
    names: list[str] = []
    for row in history:
        for key, value in row.items():
            name = key.removeprefix("val_")
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if number and name != "epoch" and name not in names:
                names.append(name)
    if not names:
        raise ValueError(
            "`history` must hold numbers by metric, one dictionary an epoch. "
            f"Received: {len(history)} epochs without any"
        )
    names.sort(key=lambda name: name != "loss")
    ticker = extras.require("matplotlib.ticker", extra="eval")
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = _figure(3.2 * columns + (1.6 if columns == 1 else 0), 2.5 * lines)
    for place, name in enumerate(names, start=1):
        axes = _tidy(figure.add_subplot(lines, columns, place))
        validated = any(f"val_{name}" in row for row in history)
        for key, color in ((name, PALETTE[0]), (f"val_{name}", PALETTE[1])):
            points = [
                (row.get("epoch", position), row[key])
                for position, row in enumerate(history, start=1)
                if row.get(key) is not None
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True),
                    color=color,
                    linewidth=1.8,
                    # A line through one point is invisible.
                    marker="o" if len(points) == 1 else None,
                    label="validation" if key != name else "training",
                )
        if validated:
            axes.legend(frameon=False, fontsize=8)
        axes.set_title(name.replace("_", " "), fontsize=10, loc="left", color=_INK)
        axes.xaxis.set_major_locator(ticker.MaxNLocator("auto", integer=True))
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)
        if place > len(names) - columns:
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

    figure = _figure(5.6, 4.6)
    axes = figure.add_subplot()
    size = float(np.clip(6000 / len(points), 5, 40))
    style: dict[str, Any] = {"s": size, "alpha": 0.8, "linewidths": 0}
    if labels is None:
        axes.scatter(*points.T, color=PALETTE[0], **style)
    else:
        classes = np.unique(labels)
        if len(classes) <= len(PALETTE):
            for color, label in zip(PALETTE, classes, strict=False):
                axes.scatter(
                    *points[labels == label].T,
                    color=color,
                    label=_class_name(label, class_names),
                    **style,
                )
            figure.legend(
                loc="outside right center",
                frameon=False,
                fontsize=9,
                markerscale=6 / np.sqrt(size),
            )
        else:  # Too many for a legend: hues only.
            hues = np.searchsorted(classes, labels)
            axes.scatter(
                points[:, 0], points[:, 1], c=hues, cmap="gist_rainbow", **style
            )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(_FAINT)
    names = {"pca": "principal component", "tsne": "t-SNE", "umap": "UMAP"}
    axes.set_xlabel(f"{names[method]} 1", fontsize=9, color=_INK)
    axes.set_ylabel(f"{names[method]} 2", fontsize=9, color=_INK)
    axes.set_title(title, fontsize=11, loc="left", color=_INK)
    return figure, points


def neighbor_grid(
    images: np.ndarray,
    features: np.ndarray,
    labels: np.ndarray | None,
    queries: Sequence[int] | np.ndarray,
    *,
    k: int = 8,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Each query beside its nearest neighbours among the other images.

    Args:
        images: uint8, or float in [0, 1], `(n, H, W, C)`.
        features: Their features, `(n, D)`.
        labels: Integer labels, `(n,)`, or None. With them, neighbours of the
            query's class have a solid green border and others a dashed red one.
        queries: Rows of `images` to search for.
        k: Neighbours shown.
        class_names: Name of each label, written beside the query.

    Returns:
        The figure.

    Raises:
        ValueError: For sizes that do not fit, no query or fewer than two images.

    Example:
    >>> figure = neighbor_grid(np.zeros((3, 2, 2, 1)), np.eye(3), None, [0, 2], k=2)
    >>> len(figure.axes)
    6
    """
    if len(images) != len(features) or len(images) < 2 or not len(queries):
        raise ValueError(
            "A neighbour grid needs at least two images, as many features, and a "
            f"query. Received: {len(images)} images, {len(features)} features and "
            f"{len(queries)} queries"
        )
    rows = np.asarray(queries)
    k = min(k, len(images) - 1)
    neighbors, similarities = neighbors_of(features, rows, k)
    if labels is not None:
        labels = labels_array("labels", labels, len(images))
    figure = _figure(0.95 * (k + 1) + 0.3, 1.12 * len(queries) + 0.25)
    grid = figure.add_gridspec(
        len(queries), k + 2, width_ratios=[1, 0.12, *([1] * k)], hspace=0.06
    )
    for line, query in enumerate(rows):
        axes = figure.add_subplot(grid[line, 0])
        _show(axes, images[query])
        if labels is not None:
            name = _class_name(labels[query], class_names)
            axes.set_xlabel(name, fontsize=8, color=_INK, labelpad=2)
        if line == 0:
            axes.set_title("query", fontsize=9, color=_INK)
        for rank in range(k):
            axes = figure.add_subplot(grid[line, rank + 2])
            neighbor = neighbors[line, rank]
            _show(axes, images[neighbor])
            similarity = f"{similarities[line, rank]:.2f}"
            axes.set_xlabel(similarity, fontsize=8, color=_INK, labelpad=2)
            if labels is not None:
                right = labels[neighbor] == labels[query]
                axes.spines[:].set(
                    visible=True,
                    color=_RIGHT if right else _WRONG,
                    linewidth=2.2,
                    linestyle="-" if right else (0, (2.5, 2.5)),
                )
            if line == 0 and rank == 0:
                # A title would widen the column to its own length.
                axes.annotate(
                    "nearest first, cosine similarity below",
                    (0, 1),
                    xytext=(0, 6),
                    xycoords="axes fraction",
                    textcoords="offset points",
                    fontsize=9,
                    color=_INK,
                ).set_in_layout(False)
    return figure


def neighbors_of(
    features: np.ndarray, queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest rows of `features` for some of its own rows, which are left out.

    Args:
        features: `(n, D)`.
        queries: Rows to search for, `(m,)`.
        k: Neighbours for each.

    Returns:
        `(indices, similarities)`, both `(m, min(k, n - 1))`, nearest first.

    Raises:
        ValueError: As for `nearest`.

    Example:
    >>> neighbors_of(np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([2]), k=2)[0]
    array([[0, 1]])
    """
    features = np.asarray(features)
    indices, similarities = nearest(features, features[queries], k + 1)
    # Among duplicates a query need not come first; if it is not there at all, the
    # last neighbour goes instead.
    own = indices == np.asarray(queries)[:, None]
    own[~own.any(axis=1), -1] = True
    shape = (len(indices), -1)
    return indices[~own].reshape(shape), similarities[~own].reshape(shape)


def view_grid(
    view1: np.ndarray, view2: np.ndarray, originals: np.ndarray | None = None
) -> Figure:
    """Two augmented views of some images, one image a column.

    Args:
        view1: First views, float in [0, 1] or uint8, `(n, H, W, C)`.
        view2: Second views of the same images.
        originals: The images themselves, shown above their views.

    Returns:
        The figure.

    Raises:
        ValueError: If the numbers of images differ or are 0.

    Example:
    >>> figure = view_grid(np.zeros((3, 2, 2, 1)), np.ones((3, 2, 2, 1)))
    >>> len(figure.axes)
    6
    """
    rows = {"image": originals, "view 1": view1, "view 2": view2}
    shown = {name: np.asarray(x) for name, x in rows.items() if x is not None}
    sizes = {len(x) for x in shown.values()}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(
            "Views must be of the same images, at least one. Received: "
            f"{ ({name: x.shape for name, x in shown.items()}) }"
        )
    count = sizes.pop()
    figure = _figure(0.95 * count + 0.5, 0.98 * len(shown) + 0.1)
    for line, (name, images) in enumerate(shown.items()):
        for column in range(count):
            place = line * count + column + 1
            axes = figure.add_subplot(len(shown), count, place)
            _show(axes, images[column])
            if column == 0:
                axes.set_ylabel(name, fontsize=9, color=_INK)
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
    positive, negative = np.ravel(positive), np.ravel(negative)
    if not len(positive) or not len(negative):
        raise ValueError(
            "A similarity histogram needs both kinds of pairs. Received: "
            f"{len(positive)} positive and {len(negative)} negative"
        )
    figure = _figure(5.6, 3.0)
    axes = _tidy(figure.add_subplot())
    low = min(positive.min(), negative.min())
    bins = np.linspace(float(max(-1.0, low - 0.02)), 1.0, 61).tolist()
    for values, name, color in (
        (negative, "different images", PALETTE[1]),
        (positive, "two views of one image", PALETTE[0]),
    ):
        # Rounding takes cosines a little beyond 1, out of the last bin.
        values = np.clip(values, -1.0, 1.0)
        share = np.full(len(values), 1.0 / len(values))
        axes.hist(values, bins, weights=share, color=color, alpha=0.65, label=name)
    axes.set_xlabel("cosine similarity", fontsize=9, color=_INK)
    axes.set_ylabel("share of pairs", fontsize=9, color=_INK)
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
    labels = labels_array("labels", labels, max(1, np.size(labels)))
    predicted = labels_array("predicted", predicted, len(labels))
    classes = np.union1d(labels, predicted)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    cells = np.searchsorted(classes, labels), np.searchsorted(classes, predicted)
    np.add.at(counts, cells, 1)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))

    side = float(np.clip(0.42 * len(classes), 3.2, 9.0))
    figure = _figure(side + 0.8, side + 0.9)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    if len(classes) <= 20:
        names = [_class_name(label, class_names) for label in classes]
        long = max(map(len, names)) > 3
        axes.set_xticks(range(len(names)), names, rotation=45 if long else 0)
        if long:
            for tick in axes.get_xticklabels():
                tick.set(ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelsize=8, labelcolor=_INK)
        for row, column in np.argwhere(counts):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if share > 0.5 else _INK,
            )
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.set_xlabel("predicted class, % of the true class", fontsize=9, color=_INK)
    axes.set_ylabel("true class", fontsize=9, color=_INK)
    axes.set_title(title, fontsize=11, loc="left", color=_INK)
    return figure, counts


def _figure(width: float, height: float) -> Figure:
    matplotlib = extras.require("matplotlib.figure", extra="eval")
    return matplotlib.Figure(
        figsize=(width, height), dpi=144, layout="constrained", facecolor="white"
    )


def _tidy(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(labelsize=8, color=_FAINT, labelcolor=_INK)
    axes.set_axisbelow(True)
    return axes


def _show(axes: Axes, image: np.ndarray) -> None:
    image = np.asarray(image)
    image = image / 255.0 if image.dtype == np.uint8 else image.astype(np.float32)
    image = np.clip(image, 0.0, 1.0)
    if image.shape[-1] != 3:  # Grey, or channels without a colour meaning.
        image = image.mean(axis=-1)
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _class_name(label: int, class_names: Sequence[str] | None) -> str:
    if class_names is not None and 0 <= label < len(class_names):
        return str(class_names[label])
    return str(label)
