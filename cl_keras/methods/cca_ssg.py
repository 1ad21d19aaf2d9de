# SPDX-License-Identifier: Apache-2.0
"""CCA-SSG.

Zhang, Wu, Yan, Wipf and Yu (2021), From Canonical Correlation Analysis to
Self-supervised Graph Neural Networks, arXiv:2106.12484; equation 5.

Deviations: where edges are left out in one direction only, `encoders.gcn` scales a
message by the incoming edges of both its ends, the authors' code by the outgoing edges
of the end that it leaves. A dimension that is the same for all nodes counts as 0, where
theirs divides by 0.
"""

from __future__ import annotations

from typing import Any

import keras

from cl_keras import check, losses
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_views_model import GraphViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class CCASSG(GraphViewsModel):
    """Makes the same dimensions of a node's two views agree, and different ones not.

    There are no negatives and no heads. Memory grows with the square of the features,
    not with that of the nodes. A batch is a graph or several, as `GraphModel` says.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept. Its
            last layer should be linear: `encoders.gcn(last_activation="linear")`.
        decorrelation_weight: Of the correlations within each view.
        drop_edges: Share of the edges that the first and the second view leave out.
        mask_features: Share of the features that they set to 0, for all nodes alike.
        seed: Of the views; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the weight is not positive, or a share not in [0, 1).

    Reference:
        Zhang et al. (2021), equation 5; section 3.2 for the views.

    Example:
    >>> graph = data.GraphData(
    ...     "ring", np.eye(8, dtype="float32"),
    ...     np.array([[i, (i + s) % 8] for i in range(8) for s in (1, 7)]))
    >>> model = CCASSG(encoders.gcn(graph.shape, units=16, activation="linear"))
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> history = model.fit(data.whole_graph(graph), epochs=3, verbose=0)
    >>> model.encoder.predict(data.whole_graph(graph), verbose=0).shape
    (8, 16)
    """

    def __init__(
        self,
        encoder: keras.Model,
        decorrelation_weight: float = 1e-3,
        drop_edges: tuple[float, float] = (0.4, 0.4),
        mask_features: tuple[float, float] = (0.1, 0.1),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check.positive(decorrelation_weight=decorrelation_weight)
        super().__init__(encoder, drop_edges, mask_features, seed, **kwargs)
        self.decorrelation_weight = decorrelation_weight
        self._track("invariance", "decorrelation")

    def objective(self, outputs: Outputs) -> Outputs:
        """Correlations that should be 1, and those that should not be."""
        invariance, decorrelation = losses.cca_ssg(
            outputs["embedding1"], outputs["embedding2"]
        )
        weighted = self.decorrelation_weight * decorrelation
        return {"invariance": invariance, "decorrelation": weighted}
