# SPDX-License-Identifier: Apache-2.0
"""Writes nt_xent.npz: values and gradients of lightly's NTXentLoss.

Run in an environment with lightly 1.6.0 and PyTorch (`make bench-peers`):
    .venv-peers/bin/python tests/golden/nt_xent.py
"""

from pathlib import Path

import numpy as np
import torch
from lightly.loss import NTXentLoss

CASES = {"even": (8, 16, 0.5), "odd": (13, 7, 0.1), "cold": (32, 24, 0.02)}

arrays = {}
for name, (batch, width, temperature) in CASES.items():
    rng = np.random.default_rng(batch)
    views = rng.standard_normal((2, batch, width)).astype(np.float32)
    z1, z2 = (torch.tensor(v, requires_grad=True) for v in views)
    loss = NTXentLoss(temperature=temperature)(z1, z2)
    loss.backward()
    arrays |= {
        f"{name}_view1": views[0],
        f"{name}_view2": views[1],
        f"{name}_temperature": np.float64(temperature),
        f"{name}_loss": np.float32(loss.item()),
        f"{name}_gradient1": z1.grad.numpy(),
        f"{name}_gradient2": z2.grad.numpy(),
    }
np.savez(Path(__file__).with_suffix(".npz"), **arrays)
