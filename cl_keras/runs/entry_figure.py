# SPDX-License-Identifier: Apache-2.0
"""The figure of a zoo entry's card, from the figures of its run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cl_keras.evaluate import image_plots, plots
from cl_keras.runs.report.run_data import RunData, load_run
from cl_keras.runs.run_files import FIGURES_FOLDER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 80


def draw_entry(run: Path, folder: Path) -> Path | None:
    """Draws a map of an encoder's features and, of images, nearest neighbours.

    What a run left in `figures` is drawn; its data is not needed.
    """
    data = load_run(run)
    if "embedding" not in data.tables or not importlib.util.find_spec("matplotlib"):
        return None
    from PIL import Image

    figures = [_map(data)]
    if "neighbors" in data.tables and "thumbnails" in data.sprites:
        figures.append(_neighbors(data))
    parts = []
    for number, figure in enumerate(figures):
        figure.savefig(folder / f"{number}.png", dpi=_DPI)
        with Image.open(folder / f"{number}.png") as image:
            parts.append(image.convert("RGB"))
    size = sum(part.width for part in parts), max(part.height for part in parts)
    whole, left = Image.new("RGB", size, "white"), 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width
    path = folder / "entry.png"
    whole.save(path, optimize=True)
    return path


def _classes(data: RunData) -> tuple[np.ndarray, list[str]]:
    """Label of each example of the map, -1 where unknown, and the labels' names."""
    column = data.tables["embedding"].column("class")
    ordered = data.tables["classes"].column("class") if "classes" in data.tables else []
    names = list(dict.fromkeys([*ordered, *sorted(filter(None, set(column)))]))
    place = {name: label for label, name in enumerate(names)}
    return np.array([place.get(name, -1) for name in column]), names


def _map(data: RunData) -> Figure:
    table = data.tables["embedding"]
    axes = [table.column(f"tsne_{axis}") for axis in "xy"]
    points = np.array(axes, np.float32).T
    labels, names = _classes(data)
    known = labels >= 0
    if not known.any():
        return plots.points_map(points, method="tsne")
    return plots.points_map(points[known], labels[known], names, "tsne")


def _neighbors(data: RunData) -> Figure:
    table, sheet = data.tables["neighbors"], data.sprites["thumbnails"]
    examples = data.tables["embedding"]
    # Tiles lie in the order of the map.
    place = {number: row for row, number in enumerate(examples.column(_example(data)))}
    tiles = _tiles(data.folder / FIGURES_FOLDER / sheet["file"], sheet)
    queries = list(dict.fromkeys(table.column(_example(data))))
    shape = (len(queries), -1)
    found = [place[number] for number in table.column("neighbor")]
    labels, names = _classes(data)
    neighbors = np.reshape(found, shape)
    rows = np.array([place[number] for number in queries])
    return image_plots.found_grid(
        tiles[rows],
        tiles[neighbors],
        np.reshape(np.array(table.column("similarity"), np.float32), shape),
        query_labels=labels[rows] if names else None,
        neighbor_labels=labels[neighbors] if names else None,
        class_names=names,
    )


def _example(data: RunData) -> str:
    """What the run calls an example: the first column of its map."""
    return data.tables["embedding"].header[0]


def _tiles(file: Path, sheet: dict[str, int]) -> np.ndarray:
    """The tiles of a sheet, row by row, `(n, h, w, channels)`."""
    from PIL import Image

    with Image.open(file) as image:
        whole = np.asarray(image)
    whole = whole.reshape(*whole.shape[:2], -1)
    height, width = sheet["height"], sheet["width"]
    rows, columns = sheet["rows"], sheet["columns"]
    parts = whole.reshape(rows, height, columns, width, whole.shape[2])
    return parts.swapaxes(1, 2).reshape(-1, height, width, whole.shape[2])
