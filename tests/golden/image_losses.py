# SPDX-License-Identifier: Apache-2.0
"""Writes image_losses.npz: values and gradients of lightly's losses of two views.

Run in an environment with lightly 1.6.0 and PyTorch (`make bench-peers`):
    .venv-peers/bin/python tests/golden/image_losses.py
"""

from pathlib import Path

import numpy as np
import torch
from lightly.loss import (
    BarlowTwinsLoss,
    DCLLoss,
    DCLWLoss,
    NegativeCosineSimilarity,
    NTXentLoss,
    VICRegLoss,
)


def moco(query, key):
    loss = NTXentLoss(temperature=0.2, memory_bank_size=(12, query.shape[1]))
    loss.memory_bank.bank = torch.nn.functional.normalize(QUEUE, dim=1)
    return loss(query, key)


LOSSES = {
    "barlow_twins": BarlowTwinsLoss(lambda_param=0.005),
    "vicreg": VICRegLoss(),
    "dcl": DCLLoss(temperature=0.1),
    "dclw": DCLWLoss(temperature=0.1, sigma=0.5),
    "cosine": NegativeCosineSimilarity(),
    "moco": moco,
}
rng = np.random.default_rng(0)
# More rows than dimensions, and fewer.
SIZES = {"tall": (16, 6), "wide": (5, 9)}

arrays = {}
for size, (batch, width) in SIZES.items():
    views = rng.standard_normal((2, batch, width)).astype(np.float32)
    queue = rng.standard_normal((12, width)).astype(np.float32)
    QUEUE = torch.tensor(queue)
    arrays |= {f"{size}_view1": views[0], f"{size}_view2": views[1]}
    arrays[f"{size}_queue"] = queue
    for name, loss in LOSSES.items():
        first, second = (torch.tensor(view, requires_grad=True) for view in views)
        value = loss(first, second)
        value.backward()
        arrays[f"{size}_{name}"] = np.float32(value.item())
        for number, view in enumerate((first, second), start=1):
            if view.grad is not None:
                arrays[f"{size}_{name}_gradient{number}"] = view.grad.numpy()
np.savez(Path(__file__).with_suffix(".npz"), **arrays)
