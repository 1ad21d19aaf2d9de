# SPDX-License-Identifier: Apache-2.0
"""Figures of a run, each with its data as a CSV beside it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cl_keras.evaluate import plots
from cl_keras.runs.run_files import read_history, require_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Enough points for a map; more cost minutes and show no more.
MAP_POINTS = 2_000


class Figures:
    """Writes into `run/plots`; what every kind of run draws is here.

    Args:
        run: The run's folder.
        example: What an example is called in the CSVs, such as `"test_image"`.

    Raises:
        FileNotFoundError: If the run's folder does not exist.
    """

    def __init__(self, run: Path, example: str) -> None:
        require_run(run)
        self.run = run
        self.example = example
        self.folder = run / "plots"
        self.folder.mkdir(exist_ok=True)

    def save(
        self, name: str, figure: Figure, header: list[str], rows: Iterable
    ) -> None:
        """Writes `plots/<name>.png` and `plots/<name>.csv`."""
        figure.savefig(self.folder / f"{name}.png")
        path = self.folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)

    def loss(self) -> None:
        """Draws `loss`: the loss and metrics of each epoch, if any was logged."""
        history = read_history(self.run)
        if history:
            keys = list(dict.fromkeys(key for epoch in history for key in epoch))
            rows = ([epoch.get(key, "") for key in keys] for epoch in history)
            self.save("loss", plots.loss_curve(history), keys, rows)

    def maps(
        self,
        chosen: np.ndarray,
        trained: np.ndarray,
        untrained: np.ndarray,
        labels: np.ndarray | None,
        class_names: Sequence[str] | None,
        seed: int = 0,
    ) -> None:
        """Draws `embedding` and `embedding_random_init`, from three examples on.

        Args:
            chosen: Numbers of the examples, `(n,)`.
            trained: Their features by the trained encoder, `(n, D)`.
            untrained: Their features by the random encoder, `(n, D)`.
            labels: Their labels, `(n,)`, or None.
            class_names: Name of each label, or None.
            seed: Of t-SNE.
        """
        if len(chosen) < 3:
            return
        for name, title, points in (
            ("embedding", "Trained encoder", trained),
            ("embedding_random_init", "Random initialisation", untrained),
        ):
            figure, spots = plots.embedding_map(
                points, labels, class_names, "tsne", title=title, seed=seed
            )
            column = [""] * len(spots) if labels is None else labels
            rows = zip(chosen, *spots.T, column, strict=True)
            self.save(name, figure, [self.example, "x", "y", "label"], rows)


def some(rng: np.random.Generator, size: int, limit: int = MAP_POINTS) -> np.ndarray:
    """Chooses up to `limit` of `size` rows, in order."""
    return np.sort(rng.permutation(size)[:limit])
