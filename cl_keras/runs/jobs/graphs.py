# SPDX-License-Identifier: Apache-2.0
"""Runs on graphs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cl_keras import check, data, evaluate, extras
from cl_keras.data.examples import hold_out
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.subgraphs import induced
from cl_keras.data.source import Source
from cl_keras.runs.config import TrainConfig, check_options, pipeline_options
from cl_keras.runs.jobs.figures import draw_graphs
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.jobs.labelled import LabelledData
from cl_keras.runs.jobs.sample import Sample
from cl_keras.show.figures import spread

_OF_ONE_GRAPH = ("fan_outs", "inductive")
_LARGEST_RAW = 8.0  # GiB of raw features to score beside the encoder's.


class GraphJob(Job):
    """One graph as a whole or by neighbourhoods, or a set of graphs in batches.

    Settings: `data.fan_outs`, neighbours drawn around each node of a batch, such as
    `[10, 10, 25]`; without it one graph is one batch. `data.inductive=true` trains on
    the nodes of the split `train` and the edges between them, and so sees nothing of
    the others before they are scored. What is scored are nodes, or the graphs of a
    set, by the mean of their nodes' features, or by their sum as in the papers of
    InfoGraph and GraphCL (`data.pool=sum`).

    Args:
        config: The run.
        source: Its data.
    """

    def __init__(self, config: TrainConfig, source: Source) -> None:
        self.config = config
        options = config.part("data")
        check_options(options, "data", (*_OF_ONE_GRAPH, "pool"))
        self.pool = options.get("pool", "mean")
        check.one_of("data.pool", self.pool, ("mean", "sum"))
        self.fan_outs = options.get("fan_outs") or ()
        if config.test_data is not None:
            raise ValueError(
                "Graphs are scored by their own split, or on a fifth of their "
                f"labelled nodes. Received: test_data={config.test_data!r}"
            )
        graph = source.load()
        if not isinstance(graph, GraphData):
            raise TypeError(f"Expected graphs. Received: {type(graph).__name__}")
        self.graph, self.skipped = graph, graph.skipped
        # What is trained on.
        self.train = graph
        if options.get("inductive"):
            self.train = _train_part(graph)
        self.input_shape = graph.shape
        self.is_set = graph.graph_ids is not None
        unread = set(options) & set(_OF_ONE_GRAPH if self.is_set else ("pool",))
        if unread:
            raise ValueError(
                "Expected settings of neighbourhoods with one graph, data.pool with a "
                "set of graphs, which is trained on in batches of whole graphs. "
                f"Received: {', '.join(f'data.{name}' for name in sorted(unread))} "
                f"with {graph.name}"
            )
        self.unit = "graphs" if self.is_set else "nodes"
        # Sparse features where the pipeline gives them: the whole graph as it is.
        sparse = graph.is_sparse and not self.is_set and not self.fan_outs
        self.encoder_options = {"sparse_features": True} if sparse else {}

    def batches(self, start: int | None = None) -> tf.data.Dataset:
        """Builds the training pipeline: one epoch, or without end from a step on."""
        size, options = self.config.batch_size, pipeline_options(self.config, start)
        if self.is_set:
            return data.graph_batches(self.graph, size, **options)
        if self.fan_outs:
            return data.sampled_subgraphs(self.train, size, self.fan_outs, **options)
        return data.whole_graph(self.train, repeat=start is not None)

    def examples(self, steps: int) -> int:
        """Counts the examples of an epoch: all there are, whatever its steps."""
        return self.graph.graphs if self.is_set else self.train.nodes

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""
        return {
            "graphs": self.graph.graphs,
            "nodes": self.graph.nodes,
            "edges": len(self.graph.edges),
            **({} if self.train is self.graph else {"train_nodes": self.train.nodes}),
        }

    def own_labelled(self) -> LabelledData | None:
        """Gives the labelled nodes, or graphs of a set."""
        labels = self._labels()
        if labels is None:
            return None
        train, test = self._split(labels)

        def parts(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return rows[train], rows[test]

        return LabelledData(
            features=lambda encoder: parts(self.embed(encoder)),
            raw=lambda: parts(self._pooled(self._smoothed())),
            labels=parts(labels),
            raw_inputs=f"{self.pool} of the node features of each graph"
            if self.is_set
            else "node features averaged over two hops, no weights (SGC)",
            no_inputs="nodes of a graph are encoded together, not in batches",
        )

    def sample(self, most: int) -> Sample:
        """Gives some nodes, or graphs of a set."""
        ids, labels = spread(self.examples(1), most), self._labels()
        return Sample(
            lambda encoder: self.embed(encoder)[ids],
            ids,
            None if labels is None else labels[ids],
            self.graph.class_names,
        )

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the figures of the report into the run's folder."""
        labels = self._labels()
        parts = None if labels is None else self._split(labels)
        if parts is not None and not all(map(len, parts)):
            parts = None  # No class to sort anything into.
        draw_graphs(
            run,
            graph=self.graph,
            features=self.embed(encoder),
            untrained=self.embed(evaluate.random_encoder(encoder, self.config.seed)),
            labels=labels,
            parts=parts,
            k=self.config.neighbors,
            seed=self.config.seed,
        )

    def _labels(self) -> np.ndarray | None:
        return self.graph.graph_labels if self.is_set else self.graph.labels

    def _split(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        splits = self.graph.splits or {}
        if not self.is_set and {"train", "test"} <= set(splits):
            train, test = splits["train"], splits["test"]
            return train[labels[train] >= 0], test[labels[test] >= 0]
        known = np.flatnonzero(labels >= 0)
        if len(known) < 2:  # Nothing that could be held out.
            return known, known[:0]
        held_out = hold_out(len(known), labels[known], 0.2, self.config.seed)
        return known[~held_out], known[held_out]

    def embed(self, encoder: keras.Model) -> np.ndarray:
        """Features of all nodes, or of all graphs of a set."""
        return self._pooled(encoder(self._whole, training=False).numpy())

    @functools.cached_property
    def _whole(self) -> dict[str, Any]:
        (batch,) = data.whole_graph(self.graph)
        return {name: batch[name] for name in ("features", "edges")}

    def _smoothed(self) -> np.ndarray:
        """Features averaged over two hops, which a graph encoder must beat.

        As in Wu et al., "Simplifying Graph Convolutional Networks", 2019: rows of
        length 1, the symmetric normalisation, no weights. Graphs of a set are told by
        their nodes' own features.
        """
        if self.is_set:
            return self.graph.dense_features()
        sparse = extras.require("scipy.sparse", extra="eval")
        preprocessing = extras.require("sklearn.preprocessing", extra="eval")
        source, target = self.graph.edges.T
        nodes = self.graph.nodes
        ones = np.ones(len(source), np.float32)
        links = sparse.coo_matrix((ones, (target, source)), (nodes, nodes)).tocsr()
        links.data[:] = 1.0  # Each neighbour once, and the node itself.
        links = links + sparse.eye(nodes, dtype=np.float32, format="csr")
        scale = np.asarray(links.sum(axis=1)).ravel() ** -0.5
        links = links.multiply(scale[:, None]).multiply(scale[None, :]).tocsr()
        found = preprocessing.normalize(self.graph.features)
        for _ in range(2):
            found = links @ found
        found = preprocessing.normalize(found)
        if not sparse.issparse(found):
            return found
        gigabytes = 4 * found.shape[0] * found.shape[1] / 2**30
        if gigabytes > _LARGEST_RAW:
            raise ValueError(
                f"{found.shape[1]} features of each of {nodes} nodes need "
                f"{gigabytes:.0f} GiB"
            )
        return found.toarray()

    def _pooled(self, rows: np.ndarray) -> np.ndarray:
        ids = self.graph.graph_ids
        if ids is None:
            return rows
        sums = np.zeros((self.graph.graphs, rows.shape[1]), np.float64)
        np.add.at(sums, ids, rows)
        if self.pool == "mean":
            sums /= np.bincount(ids)[:, None]
        return sums.astype(np.float32)


def _train_part(graph: GraphData) -> GraphData:
    nodes = (graph.splits or {}).get("train")
    if nodes is None:
        raise ValueError(
            "Expected a graph with a split `train` for data.inductive. Received: "
            f"{graph.name} with {', '.join(graph.splits or {}) or 'no splits'}"
        )
    return induced(graph, nodes)
