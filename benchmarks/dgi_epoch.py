# SPDX-License-Identifier: Apache-2.0
"""An epoch of Deep Graph Infomax on Cora: cl_keras against other libraries, by turns.

    make bench-peers
    python benchmarks/dgi_epoch.py --data DATA/planetoid \
        --peer .venv-peers/bin/python --tfgnn .venv-tfgnn/bin/python

All train a one-layer GCN of 512 features with Adam at 1e-3 on the whole graph, as in
the paper, on the same files and row-normalised features. Peers: `pyg` is PyTorch
Geometric's own example (dense features); `pyg_sparse` gives it the features as a
sparse tensor; `tfgnn` is TensorFlow GNN's GCN, corruption and DGI layer on one
GraphTensor, in a compiled step without `fit`, on the graph as our loader reads it (in
an environment of its own: it needs Keras 2). A turn is `--epochs` epochs; ours go
through `fit`. `accuracy`: the same nearest-centroid classifier of the 140 public
training nodes on the features after `--train` epochs, scored on the 1,000 test nodes,
as a check that all learn.
`limit` is the products alone that an epoch needs: features by weights, adjacency by
both results, and their gradients.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness

Ready = tuple[Callable[[], object], dict[str, Any]]


def ready(
    args: harness.Args,
    epochs: Callable[[int], float],
    features: Callable[[], Any],
    labels: Any,
    train: Any,
    test: Any,
) -> Ready:
    """Trains before the turns; the accuracy is of a classifier without settings."""
    import numpy as np

    epochs(args.train)
    rows = features()
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1)[:, None], 1e-12)
    classes = range(int(labels.max()) + 1)
    centers = [rows[train][labels[train] == c].mean(axis=0) for c in classes]
    predicted = np.argmax(rows[test] @ np.stack(centers).T, axis=1)
    accuracy = round(float(np.mean(predicted == labels[test])), 3)
    epochs(2)
    return lambda: epochs(args.epochs), {"accuracy": accuracy}


def pyg(args: harness.Args) -> Ready:
    import torch
    import torch_side
    from torch_geometric.nn import DeepGraphInfomax, GCNConv

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    data = torch_side.planetoid(args.data, args.name)

    class Encoder(torch.nn.Module):
        def __init__(self, inputs: int) -> None:
            super().__init__()
            self.conv = GCNConv(inputs, args.units)
            self.act = torch.nn.PReLU(args.units)

        def forward(self, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
            return self.act(self.conv(x, edges))

    def corruption(x: torch.Tensor, edges: torch.Tensor) -> tuple[torch.Tensor, ...]:
        order = torch.randperm(x.size(0))
        if x.layout == torch.strided:
            return x[order], edges
        return torch.index_select(x, 0, order), edges

    model = DeepGraphInfomax(
        hidden_channels=args.units,
        encoder=Encoder(data.x.size(1)),
        summary=lambda z, *args, **kwargs: z.mean(dim=0).sigmoid(),
        corruption=corruption,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = data.x.to_sparse() if args.side == "pyg_sparse" else data.x

    def epochs(count: int) -> float:
        model.train()
        for _ in range(count):
            optimizer.zero_grad()
            loss = model.loss(*model(x, data.edge_index))
            loss.backward()
            optimizer.step()
        return loss.item()

    def features() -> Any:
        model.eval()
        with torch.no_grad():
            return model.encoder(x, data.edge_index).numpy()

    masks = (mask.numpy() for mask in (data.train_mask, data.test_mask))
    return ready(args, epochs, features, data.y.numpy(), *masks)


def tfgnn(args: harness.Args) -> Ready:
    import numpy as np

    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    tf = harness.tensorflow(args.threads)
    import tensorflow_gnn as tfgnn
    from tensorflow_gnn.models import gcn
    from tensorflow_gnn.models.contrastive_losses import layers

    tf.keras.utils.set_random_seed(0)
    saved = np.load(args.graph)
    nodes = tfgnn.NodeSet.from_fields(
        features={tfgnn.HIDDEN_STATE: saved["features"]},
        sizes=[len(saved["features"])],
    )
    ends = (("nodes", saved["edges"][:, 0]), ("nodes", saved["edges"][:, 1]))
    edges = tfgnn.EdgeSet.from_fields(
        features={},
        sizes=[len(saved["edges"])],
        adjacency=tfgnn.Adjacency.from_indices(*ends),
    )
    graph = tfgnn.GraphTensor.from_pieces(
        node_sets={"nodes": nodes}, edge_sets={"edges": edges}
    )
    convolve = gcn.GCNHomGraphUpdate(
        units=args.units, add_self_loops=True, activation="linear"
    )
    activation = tf.keras.layers.PReLU()
    shuffled = layers.ShuffleFeaturesGlobally(seed=0)
    score = layers.DeepGraphInfomaxLogits()
    optimizer = tf.keras.optimizers.Adam(1e-3)

    def encode(graph: Any) -> Any:
        return activation(convolve(graph).node_sets["nodes"][tfgnn.HIDDEN_STATE])

    @tf.function(autograph=False)
    def step() -> Any:
        with tf.GradientTape() as tape:
            logits = score(tf.stack([encode(graph), encode(shuffled(graph))], axis=1))
            labels = tf.broadcast_to([1.0, 0.0], tf.shape(logits))
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        # In the order in which they were made; `score` makes its layer in its call.
        variables = tape.watched_variables()
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        return loss

    def epochs(count: int) -> float:
        return float([step() for _ in range(count)][-1])

    def features() -> Any:
        return encode(graph).numpy()

    split = saved["train"], saved["test"]
    return ready(args, epochs, features, saved["labels"], *split)


def write_graph(args: harness.Args, scratch: Path) -> None:
    """The graph in a file that needs no library of graphs to read."""
    if not args.tfgnn:
        return
    import numpy as np
    import tensorflow as tf

    from cl_keras import data

    graph = data.load_planetoid(args.data, args.name)
    batch = next(iter(data.whole_graph(graph)))
    args.graph = str(scratch / "graph.npz")
    np.savez(
        args.graph,
        features=tf.sparse.to_dense(batch["features"]).numpy(),
        edges=graph.edges,
        labels=graph.labels,
        train=graph.splits["train"],
        test=graph.splits["test"],
    )


def ours(args: harness.Args) -> Ready:
    harness.tensorflow(args.threads)
    import keras

    from cl_keras import data, encoders, methods

    keras.utils.set_random_seed(0)
    graph = data.load_planetoid(args.data, args.name)
    whole = data.whole_graph(graph)
    encoder = encoders.gcn(graph.shape, units=args.units, sparse_features=True)
    model = methods.DeepGraphInfomax(encoder)
    model.compile(keras.optimizers.Adam(1e-3))

    def epochs(count: int) -> float:
        return model.fit(whole, epochs=count, verbose=0).history["loss"][-1]

    def features() -> Any:
        return encoder.predict(whole, verbose=0)

    split = graph.splits["train"], graph.splits["test"]
    return ready(args, epochs, features, graph.labels, *split)


def limit(args: harness.Args) -> Ready:
    tf = harness.tensorflow(args.threads)
    from cl_keras import data

    # TensorFlow's product of compressed rows: its other one is slower.
    from cl_keras.encoders.sparse_product import sparse_product

    batch = next(iter(data.whole_graph(data.load_planetoid(args.data, args.name))))
    features = batch["features"]
    edges = tf.cast(batch["edges"], tf.int64)
    nodes, width = features.shape
    adjacency = tf.SparseTensor(edges, tf.ones(len(edges)), (nodes, nodes))
    transposed = tf.sparse.transpose(features)
    kernel = tf.fill((width, args.units), 1e-3)

    @tf.function
    def products(kernel: Any) -> Any:
        # Each of the one before, so that none is left out as known already.
        hidden = sparse_product(features, kernel)
        for _ in range(4):  # Clean and corrupt, forward and backward.
            hidden = sparse_product(adjacency, hidden)
        return sparse_product(transposed, hidden)[0, 0]

    products(kernel)
    return lambda: [float(products(kernel)) for _ in range(args.epochs)], {}


PEERS = {"pyg": "peer", "pyg_sparse": "peer", "tfgnn": "tfgnn"}

if __name__ == "__main__":
    harness.compare(
        __doc__,
        {
            "cl_keras": ours,
            "limit": limit,
            "pyg": pyg,
            "pyg_sparse": pyg,
            "tfgnn": tfgnn,
        },
        {"share_of_limit": ("limit", "cl_keras")}
        | {f"time_of_{peer}": ("cl_keras", peer) for peer in PEERS},
        options={
            "data": harness.REQUIRED,
            "name": "cora",
            "units": 512,
            "epochs": 20,
            "train": 150,
            "graph": None,
        },
        peers=PEERS,
        prepare=write_graph,
        each=lambda args, side: {
            "epoch_ms": round(1000 * side["seconds"] / args.epochs, 1),
        },
    )
