# SPDX-License-Identifier: Apache-2.0
"""MVGRL of nodes.

Hassani and Khasahmadi (2020), Contrastive Multi-View Representation Learning on Graphs,
arXiv:2006.05582; equation 4 with the binary cross-entropy of section 4.

Deviations, all from the authors' code: each step takes the whole graph, where theirs
draws 2,000 neighbouring rows; the diffusion is of every graph as it is, where theirs
leaves small entries out and rescales the others on Citeseer; self-loops are counted
once, theirs twice in the graph's own view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cl_keras.heads.bilinear import BilinearDiscriminator
from cl_keras.methods.base import Outputs
from cl_keras.methods.corruption_model import CorruptionModel
from cl_keras.methods.parts import read_out
from cl_keras.taps import tap


@keras.saving.register_keras_serializable(package="cl_keras")
class MVGRL(CorruptionModel):
    """Tells nodes from those of a shuffled graph by the summary of the other view.

    One view is the graph, the other its diffusion. A batch is a graph or several, as
    `GraphModel` says.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`, with a layer of
            `(nodes, E)` for each view, such as `encoders.diffusion_gcn`. What is kept.
        view_layers: Names of the two layers.
        corruption: As of `DeepGraphInfomax`.
        seed: Of the corruption; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: For an unknown layer or corruption.

    Reference:
        Hassani and Khasahmadi (2020), equation 4; the discriminator, of both
        directions, is that of Deep Graph Infomax.

    Example:
    >>> graph = data.GraphData(
    ...     "ring", np.eye(8, dtype="float32"),
    ...     np.array([[i, (i + s) % 8] for i in range(8) for s in (1, 7)]))
    >>> model = MVGRL(encoders.diffusion_gcn(graph.shape, units=16))
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> history = model.fit(data.whole_graph(graph), epochs=3, verbose=0)
    >>> model.encoder.predict(data.whole_graph(graph), verbose=0).shape
    (8, 16)
    """

    def __init__(
        self,
        encoder: keras.Model,
        view_layers: tuple[str, str] = ("graph", "diffusion"),
        corruption: str | Callable[..., tf.Tensor] = "shuffle",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, corruption, seed, **kwargs)
        first, second = view_layers
        taps = tap(encoder, {"first": first, "second": second})
        # In a closure: these are the encoder's layers, not others beside it.
        self._taps = lambda: taps
        self.discriminator = BilinearDiscriminator(
            name="discriminator", dtype="float32"
        )
        self.discriminator.build((None, encoder.get_layer(first).output.shape[-1]))

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Scores the nodes of both views, of the graph and of its corruption."""
        graph, logits = inputs["graph"], {}
        clean = self._views(inputs, training)
        corrupt = self._views(self.corrupted(inputs), training)
        summaries = [
            tf.sigmoid(read_out(nodes, graph, inputs["counted"])) for nodes in clean
        ]
        for name, views in (("clean", clean), ("corrupt", corrupt)):
            # Each view's nodes by the summary of the other.
            pairs = zip(views, reversed(summaries), strict=True)
            scores = [self.discriminator(x, summary, graph) for x, summary in pairs]
            counted = [self.only_counted(score, inputs) for score in scores]
            logits[name] = tf.concat(counted, axis=0)
        return logits

    def _views(self, graph: dict[str, Any], training: bool) -> list[tf.Tensor]:
        """The nodes of both views, float32."""
        inputs = {name: graph[name] for name in ("features", "edges")}
        found = self._taps()(inputs, training=training)
        return [tf.cast(found[name], tf.float32) for name in ("first", "second")]
