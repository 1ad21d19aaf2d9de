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
both results, and their gradients. Prints a table and one JSON line.
"""

import sys
import tempfile
from pathlib import Path

import turns


def centroid_accuracy(features, labels, train, test):
    """A classifier without settings, the same in both worlds."""
    import numpy as np

    features = features / np.maximum(np.linalg.norm(features, axis=1)[:, None], 1e-12)
    classes = range(int(labels.max()) + 1)
    centers = [features[train][labels[train] == c].mean(axis=0) for c in classes]
    found = np.argmax(features[test] @ np.stack(centers).T, axis=1)
    return round(float(np.mean(found == labels[test])), 3)


def pyg(args):
    import os

    import torch
    from torch_geometric.datasets import Planetoid
    from torch_geometric.nn import DeepGraphInfomax, GCNConv
    from torch_geometric.transforms import NormalizeFeatures

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as root:
        raw = Path(root, args.name.capitalize(), "raw")
        raw.parent.mkdir()
        os.symlink(Path(args.data).absolute(), raw)
        data = Planetoid(root, args.name.capitalize(), transform=NormalizeFeatures())[0]

    class Encoder(torch.nn.Module):
        def __init__(self, inputs):
            super().__init__()
            self.conv = GCNConv(inputs, args.units)
            self.act = torch.nn.PReLU(args.units)

        def forward(self, x, edges):
            return self.act(self.conv(x, edges))

    def corruption(x, edges):
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

    def epochs(count):
        model.train()
        for _ in range(count):
            optimizer.zero_grad()
            loss = model.loss(*model(x, data.edge_index))
            loss.backward()
            optimizer.step()
        return loss.item()

    epochs(args.train)
    model.eval()
    with torch.no_grad():
        features = model.encoder(x, data.edge_index).numpy()
    accuracy = centroid_accuracy(
        features, data.y.numpy(), data.train_mask.numpy(), data.test_mask.numpy()
    )
    return epochs, accuracy


def tfgnn(args):
    import os

    import numpy as np

    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    tf = turns.tensorflow(args.threads)
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

    def encode(graph):
        return activation(convolve(graph).node_sets["nodes"][tfgnn.HIDDEN_STATE])

    @tf.function(autograph=False)
    def step():
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

    def epochs(count):
        for _ in range(count):
            loss = step()
        return float(loss)

    epochs(args.train)
    split = saved["train"], saved["test"]
    return epochs, centroid_accuracy(encode(graph).numpy(), saved["labels"], *split)


def write_graph(args, path):
    """The graph in a file that needs no library of graphs to read."""
    import numpy as np
    import tensorflow as tf

    from cl_keras import data

    graph = data.load_planetoid(args.data, args.name)
    batch = next(iter(data.whole_graph(graph)))
    np.savez(
        path,
        features=tf.sparse.to_dense(batch["features"]).numpy(),
        edges=graph.edges,
        labels=graph.labels,
        train=graph.splits["train"],
        test=graph.splits["test"],
    )


def ours(args):
    tf = turns.tensorflow(args.threads)
    import keras

    from cl_keras import data, encoders, methods

    keras.utils.set_random_seed(0)
    graph = data.load_planetoid(args.data, args.name)
    whole = data.whole_graph(graph)
    if args.side == "limit":
        return limit(tf, next(iter(whole)), args.units), None
    encoder = encoders.gcn(graph.shape, units=args.units, sparse_features=True)
    model = methods.DeepGraphInfomax(encoder)
    model.compile(keras.optimizers.Adam(1e-3))

    def epochs(count):
        return model.fit(whole, epochs=count, verbose=0).history["loss"][-1]

    epochs(args.train)
    features = encoder.predict(whole, verbose=0)
    split = graph.splits["train"], graph.splits["test"]
    return epochs, centroid_accuracy(features, graph.labels, *split)


def limit(tf, batch, units):
    # TensorFlow's product of compressed rows: its other one is slower.
    from cl_keras.encoders.sparse_product import sparse_product

    features = batch["features"]
    edges = tf.cast(batch["edges"], tf.int64)
    nodes, width = features.shape
    adjacency = tf.SparseTensor(edges, tf.ones(len(edges)), (nodes, nodes))
    transposed = tf.sparse.transpose(features)
    kernel = tf.fill((width, units), 1e-3)

    @tf.function
    def products(kernel):
        # Each of the one before, so that none is left out as known already.
        hidden = sparse_product(features, kernel)
        for _ in range(4):  # Clean and corrupt, forward and backward.
            hidden = sparse_product(adjacency, hidden)
        return sparse_product(transposed, hidden)[0, 0]

    return lambda count: [float(products(kernel)) for _ in range(count)]


def main():
    parser = turns.parser(__doc__, rounds=5)
    parser.add_argument("--data", required=True, help="folder of the ind.* files")
    parser.add_argument("--tfgnn", help="Python with TensorFlow GNN and tf_keras")
    parser.add_argument("--graph", help="the graph for that side")
    parser.add_argument("--name", default="cora")
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=20, help="in a turn")
    parser.add_argument("--train", type=int, default=150, help="before the turns")
    args = parser.parse_args()
    if args.side:
        sides = {"pyg": pyg, "pyg_sparse": pyg, "tfgnn": tfgnn}
        epochs, accuracy = sides.get(args.side, ours)(args)
        epochs(2)
        facts = {} if accuracy is None else {"accuracy": accuracy}
        turns.answer(
            lambda: epochs(args.epochs), **facts, peak_mb=round(turns.peak_mb())
        )
        return
    sides = dict.fromkeys(("cl_keras", "limit"), sys.executable)
    if args.peer:
        sides |= dict.fromkeys(("pyg", "pyg_sparse"), args.peer)
    names = ("data", "name", "units", "epochs", "train", "threads")
    settings = {name: getattr(args, name) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        if args.tfgnn:
            sides["tfgnn"] = args.tfgnn
            settings["graph"] = str(Path(folder) / "graph.npz")
            write_graph(args, settings["graph"])
        results = turns.compare(sides, settings, args.rounds)
    for result in results.values():
        result["epoch_ms"] = round(1000 * result["seconds"] / args.epochs, 1)
    ratios = {"share_of_limit": turns.ratio(results, "limit", "cl_keras")}
    for peer in (side for side in sides if side not in ("cl_keras", "limit")):
        ratios[f"time_of_{peer}"] = turns.ratio(results, "cl_keras", peer)
    settings = {k: v for k, v in settings.items() if k not in ("data", "graph")}
    turns.report("dgi_epoch", settings, results, ratios)


if __name__ == "__main__":
    main()
