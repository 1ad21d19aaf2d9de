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
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_model import GraphModel
from cl_keras.methods.parts import READOUTS, read_out
from cl_keras.registry import unknown

CORRUPTIONS = ("shuffle", "roll")
SUMMARIES = ("graph", "batch")


@keras.saving.register_keras_serializable(package="cl_keras")
class DeepGraphInfomax(GraphModel):
    """Tells a graph's nodes from those of a corrupted graph, by a summary of it.

    A batch is a graph or several, as `GraphModel` says; the summary is of the nodes
    that count.

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

    def __init__(
        self,
        encoder: keras.Model,
        corruption: str | Callable[..., Any] = "shuffle",
        readout: str | Callable[..., Any] = "mean",
        summary: str = "graph",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, seed, **kwargs)
        for name, value, known in (
            ("corruption", corruption, CORRUPTIONS),
            ("readout", readout, READOUTS),
            ("summary", summary, SUMMARIES),
        ):
            if value not in known and not (callable(value) and name != "summary"):
                raise unknown(name, value, known)
        self.corruption = corruption
        self.readout = readout
        self.of_batch = summary == "batch"
        self.discriminator = BilinearDiscriminator(
            name="discriminator", dtype="float32"
        )
        self.discriminator.build((None, encoder.output_shape[-1]))
        # In a closure: these are parts of the encoder, not layers beside it.
        split = _split(encoder)
        self._encoder_parts = lambda: split
        self._track("accuracy")

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Scores the nodes of the graph and of its corruption.

        Args:
            inputs: What `unpack` made of a batch.
            training: Whether the encoder is in training mode.

        Returns:
            `clean` and `corrupt`, logits `(targets,)` float32.
        """
        clean, corrupt = self._encode(inputs, training)
        graph, counted = inputs["graph"], inputs["counted"]
        summary = read_out(clean, graph, counted, self.readout, self.of_batch)
        summary, rows = tf.sigmoid(summary), None if self.of_batch else graph
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

    def _encode(
        self, inputs: dict[str, Any], training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Embeddings of the graph and of its corruption, `(nodes, D)` float32."""
        if callable(self.corruption):
            other = self.corruption(inputs, self.next_seed())
        else:
            rows = self._order(inputs)
            if parts := self._encoder_parts():
                first, rest = parts
                # Reordering rows commutes with what is done to each row alone: the
                # largest product of a graph network is needed once, not twice.
                projected = first(inputs["features"], training=training)
                clean, corrupt = (
                    tf.cast(rest([x, inputs["edges"]], training=training), tf.float32)
                    for x in (projected, corruptions.reorder(projected, rows))
                )
                return clean, corrupt
            features = corruptions.reorder(inputs["features"], rows)
            other = {"features": features, "edges": inputs["edges"]}
        return self.embed_nodes(inputs, training), self.embed_nodes(other, training)

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
        # Of the nodes of all replicas: the same shuffle however the batch is split.
        noise = corruptions.node_noise(count, self.next_seed())
        return corruptions.shuffle(graph, noise)


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
