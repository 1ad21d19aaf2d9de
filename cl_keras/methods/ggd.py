# SPDX-License-Identifier: Apache-2.0
"""GGD.

Zheng, Pan, Lee, Zheng and Yu (2022), Rethinking and Scaling Up Graph Contrastive
Learning: An Extremely Efficient Approach with Group Discrimination, arXiv:2206.01535;
equation 3.

Deviations: features are masked one by one with the share as probability, where the
authors' code masks exactly that share of them; the projector has no offset. What is
kept are the encoder's features, to which the authors add the same averaged over five
hops or more before they score them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import heads
from cl_keras.augment.graph_views import GraphView
from cl_keras.methods.base import Outputs
from cl_keras.methods.corruption_model import CorruptionModel


@keras.saving.register_keras_serializable(package="cl_keras")
class GGD(CorruptionModel):
    """Tells a graph's nodes from those of a shuffled graph by their features alone.

    Deep Graph Infomax without a summary: the logit of a node is the sum of its
    projected features. A batch is a graph or several, as `GraphModel` says.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept.
        projector: Built model: (nodes, D) -> (nodes, E), used in training only. By
            default a linear layer of 512 units (`heads.projection_head`).
        mask_features: Share of the features that are set to 0 at each step, for all
            nodes alike, before the corruption.
        corruption: As of `DeepGraphInfomax`.
        seed: Of masks and corruption; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: For an unknown corruption, or a share that is not in [0, 1).

    Reference:
        Zheng et al. (2022), equation 3; section 3.2 for the projection and the sum.
        The loss is the mean of both groups, as in the authors' code.

    Example:
    >>> graph = data.GraphData(
    ...     "ring", np.eye(8, dtype="float32"),
    ...     np.array([[i, (i + s) % 8] for i in range(8) for s in (1, 7)]))
    >>> model = GGD(encoders.gcn(graph.shape, units=16))
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> history = model.fit(data.whole_graph(graph), epochs=3, verbose=0)
    >>> model.encoder.predict(data.whole_graph(graph), verbose=0).shape
    (8, 16)
    """

    head_builders = {
        "projector": partial(heads.projection_head, depth=1, width=512, last_norm=False)
    }

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        mask_features: float = 0.2,
        corruption: str | Callable[..., tf.Tensor] = "shuffle",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, corruption, seed, **kwargs)
        self.projector = self.head("projector", projector)
        self.view = GraphView(mask_features=mask_features)

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Scores the nodes of the graph and of its corruption."""
        seen = inputs | self.view(inputs, self.next_seed())
        both = zip(("clean", "corrupt"), self.encode_both(seen, training), strict=True)
        logits = {}
        for name, nodes in both:
            projected = self.projector(nodes, training=training)
            logits[name] = tf.reduce_sum(self.only_counted(projected, inputs), axis=-1)
        return logits
