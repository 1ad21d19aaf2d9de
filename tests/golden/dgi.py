# SPDX-License-Identifier: Apache-2.0
"""Writes dgi.npz: Deep Graph Infomax of PyTorch Geometric on a small graph.

Run in an environment with PyTorch Geometric 2.8 (`make bench-peers`):
    .venv-peers/bin/python tests/golden/dgi.py
"""

from pathlib import Path

import numpy as np
import torch
from torch_geometric.nn import DeepGraphInfomax, GCNConv

torch.manual_seed(0)
# A ring with two chords, each edge in both directions, and a node alone.
pairs = [(i, (i + 1) % 6) for i in range(6)] + [(0, 3), (1, 4)]
edges = torch.tensor(sorted({*pairs, *((b, a) for a, b in pairs)}))
features = torch.randn(7, 3)


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.activation = GCNConv(3, 4), torch.nn.PReLU()
        torch.nn.init.normal_(self.conv.bias)

    def forward(self, x, edge_index):
        return self.activation(self.conv(x, edge_index))


model = DeepGraphInfomax(
    4,
    Encoder(),
    summary=lambda z, *_: torch.sigmoid(z.mean(dim=0)),
    corruption=lambda x, edge_index: (torch.roll(x, 1, 0), edge_index),
)
loss = model.loss(*model(features, edges.T))
loss.backward()
arrays = {
    "features": features,
    "edges": edges.int(),
    "kernel": model.encoder.conv.lin.weight.T,
    "bias": model.encoder.conv.bias,
    "slope": model.encoder.activation.weight,
    "discriminator": model.weight,
    "embedding": model.encoder(features, edges.T),
    "loss": loss,
    "kernel_gradient": model.encoder.conv.lin.weight.grad.T,
    "discriminator_gradient": model.weight.grad,
}
np.savez_compressed(
    Path(__file__).with_suffix(".npz"),
    **{name: value.detach().numpy() for name, value in arrays.items()},
)
