# SPDX-License-Identifier: Apache-2.0
"""SimCLR end to end, JPEG in: `fit` against lightly with PyTorch, by turns.

    make bench-peers
    python benchmarks/simclr_fit.py --images cifar10/train \
        --peer .venv-peers/bin/python

Same network (compact ResNet and projection head), batch, optimizer (AdamW), views and
threads. A turn is a number of training steps, beginning with a pipeline that starts
anew (lightly's processes stay); images per second count each image once, though it
gives two views.

- `cl_keras`: `model.fit` on JPEGs decoded at their turn, metrics and all;
- `decoded`: the same on images decoded before, which is what `folder:` does;
- `bare`: forward and backward pass of encoder, head and loss and the update, on one
  batch made before: no pipeline, no metrics, no `fit`. The limit of both;
- `lightly`: its transform and loss in a plain PyTorch loop, with as many loader
  processes as `--loaders` says, under autocast unless `--precision` is float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import harness


def lightly(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    import torch
    import torch_side
    from lightly.loss import NTXentLoss

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    rows = range(args.steps * args.batch)
    loader = torch_side.two_views(args.images, rows, args.batch, args.loaders)
    encoder = torch_side.compact_resnet(blocks=args.blocks)
    model = torch.nn.Sequential(encoder, torch_side.projection_head(128))
    criterion = NTXentLoss(temperature=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-4)
    half = torch.autocast("cpu", torch.bfloat16, args.precision != "float32")

    def turn() -> float:
        for (view1, view2), *_ in loader:
            with half:
                rows = model(torch.cat([view1, view2]))
            loss = criterion(*rows.float().chunk(2))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    turn()
    return turn, {"parameters": torch_side.parameters(model)}


def ours(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    harness.tensorflow(args.threads)
    import keras

    from cl_keras import augment, data, encoders, methods

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(args.precision)
    encoder = encoders.compact_resnet(blocks=args.blocks)
    model = methods.SimCLR(encoder, temperature=0.2)
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-4))
    views = augment.SimCLRImages(size=32, blur=0.0)
    files = harness.jpeg_files(args.images, args.steps * args.batch)
    images = data.encoded_images(files, side=32)
    if args.side == "cl_keras":
        pipeline = data.encoded_two_views(images, views, args.batch)
    else:
        pipeline = data.two_views(images.pixels, views, args.batch)

    def turn() -> float:
        return model.fit(pipeline, verbose=0).history["loss"][0]

    if args.side == "bare":
        turn = bare(model, next(iter(pipeline)), args.steps)
    turn()
    sizes = [math.prod(w.shape) for w in model.trainable_variables]
    return turn, {"parameters": sum(sizes)}


def bare(model: Any, batch: Any, steps: int) -> Callable[[], float]:
    import tensorflow as tf

    from cl_keras import batch_norm, losses

    model.optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step(view1: Any, view2: Any) -> Any:
        with tf.GradientTape() as tape:
            with batch_norm.fused(model):
                features = model.encoder(tf.concat([view1, view2], 0), training=True)
                rows = model.projector(features, training=True)
            loss = tf.reduce_mean(losses.nt_xent(*tf.split(rows, 2), 0.2))
        variables = model.trainable_variables
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return lambda: float([step(*batch) for _ in range(steps)][-1])


if __name__ == "__main__":
    harness.compare(
        __doc__,
        {"cl_keras": ours, "decoded": ours, "bare": ours, "lightly": lightly},
        {
            "share_of_bare": ("bare", "cl_keras"),
            "decoded_share_of_bare": ("bare", "decoded"),
            "cl_keras_times_lightly": ("lightly", "cl_keras"),
            "decoded_times_lightly": ("lightly", "decoded"),
        },
        options={
            "images": harness.REQUIRED,
            "batch": 512,
            "steps": 16,
            "blocks": 2,
            "loaders": 2,
            "precision": "float32",
        },
        peers={"lightly": "peer"},
        each=lambda args, side: {
            "images_per_second": round(args.steps * args.batch / side["seconds"]),
        },
    )
