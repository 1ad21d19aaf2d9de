# SPDX-License-Identifier: Apache-2.0
"""Writes the data of a run's figures into `run/figures`, for the report to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from cl_keras import evaluate
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.runs.run_files import FIGURES_FOLDER, read_history, require_run
from cl_keras.runs.training_length import run_findings
from cl_keras.show.figures import BANK, PAIRS, Figures, some, spread
from cl_keras.show.graph_layout import neighbourhood
from cl_keras.show.sprites import spectrogram_images, thumbnails
from cl_keras.show.style import class_name

Views = Callable[[Any, tuple[int, int]], tuple[Any, Any]]

# Of how many views or surroundings are shown, and how large.
_IMAGES, _SIDE = 8, 96
_VIEWS = 8  # Of each image at most.
_RECORDINGS, _SPECTROGRAM = 6, (72, 108)
_NEIGHBOURHOODS = 6


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
    figures, rng = _start(run, "test_image"), np.random.default_rng(seed)
    chosen = some(rng, len(test.images))
    images = np.asarray(test.images)[chosen]
    labels = None if test.labels is None else np.asarray(test.labels)[chosen]
    features = evaluate.embed(encoder, images)
    figures.sprite("thumbnails", thumbnails(images))
    if views is not None:
        # Spread over all: files lie in order of their class.
        rows = spread(len(images), PAIRS)
        made = [np.asarray(x) for x in views(images[rows], (seed, 0))][:_VIEWS]
        embedded = evaluate.embed(encoder, made[0]), evaluate.embed(encoder, made[1])
        shown = spread(len(rows), _IMAGES)
        parts = [part[shown] for part in (images[rows], *made)]
        tiles = np.concatenate([thumbnails(part, _SIDE) for part in parts])
        lines = ["image", *(f"view {number + 1}" for number in range(len(made)))]
        figures.sprite("views", tiles, len(shown), lines)
        cosines = _cosines(*(part[shown] for part in embedded))
        table = zip(chosen[rows][shown], cosines, strict=True)
        figures.table("views", ["test_image", "similarity_of_views"], table)
        kinds = ("two views of one image", "views of different images")
        figures.pairs(features, embedded, kinds, run_findings(run))
    untrained = evaluate.embed(evaluate.random_encoder(encoder, seed), images)
    names = test.class_names
    figures.features(chosen, features, untrained, labels, names, seed)
    if labels is not None and train.labels is not None:
        bank = some(rng, len(train.images), BANK)
        voters = evaluate.embed(encoder, np.asarray(train.images)[bank])
        votes = np.asarray(train.labels)[bank]
        figures.classes((voters, votes), features, labels, names, k)


def draw_sequences(
    run: Path,
    *,
    encoder: keras.Model,
    train: SequenceData,
    test: SequenceData,
    window: int,
    k: int = 200,
    seed: int = 0,
) -> None:
    """As `draw_plots`; views are two windows of a recording, shown as spectrograms."""
    figures, rng = _start(run, "test_recording"), np.random.default_rng(seed)
    chosen = some(rng, len(test))
    sample = test.take(chosen)
    names = sample.class_names if isinstance(sample.class_names, tuple) else None
    labels = sample.labels if isinstance(sample.labels, np.ndarray) else None
    features = evaluate.embed_sequences(encoder, sample.sequences)
    figures.sprite("thumbnails", spectrogram_images(sample.sequences))

    rows = spread(len(sample), PAIRS)
    waves = [sample.sequences[row] for row in rows]
    view1, view2 = ([_cut(rng, wave, window) for wave in waves] for _ in range(2))
    shown = spread(len(waves), _RECORDINGS)
    parts = [[part[row] for row in shown] for part in (waves, view1, view2)]
    tiles = np.concatenate([spectrogram_images(x, _SPECTROGRAM) for x in parts])
    figures.sprite("views", tiles, len(shown), ["recording", "window 1", "window 2"])
    lengths = [len(wave) / (sample.sample_rate or 1) for wave in parts[0]]
    unit = "seconds" if sample.sample_rate else "steps"
    table = zip(chosen[rows][shown], lengths, strict=True)
    figures.table("views", ["test_recording", unit], table)
    kinds = ("two windows of one recording", "windows of different recordings")
    embedded = (
        evaluate.embed_sequences(encoder, view1),
        evaluate.embed_sequences(encoder, view2),
    )
    figures.pairs(features, embedded, kinds, run_findings(run))
    random = evaluate.random_encoder(encoder, seed)
    untrained = evaluate.embed_sequences(random, sample.sequences)
    figures.features(chosen, features, untrained, labels, names, seed)
    if labels is not None and isinstance(train.labels, np.ndarray):
        bank = some(rng, len(train), BANK)
        voters = evaluate.embed_sequences(encoder, train.take(bank).sequences)
        figures.classes((voters, train.labels[bank]), features, labels, names, k)


def draw_graphs(
    run: Path,
    *,
    graph: GraphData,
    features: np.ndarray,
    untrained: np.ndarray,
    labels: np.ndarray | None,
    parts: tuple[np.ndarray, np.ndarray] | None,
    k: int = 200,
    seed: int = 0,
) -> None:
    """As `draw_plots`, with the surroundings of some nodes in place of views.

    Examples are nodes, or the graphs of a set. Positive pairs are nodes that share an
    edge; graphs of a set have none.
    """
    is_set = graph.graph_ids is not None
    figures = _start(run, "graph" if is_set else "node")
    rng = np.random.default_rng(seed)
    test = np.arange(len(features)) if parts is None else parts[1]
    chosen = test[some(rng, len(test))]
    _neighbourhoods(figures, graph, chosen, rng)

    sample, names = features[chosen], graph.class_names
    edges = graph.edges[some(rng, len(graph.edges), PAIRS)]
    kinds = ("nodes that share an edge", "other pairs of nodes")
    ends = None
    if not is_set and len(edges) > 1:
        ends = features[edges[:, 0]], features[edges[:, 1]]
    figures.pairs(sample, ends, kinds, run_findings(run))
    known = None if labels is None else labels[chosen]
    figures.features(chosen, sample, untrained[chosen], known, names, seed)
    if labels is not None and known is not None and parts is not None:
        bank = parts[0][some(rng, len(parts[0]), BANK)]
        figures.classes((features[bank], labels[bank]), sample, known, names, k)


def draw_curves(run: Path, example: str) -> None:
    """Writes the curves of a training alone."""
    _start(run, example)


def _start(run: Path, example: str) -> Figures:
    require_run(run)
    figures = Figures(run / FIGURES_FOLDER, example)
    figures.curves(read_history(run))
    return figures


def _cosines(view1: np.ndarray, view2: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(view1, axis=1) * np.linalg.norm(view2, axis=1)
    return (view1 * view2).sum(axis=1) / np.maximum(norms, 1e-12)


def _cut(rng: np.random.Generator, wave: np.ndarray, window: int) -> np.ndarray:
    """A random window; of a shorter recording all there is."""
    start = int(rng.integers(max(len(wave) - window, 0) + 1))
    return wave[start : start + window]


def _neighbourhoods(
    figures: Figures, graph: GraphData, chosen: np.ndarray, rng: np.random.Generator
) -> None:
    """Writes `neighbourhood_nodes` and `neighbourhood_edges`."""
    degrees = np.bincount(graph.edges.ravel(), minlength=graph.nodes)
    ids, labels = graph.graph_ids, graph.labels
    if ids is None:
        # A node without edges has no surroundings to show.
        linked = chosen[degrees[chosen] > 0]
        drawn = some(rng, len(linked), _NEIGHBOURHOODS)
        centres = (linked if len(linked) else chosen)[drawn]
        hops = 2
    else:
        # Of a graph of a set, all that its best-linked node reaches.
        graphs = chosen[some(rng, len(chosen), _NEIGHBOURHOODS)]
        members = [np.flatnonzero(ids == number) for number in graphs]
        centres = np.array([nodes[degrees[nodes].argmax()] for nodes in members])
        hops = 99
        if labels is None and graph.graph_labels is not None:
            labels = graph.graph_labels[ids]
    nodes, edges = [], []
    for drawing, centre in enumerate(centres.tolist()):
        around = neighbourhood(graph.edges, centre, hops=hops)
        for row, node in enumerate(around.nodes.tolist()):
            label = -1 if labels is None else int(labels[node])
            name = class_name(label, graph.class_names) if label >= 0 else ""
            x, y = around.positions[row]
            hop = int(around.hops[row])
            nodes.append([drawing, node, name, hop, f"{x:.4f}", f"{y:.4f}"])
        ends = around.nodes[around.edges]
        edges += [[drawing, first, second] for first, second in ends.tolist()]
    header = ["drawing", "node", "class", "hops", "x", "y"]
    figures.table("neighbourhood_nodes", header, nodes)
    figures.table("neighbourhood_edges", ["drawing", "node", "other_node"], edges)
