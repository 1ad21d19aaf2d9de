# SPDX-License-Identifier: Apache-2.0
"""Methods that compare two random views of a graph."""

from __future__ import annotations

from typing import Any

import keras

from cl_keras.augment.graph_views import GraphView
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_model import GraphModel
from cl_keras.methods.views_model import named


class GraphViewsModel(GraphModel):
    """Two views of a graph -> an encoder -> an objective of their nodes.

    `forward` returns `embedding1` and `embedding2` `(n, D)` of the nodes that count, in
    the same order.

    Args:
        encoder: As of `GraphModel`.
        drop_edges: Share of the edges that the first and the second view leave out.
        mask_features: Share of the features that they set to 0, for all nodes alike.
        seed: Of the views; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If a share is not in [0, 1).
    """

    def __init__(
        self,
        encoder: keras.Model,
        drop_edges: tuple[float, float],
        mask_features: tuple[float, float],
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, seed, **kwargs)
        shares = zip(drop_edges, mask_features, strict=True)
        self.views = [GraphView(edges, mask_features=mask) for edges, mask in shares]

    def draw(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """Draws the two views of a batch that `unpack` made."""
        drawn = [view(inputs, self.next_seed()) for view in self.views]
        return [inputs | view for view in drawn]

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Encodes the nodes of two views."""
        return self.embed_views(self.draw(inputs), training)

    def embed_views(self, views: list[dict[str, Any]], training: bool) -> Outputs:
        """Encodes the nodes of views that are drawn."""
        nodes = [
            self.only_counted(self.embed_nodes(view, training), view) for view in views
        ]
        return named("embedding", nodes)
