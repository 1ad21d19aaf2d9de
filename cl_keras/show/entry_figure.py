# SPDX-License-Identifier: Apache-2.0
"""The figure of a zoo entry's card, from the figures of its run."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cl_keras.show import image_plots, plots
from cl_keras.show.run_data import RunData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 80


def draw_entry(run: RunData, folder: Path) -> Path | None:
    """Draws a map of an encoder's features and, of images, nearest neighbours.

    What a run left in `figures` is drawn; its data is not needed.
    """
    if "embedding" not in run.tables or not importlib.util.find_spec("matplotlib"):
        return None
    from PIL import Image

    figures = [_map(run)]
    if "neighbors" in run.tables and "thumbnails" in run.sprites:
        figures.append(_neighbors(run))
    parts = []
    for figure in figures:
        file = io.BytesIO()
        figure.savefig(file, dpi=_DPI)
        parts.append(Image.open(file).convert("RGB"))
    size = sum(part.width for part in parts), max(part.height for part in parts)
    whole, left = Image.new("RGB", size, "white"), 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width
    path = folder / "entry.png"
    whole.save(path, optimize=True)
    return path


def _classes(run: RunData) -> tuple[np.ndarray, list[str]]:
    """Label of each example of the map, -1 where unknown, and the labels' names."""
    column = run.tables["embedding"].column("class")
    ordered = run.tables["classes"].column("class") if "classes" in run.tables else []
    names = list(dict.fromkeys([*ordered, *sorted(filter(None, set(column)))]))
    numbers = {name: label for label, name in enumerate(names)}
    return np.array([numbers.get(name, -1) for name in column]), names


def _map(run: RunData) -> Figure:
    table = run.tables["embedding"]
    points = np.array([table.numbers(f"tsne_{axis}") for axis in "xy"], np.float32).T
    labels, names = _classes(run)
    labelled = labels >= 0
    if not labelled.any():
        return plots.points_map(points, method="tsne")
    return plots.points_map(points[labelled], labels[labelled], names, "tsne")


def _neighbors(run: RunData) -> Figure:
    table = run.tables["neighbors"]
    # Tiles lie in the order of the map.
    examples = run.tables["embedding"].column(run.example)
    position = {example: row for row, example in enumerate(examples)}
    tiles = _tiles(run)
    queries = list(dict.fromkeys(table.column(run.example)))
    shape = (len(queries), -1)
    rows = np.array([position[example] for example in queries])
    nearest = np.reshape([position[x] for x in table.column("neighbor")], shape)
    labels, names = _classes(run)
    return image_plots.found_grid(
        tiles[rows],
        tiles[nearest],
        np.reshape(np.array(table.numbers("similarity"), np.float32), shape),
        query_labels=labels[rows] if names else None,
        neighbor_labels=labels[nearest] if names else None,
        class_names=names,
    )


def _tiles(run: RunData) -> np.ndarray:
    """The thumbnails, row by row, `(n, h, w, channels)`."""
    from PIL import Image

    sheet = run.sprites["thumbnails"]
    with Image.open(run.figures / sheet["file"]) as image:
        whole = np.asarray(image)
    height, width = sheet["height"], sheet["width"]
    parts = whole.reshape(sheet["rows"], height, sheet["columns"], width, -1)
    return parts.swapaxes(1, 2).reshape(-1, height, width, parts.shape[-1])
