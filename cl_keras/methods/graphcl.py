# SPDX-License-Identifier: Apache-2.0
"""GraphCL.

You, Chen, Sui, Chen, Wang and Shen (2020), Graph Contrastive Learning with
Augmentations, arXiv:2010.13902; equation 3.

Deviations: both directions of the loss, where the paper has one; edges are left out and
none are added; masked features are columns, the same for all graphs of a batch, where
the authors' code masks nodes; a subgraph is what several walks visit, theirs one set
of neighbours that grows.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from cl_keras import check, heads, losses
from cl_keras.augment.graph_views import GraphView
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Outputs
from cl_keras.methods.graph_model import GraphModel
from cl_keras.methods.parts import READOUTS, read_out
from cl_keras.methods.views_model import named
from cl_keras.registry import unknown


@keras.saving.register_keras_serializable(package="cl_keras")
class GraphCL(GraphModel):
    """Finds the other view of a graph among those of all graphs of the batch.

    Each view leaves out edges, nodes, features or all but a subgraph, one of these. A
    batch is several graphs, as `GraphModel` says.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept.
        projector: Built model: (graphs, D) -> (graphs, E). By default two layers
            (`heads.mlp_head`).
        temperature: Of the loss.
        share: Of edges, nodes or features that a view leaves out; of subgraphs, of the
            nodes that a walk starts from.
        readout: `"sum"`, `"mean"` or `"max"` over the nodes of a graph that are left.
        seed: Of the views; drawn if None.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the temperature is not positive, the share not in (0, 1), or
            the readout unknown.

    Reference:
        You et al. (2020), equation 3; section 3.1 for the views.

    Example:
    >>> graphs = data.GraphData(
    ...     "pairs", np.eye(8, dtype="float32"),
    ...     np.array([[i, i ^ 1] for i in range(8)]), graph_ids=np.arange(8) // 2)
    >>> model = GraphCL(encoders.gin(graphs.shape, units=16))
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> history = model.fit(data.graph_batches(graphs, 4), epochs=3, verbose=0)
    >>> model.encoder.predict(data.whole_graph(graphs), verbose=0).shape
    (8, 16)
    """

    head_builders = {"projector": partial(heads.mlp_head)}

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.2,
        share: float = 0.2,
        readout: str = "sum",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        check.positive(share=share)
        check.share_below_one(share=share)
        super().__init__(encoder, seed, **kwargs)
        if readout not in READOUTS:
            raise unknown("readout", readout, READOUTS)
        self.temperature, self.readout = temperature, readout
        self.projector = self.head("projector", projector)
        self.view = GraphView(share, share, share, walk_starts=share, one_of=True)

    def forward(self, inputs: dict[str, Any], training: bool) -> Outputs:
        """Projects the graphs of two views."""
        embeddings = []
        for _ in range(2):
            view = self.view(inputs, self.next_seed())
            nodes, left = self.embed_nodes(view, training), view["kept"]
            if inputs["counted"] is not None:
                left &= inputs["counted"]
            graphs = read_out(nodes, inputs["graph"], left, self.readout)
            embeddings.append(self.projector(graphs, training=training))
        return named("embedding", embeddings)

    def objective(self, outputs: Outputs) -> Outputs:
        """Cross-entropy among the other views of all other graphs."""
        views = outputs["embedding1"], outputs["embedding2"]
        return {"graphcl": losses.dcl(*views, self.temperature, within=False)}
