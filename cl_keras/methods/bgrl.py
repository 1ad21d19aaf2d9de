# SPDX-License-Identifier: Apache-2.0
"""BGRL.

Thakoor, Tallec, Azar, Azabou, Dyer, Munos, Veličković and Valko (2022), Large-Scale
Representation Learning on Graphs via Bootstrapping, arXiv:2102.06514; equation 1.

As in the authors' code, the loss is half of the equation's, and 2 more. Deviations: the
target starts equal to the encoder, where the authors' code draws it anew; the
predictor's PReLU has a slope that is not trained.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import heads
from cl_keras.losses.similarity import unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_views_model import GraphViewsModel
from cl_keras.methods.parts import Twin
from cl_keras.methods.predictor_model import crossed
from cl_keras.methods.views_model import named


@keras.saving.register_keras_serializable(package="cl_keras")
class BGRL(GraphViewsModel):
    """Predicts, from a node's view, what a slowly following network makes of the other.

    There are no negatives, so memory grows with the nodes. A batch is a graph or
    several, as `GraphModel` says.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept. That
            of the paper normalises batches: `encoders.gcn(batch_norm=True)`.
        predictor: Built model: (nodes, D) -> (nodes, D). By default two layers with 512
            hidden units (`heads.mlp_head`).
        momentum: Share of the target that stays at each step.
        total_steps: Optimizer steps of the training, if the momentum is to rise to 1
            along a cosine; else it stays as it is.
        drop_edges: Share of the edges that the first and the second view leave out.
        mask_features: Share of the features that they set to 0, for all nodes alike.
        seed: Of the views; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the momentum is not in [0, 1], or a share not in [0, 1).

    Reference:
        Thakoor et al. (2022), equation 1, and section 3 for target and views.

    Example:
    >>> graph = data.GraphData(
    ...     "ring", np.eye(8, dtype="float32"),
    ...     np.array([[i, (i + s) % 8] for i in range(8) for s in (1, 7)]))
    >>> model = BGRL(encoders.gcn(graph.shape, units=16, batch_norm=True))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> history = model.fit(data.whole_graph(graph), epochs=3, verbose=0)
    >>> model.encoder.predict(data.whole_graph(graph), verbose=0).shape
    (8, 16)
    """

    head_builders = {
        "predictor": partial(heads.mlp_head, hidden=512, activation="leaky_relu")
    }

    def __init__(
        self,
        encoder: keras.Model,
        predictor: keras.Model | None = None,
        momentum: float = 0.99,
        total_steps: int | None = None,
        drop_edges: tuple[float, float] = (0.2, 0.3),
        mask_features: tuple[float, float] = (0.2, 0.1),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, drop_edges, mask_features, seed, **kwargs)
        self.predictor = self.head("predictor", predictor)
        self.target = Twin(self, ("encoder",), momentum)
        self.total_steps = total_steps

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Predicts from the nodes of two views, and encodes them by the target."""
        views = self.draw(inputs)
        outputs = self.embed_views(views, training)
        predictions = [self.predictor(x, training=training) for x in outputs.values()]
        parts = [{name: view[name] for name in ("features", "edges")} for view in views]
        targets = [
            self.only_counted(self.target(part, training=training), inputs)
            for part in parts
        ]
        return outputs | named("prediction", predictions) | named("target", targets)

    def objective(self, outputs: Outputs) -> Outputs:
        """One minus the cosine, one direction and the other: 0 to 4."""
        cosines = [
            tf.reduce_sum(unit_rows(prediction) * unit_rows(target), axis=-1)
            for prediction, target in crossed(outputs, "target")
        ]
        return {"regression": 2.0 - tf.add_n(cosines)}

    def after_update(self, outputs: Outputs) -> None:
        """Moves the target."""
        self.target.follow(self)
