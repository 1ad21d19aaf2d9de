# SPDX-License-Identifier: Apache-2.0
"""Figures made of images: views of images, and nearest neighbours.

Each function returns a `matplotlib.figure.Figure` and leaves pyplot's state alone, as
in `cl_keras.show.plots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cl_keras.evaluate.knn import nearest
from cl_keras.evaluate.label_arrays import labels_array
from cl_keras.show.style import INK, class_name, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RIGHT, _WRONG = "#2a9d57", "#d1495b"
# Letters that fit below an image.
_LETTERS = 13


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
    return found_grid(
        images[rows],
        images[neighbors],
        similarities,
        query_labels=None if labels is None else labels[rows],
        neighbor_labels=None if labels is None else labels[neighbors],
        class_names=class_names,
    )


def found_grid(
    queries: np.ndarray,
    neighbors: np.ndarray,
    similarities: np.ndarray,
    *,
    query_labels: np.ndarray | None = None,
    neighbor_labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Queries beside what was found for them, which may come from another set.

    Args:
        queries: uint8, or float in [0, 1], `(m, H, W, C)`.
        neighbors: Images found for each, nearest first, `(m, k, H, W, C)`.
        similarities: Their cosine similarities, `(m, k)`.
        query_labels: Integer labels, `(m,)`, or None.
        neighbor_labels: Integer labels, `(m, k)`, or None. Where both are known,
            neighbours of the query's class have a solid green border and others a
            dashed red one; else the neighbours' class stands below them.
        class_names: Name of each label.

    Returns:
        The figure.

    Raises:
        ValueError: For sizes that do not fit, or no query.

    Example:
    >>> image = np.zeros((1, 2, 2, 1))
    >>> len(found_grid(image, image[None], np.ones((1, 1))).axes)
    2
    """
    shape = np.shape(similarities)
    if len(shape) != 2 or 0 in shape or np.shape(neighbors)[:2] != shape:
        raise ValueError(
            "Expected neighbours and similarities of the same (queries, k), neither "
            f"of them 0. Received: {np.shape(neighbors)[:2]} and {shape}"
        )
    if len(queries) != shape[0]:
        raise ValueError(f"Expected {shape[0]} queries. Received: {len(queries)}")
    k = shape[1]
    height = 1.12 if query_labels is not None or neighbor_labels is None else 1.26
    figure = new_figure(0.95 * (k + 1) + 0.3, height * len(queries) + 0.25)
    grid = figure.add_gridspec(
        len(queries), k + 2, width_ratios=[1, 0.12, *([1] * k)], hspace=0.06
    )
    for line in range(len(queries)):
        asked = None if query_labels is None else query_labels[line]
        axes = figure.add_subplot(grid[line, 0])
        name = "" if asked is None else class_name(asked, class_names)
        _show(axes, queries[line], name)
        if line == 0:
            axes.set_title("query", fontsize=9, color=INK)
        for rank in range(k):
            axes = figure.add_subplot(grid[line, rank + 2])
            below = f"{similarities[line, rank]:.2f}"
            label = None if neighbor_labels is None else neighbor_labels[line, rank]
            if label is not None and asked is None:
                name = class_name(label, class_names)
                is_long = len(name) > _LETTERS
                below = f"{name[: _LETTERS - is_long]}{'…' * is_long}\n{below}"
            _show(axes, neighbors[line][rank], below)
            if label is not None and asked is not None:
                axes.spines[:].set(
                    visible=True,
                    color=_RIGHT if label == asked else _WRONG,
                    linewidth=2.2,
                    linestyle="-" if label == asked else (0, (2.5, 2.5)),
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
                    color=INK,
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
    figure = new_figure(0.95 * count + 0.5, 0.98 * len(shown) + 0.1)
    axes = figure.subplots(len(shown), count, squeeze=False)
    for line, (name, images) in enumerate(shown.items()):
        for column in range(count):
            _show(axes[line, column], images[column])
        axes[line, 0].set_ylabel(name, fontsize=9, color=INK)
    return figure


def _show(axes: Axes, image: np.ndarray, below: str = "") -> None:
    image = np.asarray(image)
    image = image / 255.0 if image.dtype == np.uint8 else image.astype(np.float32)
    image = np.clip(image, 0.0, 1.0)
    if image.shape[-1] != 3:  # Grey, or channels without a colour meaning.
        image = image.mean(axis=-1)
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=(), yticks=())
    axes.set_xlabel(below, fontsize=8, color=INK, labelpad=2)
    axes.spines[:].set_visible(False)
