# SPDX-License-Identifier: Apache-2.0
"""Deep Graph Infomax.

Veličković, Fedus, Hamilton, Liò, Bengio and Hjelm (2019), Deep Graph Infomax,
arXiv:1809.10341; equation 1 and section 3.4.

As in the authors' code, and not in the paper's text: the discriminator has a bias,
which starts at 0, and its weights start small (see `BilinearDiscriminator`). No
gradient is stopped at the summary.

Deviations: with several graphs in a batch, shuffle and summary are of each graph,
and padding takes no part in either (the authors' code divides by the mask's sum
over the whole batch). `keras.callbacks.EarlyStopping` restores the weights that the
best step led to, the authors' code those that it started from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cl_keras import distribute
from cl_keras.augment import graph as corruptions
from cl_keras.heads.bilinear import BilinearDiscriminator
from cl_keras.methods.base import ContrastiveModel, Outputs
from cl_keras.methods.batches import shapes
from cl_keras.registry import unknown
from cl_keras.seeds import check_seed

CORRUPTIONS = ("shuffle", "roll")
READOUTS = ("mean", "sum", "max")
SUMMARIES = ("graph", "batch")


@keras.saving.register_keras_serializable(package="cl_keras")
class DeepGraphInfomax(ContrastiveModel):
    """Tells a graph's nodes from those of a corrupted graph, by a summary of it.

    A batch is a dict (or a tuple that begins with one; labels are dropped):

    - `features` `(nodes, F)` float32, dense or a `tf.SparseTensor`;
    - `edges` `(edges, 2)` integers, rows (source, target);
    - `graph` `(nodes,)` integers from 0, the graph of each node, if there are several;
    - `mask` `(nodes,)` bool, False for padding, if there is any;
    - `target` `(nodes,)` bool, if some nodes are there only as neighbours of others,
      as in sampled subgraphs: summary and loss are of the nodes where it is True.

    Or the same with one more axis in front, one row a graph, as
    `cl_keras.data.graph_batches(..., stacked=True)` makes it; `edges` then count
    within their graph, -1 being padding. Only this form has an axis along which
    `tf.distribute` can split a batch.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept.
        corruption: `"shuffle"` reorders the features of each graph at random;
            `"roll"` moves them on by one node, without chance. Or a function of the
            batch (with `graph`, `mask` and `target` set) and a seed, `(2,)` int64,
            that returns a dict of other `features` and `edges`, the same nodes.
        readout: `"mean"`, `"sum"` or `"max"` over the nodes of a graph, before a
            sigmoid. Or a function of the embeddings `(nodes, D)`, the graph of each
            node `(nodes,)` int32, negative for nodes to leave out, and the number of
            graphs; it returns `(graphs, D)`.
        summary: `"graph"`, one of each graph; or `"batch"`, one of all nodes of the
            batch, over all replicas.
        seed: Of the corruption; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: For an unknown corruption, readout or summary.

    Reference:
        Veličković et al. (2019), equation 1. The loss is half of the one in PyTorch
        Geometric, which adds the two halves.

    Example:
    >>> graph = data.GraphData(
    ...     "ring", np.eye(8, dtype="float32"),
    ...     np.array([[i, (i + s) % 8] for i in range(8) for s in (1, 7)]))
    >>> model = DeepGraphInfomax(encoders.gcn(graph.shape, units=16))
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> stop = keras.callbacks.EarlyStopping(
    ...     "loss", patience=20, restore_best_weights=True)
    >>> history = model.fit(
    ...     data.whole_graph(graph), epochs=3, callbacks=[stop], verbose=0)
    >>> model.encoder.predict(data.whole_graph(graph), verbose=0).shape
    (8, 16)
    """

    undivided_because = (
        "the embedding of a node depends on its neighbours, so the nodes of a graph "
        "cannot be encoded in parts; `data.sampled_subgraphs` makes small batches"
    )

    def __init__(
        self,
        encoder: keras.Model,
        corruption: str | Callable[..., Any] = "shuffle",
        readout: str | Callable[..., Any] = "mean",
        summary: str = "graph",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, **kwargs)
        for name, value, known in (
            ("corruption", corruption, CORRUPTIONS),
            ("readout", readout, READOUTS),
            ("summary", summary, SUMMARIES),
        ):
            if value not in known and not (callable(value) and name != "summary"):
                raise unknown(name, value, known)
        self.corruption = corruption
        self.readout = readout
        self.summary_of = summary
        self.seed = seed
        self.discriminator = BilinearDiscriminator(
            name="discriminator", dtype="float32"
        )
        self.discriminator.build((None, encoder.output_shape[-1]))
        self.seeds = keras.random.SeedGenerator(
            None if seed is None else check_seed(seed)
        )
        # In a closure: these are parts of the encoder, not layers beside it.
        split = _split(encoder)
        self._encoder_parts = lambda: split
        self._track("accuracy")
        self.built = True

    def unpack(self, data: Any) -> dict[str, Any]:
        """Takes the graph out of a batch; stacked graphs are laid side by side."""
        if isinstance(data, tuple | list) and data:
            data = data[0]
        if not isinstance(data, dict) or not {"features", "edges"} <= set(data):
            raise ValueError(
                "DeepGraphInfomax trains on dicts with 'features' (nodes, F) and "
                "'edges' (edges, 2), and perhaps 'graph', 'mask' and 'target'. "
                "`cl_keras.data.whole_graph` and others make them. "
                f"Received: {shapes(data)}"
            )
        if data["features"].shape.rank == 3:
            data = _side_by_side(data)
        optional = {name: data.get(name) for name in ("graph", "mask", "target")}
        if optional["graph"] is not None:
            optional["graph"] = tf.cast(optional["graph"], tf.int32)
        return {"features": data["features"], "edges": data["edges"], **optional}

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Scores the nodes of the graph and of its corruption.

        Args:
            inputs: What `unpack` made of a batch.
            training: Whether the encoder is in training mode.

        Returns:
            `clean` and `corrupt`, logits `(targets,)` float32.
        """
        clean, corrupt = self._encode(inputs, training)
        graph, mask, target = (inputs[name] for name in ("graph", "mask", "target"))
        counted = mask if target is None else target
        if mask is not None and target is not None:
            counted = tf.logical_and(mask, target)
        summary = tf.sigmoid(self._read_out(clean, graph, counted))
        rows = None if self.summary_of == "batch" else graph
        logits = {
            "clean": self.discriminator(clean, summary, rows),
            "corrupt": self.discriminator(corrupt, summary, rows),
        }
        if counted is None:
            return logits
        return {k: tf.boolean_mask(v, counted) for k, v in logits.items()}

    def objective(self, outputs: Outputs) -> Outputs:
        """Binary cross-entropy of a node being clean, mean of its two scores."""
        clean, corrupt = outputs["clean"], outputs["corrupt"]
        loss = 0.5 * (tf.nn.softplus(-clean) + tf.nn.softplus(corrupt))
        return {"binary_crossentropy": loss}

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Computes the share of scores on the right side, of the global batch."""
        right = tf.stack([outputs["clean"] > 0.0, outputs["corrupt"] <= 0.0])
        share = tf.reduce_mean(tf.cast(right, tf.float32), axis=0)
        return {"accuracy": distribute.all_sum(distribute.replica_share(share))}

    def negatives_per_query(self, batch_size: int) -> int:
        """Each node is scored once as it is and once in the corrupted graph."""
        return 1

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this model from."""
        functions = {
            name: keras.saving.serialize_keras_object(value)
            if callable(value)
            else value
            for name, value in (
                ("corruption", self.corruption),
                ("readout", self.readout),
            )
        }
        return {
            **super().get_config(),
            **functions,
            "summary": self.summary_of,
            "seed": self.seed,
        }

    def _encode(
        self, inputs: dict[str, Any], training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Embeddings of the graph and of its corruption, `(nodes, D)` float32."""
        features, edges = inputs["features"], inputs["edges"]
        graph = {"features": features, "edges": edges}
        if callable(self.corruption):
            other = self.corruption(inputs, self._next_seed())
            other = {name: other[name] for name in graph}
            pair = [self.encoder(x, training=training) for x in (graph, other)]
        else:
            rows = self._order(inputs)
            if parts := self._encoder_parts():
                first, rest = parts
                # Reordering rows commutes with what is done to each row alone: the
                # largest product of a graph network is needed once, not twice.
                projected = first(features, training=training)
                pair = [
                    rest([x, edges], training=training)
                    for x in (projected, corruptions.reorder(projected, rows))
                ]
            else:
                other = {**graph, "features": corruptions.reorder(features, rows)}
                pair = [self.encoder(x, training=training) for x in (graph, other)]
        clean, corrupt = (tf.cast(x, tf.float32) for x in pair)
        return clean, corrupt

    def _next_seed(self) -> tf.Tensor:
        return tf.cast(self.seeds.next(), tf.int64)

    def _order(self, inputs: dict[str, Any]) -> tf.Tensor:
        """The node whose features each node gets: one of its own graph."""
        count = tf.shape(inputs["features"])[0]
        graph, mask = inputs["graph"], inputs["mask"]
        if graph is None:
            graph = tf.zeros([count], tf.int32)
        if mask is not None:
            # Padding: each a graph of its own, so it keeps its place.
            apart = tf.reduce_max(graph) + 1 + tf.range(count)
            graph = tf.where(mask, graph, apart)
        if self.corruption == "roll":
            return corruptions.roll(graph)
        # One draw over the nodes of all replicas, of which each takes its own: the
        # same shuffle however the batch is split.
        total = distribute.all_sum(count)
        noise = tf.random.stateless_uniform([total], self._next_seed(), dtype="float64")
        start = distribute.row_offset(count)
        return corruptions.shuffle(graph, noise[start : start + count])

    def _read_out(
        self, nodes: tf.Tensor, graph: tf.Tensor | None, counted: tf.Tensor | None
    ) -> tf.Tensor:
        """Summaries before the sigmoid, `(graphs, D)`, or `(1, D)` of the batch."""
        single = self.summary_of == "batch" or graph is None
        if single:
            graph = tf.zeros([tf.shape(nodes)[0]], tf.int32)
        graphs = tf.constant(1) if single else tf.reduce_max(graph) + 1
        if counted is not None:
            graph = tf.where(counted, graph, -1)
        across = self.summary_of == "batch" and distribute.num_replicas() > 1
        if callable(self.readout):
            if across:
                raise ValueError(
                    "A summary of the batch over several replicas needs a readout of "
                    f"{READOUTS}. Received: {self.readout}"
                )
            return self.readout(nodes, graph, graphs)
        if self.readout == "max":
            value = tf.math.unsorted_segment_max(nodes, graph, graphs)
            if across:
                gathered = distribute.all_gather(value)
                value = tf.reduce_max(gathered, axis=0, keepdims=True)
            # A graph without a node to count has no largest value.
            return tf.where(value > nodes.dtype.min, value, 0.0)
        counts = tf.cast(tf.greater_equal(graph, 0), tf.float32)
        if single:
            # A product: unlike a segment sum it runs on all cores.
            total = tf.matmul(counts[tf.newaxis], nodes)
        else:
            total = tf.math.unsorted_segment_sum(nodes, graph, graphs)
        if across:
            total = distribute.all_sum(total)
        if self.readout == "sum":
            return total
        size = tf.math.unsorted_segment_sum(counts, graph, graphs)
        if across:
            size = distribute.all_sum(size)
        return total / tf.maximum(size, 1.0)[:, tf.newaxis]


def _split(encoder: keras.Model) -> tuple[keras.layers.Layer, keras.Model] | None:
    """The encoder's first, node-wise layer and all that follows, if it has one."""
    inputs = getattr(encoder, "input", None)
    if not isinstance(inputs, dict) or set(inputs) != {"features", "edges"}:
        return None
    for layer in encoder.layers:
        if getattr(layer, "node_wise", False) and layer.input is inputs["features"]:
            ends = [layer.output, inputs["edges"]]
            try:
                # Fails if something else reads the features too.
                function = keras.Function(ends, encoder.outputs[0])
            except ValueError:
                return None
            # A model of inputs of its own: one that began in the midst of the encoder
            # would leave marks there, and the encoder could not be saved any more.
            fresh = [
                keras.Input(batch_shape=end.shape, dtype=end.dtype) for end in ends
            ]
            rest = keras.Model(fresh, function(fresh))
            return layer, rest
    return None


def _side_by_side(data: dict[str, Any]) -> dict[str, Any]:
    """Stacked graphs `(graphs, nodes, ...)` as one graph of several parts."""
    features, edges = data["features"], data["edges"]
    graphs, nodes, width = (tf.shape(features)[axis] for axis in range(3))
    width = features.shape[2] or width
    first = nodes * tf.range(graphs)
    edges = tf.cast(edges, tf.int32)
    real = tf.reduce_min(edges, axis=-1) >= 0
    flat: dict[str, Any] = {
        "features": tf.reshape(features, [graphs * nodes, width]),
        "edges": tf.boolean_mask(edges + first[:, tf.newaxis, tf.newaxis], real),
        "graph": tf.repeat(tf.range(graphs), nodes),
    }
    for name in ("mask", "target"):
        if name in data:
            flat[name] = tf.reshape(data[name], [-1])
    return flat
