# SPDX-License-Identifier: Apache-2.0
"""The data of a run's figures: a CSV each, which the report draws."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras import evaluate
from cl_keras.evaluate import diagnosis, view_pairs
from cl_keras.evaluate.confusion import confusion_counts
from cl_keras.evaluate.projection import Projection, project
from cl_keras.show import sprites
from cl_keras.show.image_plots import neighbors_of
from cl_keras.show.style import class_name

SPRITES_FILE = "sprites.json"  # In it: how the sheets of small images are cut.
# Enough points for a map; more cost minutes and show no more.
MAP_POINTS = 2_000
# Fewer points than this t-SNE shows as well as UMAP, whose compiler takes ten seconds.
UMAP_POINTS = 100
# Bank of the kNN vote behind the confusion matrix.
BANK = 10_000
# Queries and neighbours of the grid, and pairs of which similarities are taken.
QUERIES, NEIGHBORS, PAIRS = 6, 8, 512


class Figures:
    """Writes into a run's folder of figures; what every kind of run shows is here.

    Args:
        folder: Where the files go.
        example: What an example is called in the CSVs, such as `"test_image"`.
    """

    def __init__(self, folder: Path, example: str) -> None:
        self.folder = folder
        self.example = example
        folder.mkdir(exist_ok=True)

    def table(self, name: str, header: Sequence[str], rows: Iterable) -> None:
        """Writes `figures/<name>.csv`."""
        path = self.folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    def sprite(
        self,
        name: str,
        tiles: np.ndarray,
        columns: int | None = None,
        rows: Sequence[str] = (),
    ) -> None:
        """Writes `figures/<name>`, a sheet of tiles, and notes how it is cut."""
        sheet = sprites.sprite_sheet(tiles, columns)
        if sheet.shape[2] == 3:
            file, content = f"{name}.jpg", tf.io.encode_jpeg(sheet, quality=92)
        else:
            file, content = f"{name}.png", tf.io.encode_png(sheet)
        (self.folder / file).write_bytes(content.numpy())
        path = self.folder / SPRITES_FILE
        sheets = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        height, width = tiles.shape[1:3]
        sheets[name] = {
            "file": file,
            "width": width,
            "height": height,
            "columns": sheet.shape[1] // width,
            "rows": sheet.shape[0] // height,
            "row_names": list(rows),
        }
        path.write_text(json.dumps(sheets, indent=2) + "\n", encoding="utf-8")

    def curves(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Writes `curves`: what was logged each epoch, if anything was."""
        if history:
            keys = list(dict.fromkeys(key for epoch in history for key in epoch))
            rows = ([epoch.get(key, "") for key in keys] for epoch in history)
            self.table("curves", keys, rows)

    def features(
        self,
        chosen: np.ndarray,
        trained: np.ndarray,
        untrained: np.ndarray,
        labels: np.ndarray | None,
        class_names: Sequence[str] | None,
        seed: int = 0,
    ) -> None:
        """Writes maps, nearest neighbours and the spectrum, where there is enough."""
        names = _names(labels, class_names, len(chosen))
        if len(chosen) > 2:
            both: list[Projection] = ["pca", "tsne"]
            # UMAP costs more than all the rest: of the trained encoder only.
            umap = len(chosen) >= UMAP_POINTS and importlib.util.find_spec("umap")
            methods: list[Projection] = [*both, "umap"] if umap else both
            self._map("embedding", chosen, trained, names, methods, seed)
            self._map("embedding_random_init", chosen, untrained, names, both, seed)
        if len(chosen) > 1:
            self._neighbors(chosen, trained, labels)
            spectra = [diagnosis.singular_values(x) for x in (trained, untrained)]
            rows = zip(range(1, len(spectra[0]) + 1), *spectra, strict=True)
            header = ["dimension", "trained", "random_init"]
            self.table("spectrum", header, rows)

    def pairs(
        self,
        features: np.ndarray,
        views: tuple[np.ndarray, np.ndarray] | None = None,
        kinds: tuple[str, str] = ("two views of one example", "different examples"),
        findings: Sequence[diagnosis.Finding] = (),
    ) -> None:
        """Writes `diagnosis`, `findings` first, and `similarity` of pairs."""
        findings = list(findings)
        if len(features) > 1 and views is not None and len(views[0]) > 1:
            positive, negative = view_pairs.pair_similarities(*views)
            edges, *shares = view_pairs.similarity_histogram(positive, negative)
            rows: Iterable = zip(edges[:-1], edges[1:], *shares, strict=True)
            self.table("similarity", ["from", "to", *kinds], rows)
            findings += diagnosis.diagnose(features, *views)
        elif len(features) > 1:
            findings += diagnosis.diagnose(features)
        if not findings:
            return
        rows = ([f.measure, f.value, f.level, f.text] for f in findings)
        self.table("diagnosis", ["measure", "value", "level", "finding"], rows)

    def classes(
        self,
        bank: tuple[np.ndarray, np.ndarray],
        features: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str] | None,
        k: int = 200,
    ) -> None:
        """Writes `confusion` and `classes`: how a kNN vote sorts the examples."""
        voters, votes = (part[bank[1] >= 0] for part in bank)
        features, labels = features[labels >= 0], labels[labels >= 0]
        if not len(votes) or not len(labels):
            return
        predicted, _ = evaluate.knn_predict(voters, votes, features, k)
        classes, counts = confusion_counts(labels, predicted)
        names = [class_name(label, class_names) for label in classes.tolist()]
        matrix = ([name, *row] for name, row in zip(names, counts, strict=True))
        self.table("confusion", ["true\\predicted", *names], matrix)
        sizes, right = counts.sum(axis=1), counts.diagonal()
        shares = [
            f"{r / n:.4f}" if n else "" for r, n in zip(right, sizes, strict=True)
        ]
        rows = zip(names, sizes, right, shares, strict=True)
        self.table("classes", ["class", "examples", "right", "accuracy"], rows)

    def _map(
        self,
        name: str,
        chosen: np.ndarray,
        features: np.ndarray,
        classes: list[str],
        methods: Sequence[Projection],
        seed: int,
    ) -> None:
        columns: dict[str, Any] = {self.example: chosen, "class": classes}
        for method in methods:
            points = project(features, method, seed=seed)
            for axis, values in zip("xy", points.T, strict=True):
                columns[f"{method}_{axis}"] = [f"{value:.5g}" for value in values]
        self.table(name, list(columns), zip(*columns.values(), strict=True))

    def _neighbors(
        self, chosen: np.ndarray, features: np.ndarray, labels: np.ndarray | None
    ) -> None:
        queries = _queries(labels, len(chosen))
        nearest, cosines = neighbors_of(features, queries, NEIGHBORS)
        rows = (
            [chosen[query], rank + 1, chosen[nearest[line, rank]], cosines[line, rank]]
            for line, query in enumerate(queries)
            for rank in range(nearest.shape[1])
        )
        header = [self.example, "rank", "neighbor", "similarity"]
        self.table("neighbors", header, rows)


def some(rng: np.random.Generator, size: int, limit: int = MAP_POINTS) -> np.ndarray:
    """Chooses up to `limit` of `size` rows, in order."""
    return np.sort(rng.permutation(size)[:limit])


def spread(size: int, limit: int) -> np.ndarray:
    """Chooses up to `limit` of `size` rows, evenly spaced."""
    return np.unique(np.linspace(0, size - 1, min(size, limit)).astype(int))


def _names(
    labels: np.ndarray | None, class_names: Sequence[str] | None, size: int
) -> list[str]:
    if labels is None:
        return [""] * size
    return [
        class_name(label, class_names) if label >= 0 else ""
        for label in labels.tolist()
    ]


def _queries(labels: np.ndarray | None, size: int) -> np.ndarray:
    """Rows to search for, of different classes where enough are known."""
    if labels is not None:
        _, first = np.unique(labels, return_index=True)
        if len(first) >= QUERIES:
            return first[np.linspace(0, len(first) - 1, QUERIES).astype(int)]
    return spread(size, QUERIES)
