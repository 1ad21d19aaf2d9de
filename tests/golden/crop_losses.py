# SPDX-License-Identifier: Apache-2.0
"""Writes crop_losses.npz: values and gradients of lightly's losses of many views.

Run in an environment with lightly 1.6.0 and PyTorch (`make bench-peers`):
    .venv-peers/bin/python tests/golden/crop_losses.py
"""

from pathlib import Path
from unittest import mock

import numpy as np
import torch
from lightly.loss import DINOLoss, SwaVLoss
from lightly.loss.emp_ssl_loss import invariance_loss, tcr_loss
from lightly.loss.lejepa_loss import SIGReg, lejepa_invariance_loss
from lightly.loss.swav_loss import sinkhorn

rng = np.random.default_rng(0)
arrays = {}


def drawn(name, *shape):
    arrays[name] = rng.standard_normal(shape).astype(np.float32)
    return torch.tensor(arrays[name], requires_grad=True)


def kept(name, value, *inputs):
    arrays[name] = np.float32(value.item())
    for place, part in enumerate(inputs):
        (gradient,) = torch.autograd.grad(value, part, retain_graph=True)
        arrays[f"{name}_gradient{place}"] = gradient.numpy()


# Three views of 7 rows, as cosines with 5 prototypes.
scores = drawn("scores", 3, 7, 5)
queue = drawn("queue", 2, 6, 5)
cosines, past = torch.tanh(scores), torch.tanh(queue)
arrays["codes"] = sinkhorn(cosines[0]).numpy()
for name, queued in (("swav", None), ("swav_queue", list(past))):
    value = SwaVLoss()(list(cosines[:2]), [cosines[2]], queued)
    kept(name, value.sum(), scores)

targets, center = drawn("targets", 2, 7, 5), drawn("center", 5)
dino = DINOLoss(output_dim=5)
dino.center.data = center.detach()[None, None]
kept("dino", dino(list(targets), list(scores)), scores)
arrays["dino_center"] = dino.center.data.numpy().reshape(5)

# More rows than dimensions, and fewer.
for size, (rows, width) in {"tall": (9, 4), "wide": (4, 6)}.items():
    views = drawn(f"{size}_views", 3, rows, width)
    unit = torch.nn.functional.normalize(views, dim=-1)
    kept(f"{size}_rate", tcr_loss(unit, eps=0.2), views)
    kept(f"{size}_cosine", invariance_loss(unit), views)

directions = drawn("directions", 4, 11).detach()
directions /= directions.norm(dim=0)
views = drawn("views", 3, 9, 4)
regularizer = SIGReg(num_vectors=11)
with mock.patch.object(SIGReg, "_generate_unit_vectors", return_value=directions):
    kept("sigreg", regularizer(views), views)
distance = lejepa_invariance_loss(all_proj=views, global_proj=views[:2])
kept("lejepa_invariance", distance, views)
np.savez(Path(__file__).with_suffix(".npz"), **arrays)
