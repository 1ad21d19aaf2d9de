# SPDX-License-Identifier: Apache-2.0
"""An epoch of GRACE or CCA-SSG on a citation graph, against PyTorch, by turns.

    make bench-peers
    python benchmarks/graph_views.py --data DATA/planetoid --method grace \
        --peer .venv-peers/bin/python

Both train a GCN of two layers with Adam at 1e-3 on two random views of the whole graph,
of the same shares of edges and features. `pytorch` does it as the authors' code does:
PyTorch Geometric's convolutions and `dropout_edge`, dense features, for GRACE whole
matrices of similarities. A turn is `--epochs` epochs; ours go through `fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import harness

# Features of the two layers, and shares of edges and of features that each view loses.
METHODS = {
    "grace": ((256, 128), (0.2, 0.4), (0.3, 0.4)),
    "cca_ssg": ((512, 512), (0.4, 0.4), (0.1, 0.1)),
}
TEMPERATURE, DECORRELATION = 0.4, 1e-3


def pytorch(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    import torch
    import torch_side
    from torch.nn import functional
    from torch_geometric.nn import GCNConv
    from torch_geometric.utils import dropout_edge

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    data = torch_side.planetoid(args.data, args.name)
    (first, last), edge_shares, feature_shares = METHODS[args.method]
    is_grace = args.method == "grace"
    layers = torch.nn.ModuleList([GCNConv(data.x.size(1), first), GCNConv(first, last)])
    head = torch.nn.Sequential(
        torch.nn.Linear(last, last), torch.nn.ELU(), torch.nn.Linear(last, last)
    )
    trained = [*layers.parameters(), *(head.parameters() if is_grace else ())]
    optimizer = torch.optim.Adam(trained, lr=1e-3)

    def encode(number: int) -> torch.Tensor:
        edges, _ = dropout_edge(data.edge_index, edge_shares[number])
        kept = torch.rand(data.x.size(1)) >= feature_shares[number]
        hidden = layers[0](data.x * kept, edges).relu()
        out = layers[1](hidden, edges)
        return out.relu() if is_grace else out

    def one_way(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        within = torch.exp(u @ u.T / TEMPERATURE)
        between = torch.exp(u @ v.T / TEMPERATURE)
        others = within.sum(1) + between.sum(1) - within.diag()
        return -torch.log(between.diag() / others)

    def loss() -> torch.Tensor:
        z1, z2 = encode(0), encode(1)
        if is_grace:
            u, v = functional.normalize(head(z1)), functional.normalize(head(z2))
            return 0.5 * (one_way(u, v) + one_way(v, u)).mean()
        z1, z2 = ((z - z.mean(0)) / z.std(0) for z in (z1, z2))
        nodes, one = len(z1), torch.eye(last)
        within = [((z.T @ z) / nodes - one).square().sum() for z in (z1, z2)]
        return -((z1.T @ z2) / nodes).trace() + DECORRELATION * sum(within)

    def turn() -> float:
        for _ in range(args.epochs):
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
        return value.item()

    turn()
    return turn, {"parameters": sum(p.numel() for p in trained)}


def ours(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    harness.tensorflow(args.threads)
    import keras

    from cl_keras import data, encoders, methods

    keras.utils.set_random_seed(0)
    graph = data.load_planetoid(args.data, args.name)
    whole = data.whole_graph(graph)
    units, edge_shares, feature_shares = METHODS[args.method]
    ends = {"activation": "relu"}
    if args.method == "cca_ssg":
        ends["last_activation"] = "linear"
    encoder = encoders.gcn(graph.shape, units, sparse_features=True, **ends)
    views: dict[str, Any] = {
        "drop_edges": edge_shares,
        "mask_features": feature_shares,
    }
    if args.method == "grace":
        model = methods.GRACE(encoder, temperature=TEMPERATURE, **views)
    else:
        model = methods.CCASSG(encoder, DECORRELATION, **views)
    model.compile(keras.optimizers.Adam(1e-3))

    def turn() -> float:
        return model.fit(whole, epochs=args.epochs, verbose=0).history["loss"][-1]

    turn()
    return turn, {
        "parameters": sum(math.prod(w.shape) for w in model.trainable_variables)
    }


if __name__ == "__main__":
    harness.compare(
        __doc__,
        {"cl_keras": ours, "pytorch": pytorch},
        {"time_of_pytorch": ("cl_keras", "pytorch")},
        options={
            "data": harness.REQUIRED,
            "name": "cora",
            "method": "grace",
            "epochs": 10,
        },
        peers={"pytorch": "peer"},
        each=lambda args, side: {
            "epoch_ms": round(1e3 * side["seconds"] / args.epochs, 1)
        },
    )
