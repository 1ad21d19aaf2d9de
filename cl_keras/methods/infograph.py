# SPDX-License-Identifier: Apache-2.0
"""InfoGraph.

Sun, Hoffmann, Verma and Tang (2020), InfoGraph: Unsupervised and Semi-supervised
Graph-Level Representation Learning via Mutual Information Maximization,
arXiv:1908.01000; equations 4 and 5, without the semi-supervised part.

As in the authors' code: the loss is 0 for scores of 0, positives and negatives have
the same weight together, and graphs are the sums of their nodes.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import distribute, heads
from cl_keras.losses.similarity import check_negatives
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_model import GraphModel
from cl_keras.methods.parts import READOUTS, map_terms, read_out
from cl_keras.registry import unknown


@keras.saving.register_keras_serializable(package="cl_keras")
class InfoGraph(GraphModel):
    """Finds the nodes of a graph among those of all graphs of the batch.

    A batch is several graphs, as `GraphModel` says.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept: that
            of the paper has all its layers side by side,
            `encoders.gin(concatenate=True)`.
        projector: Built model: (nodes, D) -> (nodes, E), applied to nodes. By default
            `heads.shortcut_head`.
        predictor: Built model: (graphs, D) -> (graphs, E), applied to graphs. By
            default as the projector.
        readout: `"sum"`, `"mean"` or `"max"` over the nodes of a graph.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: For an unknown readout.

    Reference:
        Sun et al. (2020), equations 4 and 5.

    Example:
    >>> graphs = data.GraphData(
    ...     "pairs", np.eye(8, dtype="float32"),
    ...     np.array([[i, i ^ 1] for i in range(8)]), graph_ids=np.arange(8) // 2)
    >>> model = InfoGraph(encoders.gin(graphs.shape, units=16))
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> history = model.fit(data.graph_batches(graphs, 4), epochs=3, verbose=0)
    >>> model.encoder.predict(data.whole_graph(graphs), verbose=0).shape
    (8, 16)
    """

    head_builders = dict.fromkeys(("projector", "predictor"), heads.shortcut_head)

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        predictor: keras.Model | None = None,
        readout: str = "sum",
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, **kwargs)
        if readout not in READOUTS:
            raise unknown("readout", readout, READOUTS)
        self.readout = readout
        self.projector = self.head("projector", projector)
        width = self.projector.output_shape[-1]
        self.predictor = self.head("predictor", predictor, width=width)

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Scores graphs with their own nodes, and with those of all replicas."""
        nodes, graph = self.embed_nodes(inputs, training), inputs["graph"]
        if graph is None:
            graph = tf.zeros([tf.shape(nodes)[0]], tf.int32)
        summary = read_out(nodes, graph, inputs["counted"], self.readout)
        queries = self.predictor(summary, training=training)
        graph = self.only_counted(graph, inputs)
        keys = self.projector(self.only_counted(nodes, inputs), training=training)
        numbers = distribute.row_numbers(queries)
        check_negatives(
            distribute.all_gather(numbers), "InfoGraph needs at least two graphs."
        )
        of_keys = distribute.all_gather(tf.gather(numbers, graph))
        everyone = distribute.all_gather(keys)
        return {
            "positives": tf.reduce_sum(tf.gather(queries, graph) * keys, axis=-1),
            "negatives": tf.matmul(queries, everyone, transpose_b=True),
            "excluded": numbers[:, tf.newaxis] == of_keys,
        }

    def objective(self, outputs: Outputs) -> Outputs:
        """Jensen-Shannon objective of all pairs of nodes and graphs."""
        names = "positives", "negatives", "excluded"
        return {"jsd": map_terms.loss("jsd", *(outputs[name] for name in names))}
