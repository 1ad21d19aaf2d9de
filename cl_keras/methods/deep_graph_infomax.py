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

from cl_keras.heads.bilinear import BilinearDiscriminator
from cl_keras.methods.base import Outputs
from cl_keras.methods.corruption_model import CorruptionModel
from cl_keras.methods.parts import READOUTS, read_out
from cl_keras.registry import unknown

SUMMARIES = ("graph", "batch")


@keras.saving.register_keras_serializable(package="cl_keras")
class DeepGraphInfomax(CorruptionModel):
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
        corruption: str | Callable[..., tf.Tensor] = "shuffle",
        readout: str | Callable[..., tf.Tensor] = "mean",
        summary: str = "graph",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, corruption, seed, **kwargs)
        for name, value, known in (
            ("readout", readout, READOUTS),
            ("summary", summary, SUMMARIES),
        ):
            if value not in known and not (callable(value) and name != "summary"):
                raise unknown(name, value, known)
        self.readout = readout
        self.of_batch = summary == "batch"
        self.discriminator = BilinearDiscriminator(
            name="discriminator", dtype="float32"
        )
        self.discriminator.build((None, encoder.output_shape[-1]))

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Scores the nodes of the graph and of its corruption.

        Args:
            inputs: What `unpack` made of a batch.
            training: Whether the encoder is in training mode.

        Returns:
            `clean` and `corrupt`, logits `(targets,)` float32.
        """
        clean, corrupt = self.encode_both(inputs, training)
        graph, counted = inputs["graph"], inputs["counted"]
        summary = read_out(clean, graph, counted, self.readout, self.of_batch)
        summary, rows = tf.sigmoid(summary), None if self.of_batch else graph
        logits = {
            "clean": self.discriminator(clean, summary, rows),
            "corrupt": self.discriminator(corrupt, summary, rows),
        }
        return {k: self.only_counted(v, inputs) for k, v in logits.items()}
