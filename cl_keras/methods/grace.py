# SPDX-License-Identifier: Apache-2.0
"""GRACE.

Zhu, Xu, Yu, Liu, Wu and Wang (2020), Deep Graph Contrastive Representation Learning,
arXiv:2006.04131; equations 1 and 2. The loss is NT-Xent between the nodes of two views;
of several graphs in a batch, all nodes of all replicas are one another's negatives.
Not of the paper: `sample`, by which large graphs train on few of these pairs a step.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, heads, losses
from cl_keras.augment.graph import some_of
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_views_model import GraphViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class GRACE(GraphViewsModel):
    """Finds each node's other view among all nodes of two views of the graph.

    A batch is a graph or several, as `GraphModel` says.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept.
        projector: Built model: (nodes, D) -> (nodes, E), used in training only. By
            default two layers as wide as the features (`heads.mlp_head`).
        temperature: Of the NT-Xent loss.
        sample: Most nodes that the loss compares in a step, drawn anew each time, the
            same of both views. Views are encoded whole all the same; the time of the
            loss, else with the square of the nodes, is that of so many. None compares
            all.
        drop_edges: Share of the edges that the first and the second view leave out.
        mask_features: Share of the features that they set to 0.
        seed: Of the views; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the temperature is not positive, the sample below 2, or a share
            not in [0, 1).

    Reference:
        Zhu et al. (2020), equations 1 and 2; section 3.2.2 for the views.

    Example:
    >>> graph = data.GraphData(
    ...     "ring", np.eye(8, dtype="float32"),
    ...     np.array([[i, (i + s) % 8] for i in range(8) for s in (1, 7)]))
    >>> model = GRACE(encoders.gcn(graph.shape, units=16))
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> history = model.fit(data.whole_graph(graph), epochs=3, verbose=0)
    >>> model.encoder.predict(data.whole_graph(graph), verbose=0).shape
    (8, 16)
    """

    head_builders = {"projector": partial(heads.mlp_head, activation="elu")}

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.4,
        sample: int | None = None,
        drop_edges: tuple[float, float] = (0.2, 0.4),
        mask_features: tuple[float, float] = (0.3, 0.4),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        if sample is not None:
            check.at_least(2, sample=sample)
        super().__init__(encoder, drop_edges, mask_features, seed, **kwargs)
        self.temperature, self.sample = temperature, sample
        self.projector = self.head("projector", projector)

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Projects the nodes of two views."""
        views = self.draw(inputs)
        if self.sample is not None:
            counted = inputs["counted"]
            if counted is None:
                counted = tf.ones([tf.shape(inputs["features"])[0]], tf.bool)
            drawn = {"counted": some_of(counted, self.sample, self.next_seed())}
            views = [view | drawn for view in views]
        nodes = self.embed_views(views, training)
        return {name: self.projector(x, training=training) for name, x in nodes.items()}

    def objective(self, outputs: Outputs) -> Outputs:
        """NT-Xent of the nodes' two embeddings."""
        first, second = outputs["embedding1"], outputs["embedding2"]
        return {"nt_xent": losses.nt_xent(first, second, self.temperature)}
