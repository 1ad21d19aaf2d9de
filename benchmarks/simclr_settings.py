# SPDX-License-Identifier: Apache-2.0
"""Short SimCLR trainings on CIFAR-10, scored on training images that were held out.

    python benchmarks/simclr_settings.py --images cifar10/train
    python benchmarks/simclr_settings.py --images cifar10/train --batch 128 \
        --learning-rate 4e-3 --crop-from 0.2

How the settings of `simclr_compact_cifar10` were chosen. Every tenth image of the
training set is held out; the encoder learns from the others, without labels, and is
scored by a kNN vote (k=200) and a linear classifier (Adam, 12 epochs) of its features.
The test set is not touched. `--crop-from` is a share of the area.
"""

from __future__ import annotations

import os
import time
from typing import Any

import harness

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np

from cl_keras import augment, data, encoders, evaluate, heads, methods, optimizers

OPTIONS = {
    "images": harness.REQUIRED,
    "epochs": 2,
    "batch": 256,
    "learning_rate": 2e-3,
    "temperature": 0.2,
    "crop_from": 0.08,
    "width": 32,
    "blocks": 1,
    "stages": 3,
    "hidden": 0,
    "seed": 0,
}


def optimizer(args: harness.Args, steps: int) -> keras.optimizers.Optimizer:
    """AdamW whose rate ends at zero after all steps."""
    rate = optimizers.WarmupCosine(
        args.learning_rate, args.epochs, steps, warmup_epochs=0.5
    )
    return optimizers.AdamW(rate, weight_decay=1e-4)


def train(images: np.ndarray, args: harness.Args) -> keras.Model:
    encoder = encoders.compact_resnet(
        width=args.width, blocks=args.blocks, stages=args.stages
    )
    width = encoder.output_shape[-1]
    projector = heads.projection_head(width, hidden=args.hidden or width)
    model = methods.SimCLR(encoder, projector, temperature=args.temperature)
    steps = len(images) // args.batch
    model.compile(optimizer(args, steps))
    views = augment.SimCLRImages(size=32, scale=(args.crop_from, 1.0))
    batches = data.two_views(images, views, args.batch, repeat=True)
    model.fit(batches, steps_per_epoch=steps, epochs=args.epochs, verbose=0)
    return encoder


def linear(
    features: np.ndarray, labels: np.ndarray, held: np.ndarray, held_labels: np.ndarray
) -> float:
    mean, scale = features.mean(0), features.std(0) + 1e-6
    classifier = keras.Sequential([keras.layers.Dense(int(labels.max()) + 1)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    x = (features - mean) / scale
    classifier.fit(x, labels, batch_size=512, epochs=12, verbose=0)
    return classifier.evaluate((held - mean) / scale, held_labels, verbose=0)[1]


def main() -> None:
    args = harness.parse(__doc__, OPTIONS)
    keras.utils.set_random_seed(args.seed)
    whole = data.load(f"folder:{args.images}")
    held = np.arange(len(whole)) % 10 == 0
    start = time.perf_counter()
    encoder = train(whole.images[~held], args)
    seconds = round(time.perf_counter() - start)
    sets: list[Any] = []
    for rows in (~held, held):
        sets += [evaluate.embed(encoder, whole.images[rows]), whole.labels[rows]]
    keras.utils.set_random_seed(args.seed)
    scores = {
        "knn": round(evaluate.knn(*sets, k=200), 4),
        "linear": round(linear(*sets), 4),
        "seconds": seconds,
    }
    harness.emit(args, scores)


if __name__ == "__main__":
    main()
