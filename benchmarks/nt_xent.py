# SPDX-License-Identifier: Apache-2.0
"""NT-Xent, forward and backward: cl_keras against lightly and solo-learn, by turns.

    make bench-peers
    python benchmarks/nt_xent.py --peer .venv-peers/bin/python --batch 4096

`plain` is the formula in TensorFlow with its matrix of similarities; `product` is one
full (2B, D) x (D, 2B) matrix product, what the machine can do at best. `extra_mb` is
the peak memory of a fresh process after one step, above what it needed for a tiny
batch.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness

TEMPERATURE = 0.1
RATIOS = {
    "products": ("cl_keras", "product"),
    "time_of_plain": ("cl_keras", "plain"),
    "memory_of_plain": ("cl_keras", "plain", "extra_mb"),
    "time_of_lightly": ("cl_keras", "lightly"),
    "memory_of_lightly": ("cl_keras", "lightly", "extra_mb"),
    "time_of_solo_learn": ("cl_keras", "solo_learn"),
    "memory_of_solo_learn": ("cl_keras", "solo_learn", "extra_mb"),
}


def lightly_loss() -> Callable[..., Any]:
    from lightly.loss import NTXentLoss

    return NTXentLoss(temperature=TEMPERATURE)


def solo_learn_loss() -> Callable[..., Any]:
    # The file by itself: the package would import all of PyTorch Lightning.
    package = importlib.util.find_spec("solo")
    if package is None:
        raise ModuleNotFoundError("No module named 'solo'")
    file = Path(package.submodule_search_locations[0], "losses", "simclr.py")
    spec = importlib.util.spec_from_file_location("simclr", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return functools.partial(module.simclr_loss_func, temperature=TEMPERATURE)


def theirs(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    import torch

    torch.set_num_threads(args.threads)
    loss = lightly_loss() if args.side == "lightly" else solo_learn_loss()

    def make(batch: int) -> Callable[[], float]:
        generator = torch.Generator().manual_seed(0)
        views = [
            torch.randn(batch, args.width, generator=generator).requires_grad_()
            for _ in range(2)
        ]

        def step() -> float:
            for view in views:
                view.grad = None
            value = loss(*views)
            value.backward()
            return value.item()

        return step

    return harness.with_memory(make, 64, args.batch)


def ours(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    tf = harness.tensorflow(args.threads)
    from cl_keras import losses

    def plain(view1: Any, view2: Any) -> Any:
        z = tf.math.l2_normalize(tf.concat([view1, view2], 0), -1)
        logits = tf.matmul(z, z, transpose_b=True) / TEMPERATURE
        count = tf.shape(z)[0]
        logits = tf.linalg.set_diag(logits, tf.fill([count], float("-inf")))
        positive = tf.math.floormod(tf.range(count) + count // 2, count)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(positive, logits)

    blocks = functools.partial(losses.nt_xent, temperature=TEMPERATURE)
    loss = plain if args.side == "plain" else blocks

    @tf.function
    def gradient(view1: Any, view2: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((view1, view2))
            value = tf.reduce_mean(loss(view1, view2))
        return value, tape.gradient(value, (view1, view2))

    @tf.function
    def product(view1: Any, view2: Any) -> Any:
        rows = tf.concat([view1, view2], 0)
        return tf.matmul(rows, rows, transpose_b=True)[0, 0], ()

    step = product if args.side == "product" else gradient

    def make(batch: int) -> Callable[[], float]:
        views = tf.random.stateless_normal((2, batch, args.width), (0, 1))
        return lambda: float(step(views[0], views[1])[0])

    return harness.with_memory(make, 64, args.batch)


if __name__ == "__main__":
    harness.compare(
        __doc__,
        dict.fromkeys(("cl_keras", "product", "plain"), ours)
        | dict.fromkeys(("lightly", "solo_learn"), theirs),
        RATIOS,
        options={"batch": 4096, "width": 128},
        rounds=9,
        peers=dict.fromkeys(("lightly", "solo_learn"), "peer"),
    )
