# SPDX-License-Identifier: Apache-2.0
"""Methods that tell the nodes of a graph from those of a corrupted graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cl_keras import distribute
from cl_keras.augment import graph as corruptions
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_model import GraphModel
from cl_keras.registry import unknown

CORRUPTIONS = ("shuffle", "roll")


class CorruptionModel(GraphModel):
    """A graph and its corruption -> an encoder -> a score of each node.

    A method writes `forward`, which returns `clean` and `corrupt`, logits `(n,)` of the
    nodes that count, from what `encode_both` gives.

    Args:
        encoder: As of `GraphModel`.
        corruption: `"shuffle"` reorders the features of each graph at random;
            `"roll"` moves them on by one node, without chance. Or a function of the
            batch (with `graph`, `mask` and `target` set) and a seed, `(2,)` int64,
            that returns a dict of other `features` and `edges`, the same nodes.
        seed: Of the corruption; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: For an unknown corruption.
    """

    def __init__(
        self,
        encoder: keras.Model,
        corruption: str | Callable[..., tf.Tensor] = "shuffle",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, seed, **kwargs)
        if corruption not in CORRUPTIONS and not callable(corruption):
            raise unknown("corruption", corruption, CORRUPTIONS)
        self.corruption = corruption
        # In a closure: these are parts of the encoder, not layers beside it.
        split = _split(encoder)
        self._encoder_parts = lambda: split
        self._track("accuracy")

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

    def corrupted(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Draws the corrupted graph, `features` and `edges`."""
        if callable(self.corruption):
            return self.corruption(inputs, self.next_seed())
        features = corruptions.reorder(inputs["features"], self._order(inputs))
        return {"features": features, "edges": inputs["edges"]}

    def encode_both(
        self, inputs: dict[str, Any], training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Embeddings of the graph and of its corruption, `(nodes, D)` float32."""
        parts = self._encoder_parts()
        if not parts or callable(self.corruption):
            other = self.corrupted(inputs)
            return self.embed_nodes(inputs, training), self.embed_nodes(other, training)
        first, rest = parts
        # Reordering rows commutes with what is done to each row alone: the largest
        # product of a graph network is needed once, not twice.
        projected = first(inputs["features"], training=training)
        shuffled = corruptions.reorder(projected, self._order(inputs))
        clean, corrupt = (
            tf.cast(rest([x, inputs["edges"]], training=training), tf.float32)
            for x in (projected, shuffled)
        )
        return clean, corrupt

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
