# SPDX-License-Identifier: Apache-2.0
"""Accuracy by the minute: SimCLR on two cores, against lightly with PyTorch, by turns.

    make bench-peers
    python benchmarks/small_budget.py --images cifar10/train --minutes 30 \
        --out runs/small_budget --peer .venv-peers/bin/python

Every tenth image is held out. A turn is a sixth of the minutes of training, then the
features of the images are written; when all turns are done, a linear probe on the
features of the others is scored on those held out. Time is that of training alone.

- `lightly`: its transform, loader and loss, the compact ResNet in PyTorch, AdamW;
- `cl_keras`: the same network, batch, optimizer, views and rate by `model.fit`;
- `recipe`: network, optimizer and precision of `simclr_conv_cifar10`, at one view size.

Rates are constant after a warm-up: no side knows how long its budget is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness

RATE, BATCH, TURNS, LABELLED = 1e-3, 256, 6, 10_000
WARMUP_STEPS = 200
OPTIONS = {
    "images": harness.REQUIRED,
    "out": harness.REQUIRED,
    "minutes": 30.0,
    "blocks": 1,
    "loaders": 2,
    "precision": "mixed_bfloat16",
}


class Clock:
    """Ends a turn when its share of the minutes is over."""

    def __init__(self, args: harness.Args) -> None:
        self.seconds = 60 * args.minutes / TURNS
        self.end = 0.0

    def start(self) -> None:
        """Begins a turn."""
        self.end = time.monotonic() + self.seconds

    def over(self) -> bool:
        """Whether it is time to stop."""
        return time.monotonic() > self.end


def write(args: harness.Args, features: Any, images: int) -> None:
    """Adds the features of a turn to those of the turns before."""
    import numpy as np

    folder = Path(args.out) / args.side
    folder.mkdir(parents=True, exist_ok=True)
    turn = len(list(folder.glob("*.npz")))
    np.savez(folder / f"{turn:02}.npz", features=features, images=images)


def lightly(args: harness.Args) -> tuple[Callable[[], None], dict[str, Any]]:
    import torch
    import torch_side
    from lightly.loss import NTXentLoss
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import ToTensor

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    plain = ImageFolder(args.images, ToTensor())
    learned = [i for i in range(len(plain)) if i % 10]
    views = {"min_scale": 0.2, "cj_strength": 0.5}  # As those of the other sides.
    loader = torch_side.two_views(args.images, learned, BATCH, args.loaders, **views)
    encoder = torch_side.compact_resnet(blocks=args.blocks)
    model = torch.nn.Sequential(encoder, torch_side.projection_head(128))
    criterion, clock = NTXentLoss(temperature=0.2), Clock(args)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=1e-4)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 1e-3, 1.0, WARMUP_STEPS)
    half = torch.autocast("cpu", torch.bfloat16, args.precision != "float32")
    seen = 0

    def turn() -> None:
        nonlocal seen
        model.train()
        clock.start()
        while not clock.over():
            for (view1, view2), *_ in loader:
                with half:
                    rows = model(torch.cat([view1, view2]))
                loss = criterion(*rows.float().chunk(2))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                warmup.step()
                seen += len(view1)
                if clock.over():
                    break
        model.eval()
        batches = torch.utils.data.DataLoader(plain, 512, num_workers=args.loaders)
        with torch.no_grad():
            features = torch.cat([encoder(images) for images, _ in batches])
        write(args, features.numpy(), seen)

    return turn, {"side": args.side, "parameters": torch_side.parameters(model)}


def ours(args: harness.Args) -> tuple[Callable[[], None], dict[str, Any]]:
    harness.tensorflow(args.threads)
    import keras
    import numpy as np

    from cl_keras import augment, data, encoders, evaluate, methods, optimizers

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(args.precision)
    images = data.load(f"folder:{args.images}").images
    learned = images[np.arange(len(images)) % 10 > 0]
    views = augment.SimCLRImages(size=32, scale=(0.2, 1.0))
    batches = data.two_views(learned, views, BATCH, repeat=True)
    rate = RATE
    if args.side == "recipe":
        rate, encoder = 0.02, encoders.compact_conv(features=2048)
        encoders.whiten(encoder, images[:256])
        kind: Any = optimizers.Muon
    else:
        encoder = encoders.compact_resnet(blocks=args.blocks)
        kind = keras.optimizers.AdamW
    model, clock = methods.SimCLR(encoder, temperature=0.2), Clock(args)
    schedule = keras.optimizers.schedules.PolynomialDecay(
        1e-3 * rate, WARMUP_STEPS, rate
    )
    model.compile(kind(schedule, weight_decay=1e-4))

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = clock.over()

    def turn() -> None:
        clock.start()
        # Without end: the callback stops it.
        model.fit(batches, epochs=1, verbose=0, callbacks=[Stop()])
        seen = BATCH * int(model.optimizer.iterations.numpy())
        write(args, evaluate.embed(encoder, images), seen)

    sizes = [math.prod(w.shape) for w in model.trainable_variables]
    return turn, {"side": args.side, "parameters": sum(sizes)}


def scored(args: harness.Args, side: dict[str, Any]) -> dict[str, Any]:
    """Images and linear probe after each turn."""
    import numpy as np

    from cl_keras import evaluate

    labels = np.array([path.parent.name for path in harness.jpeg_files(args.images)])
    held = np.arange(len(labels)) % 10 == 0
    known = np.flatnonzero(~held)[:: max(1, (~held).sum() // LABELLED)]
    seen, linear = [], []
    for path in sorted((Path(args.out) / side["side"]).glob("*.npz")):
        found = np.load(path)
        x, seen = found["features"], [*seen, int(found["images"])]
        sets = x[known], labels[known], x[held], labels[held]
        linear.append(round(evaluate.linear_probe(*sets, regularization=100.0), 4))
    return {"images": seen, "linear": linear}


def draw(args: harness.Args, curves: dict[str, list[float]]) -> None:
    """One line a side: accuracy by the minute."""
    import matplotlib.pyplot as plt

    axes = plt.figure(figsize=(6, 4)).subplots()
    for side, linear in curves.items():
        minutes = [args.minutes * (i + 1) / TURNS for i in range(len(linear))]
        axes.plot(minutes, linear, marker="o", label=side)
    axes.set(xlabel="minutes of training", ylabel="linear probe, held-out images")
    axes.legend()
    axes.figure.savefig(Path(args.out) / "small_budget.png", dpi=150)


if __name__ == "__main__":
    curves: dict[str, list[float]] = {}

    def each(args: harness.Args, side: dict[str, Any]) -> dict[str, Any]:
        found = scored(args, side)
        curves[side["side"]] = found["linear"]
        draw(args, curves)
        return found

    harness.compare(
        __doc__,
        {"cl_keras": ours, "lightly": lightly, "recipe": ours},
        {},
        options=OPTIONS,
        rounds=TURNS,
        peers={"lightly": "peer"},
        each=each,
    )
