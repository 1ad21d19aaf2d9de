# SPDX-License-Identifier: Apache-2.0
"""The compact ResNet trained with all labels: a ceiling beside SimCLR's probes.

    python benchmarks/supervised.py --data cifar10 --stages 4 --epochs 10

`--data` holds `train/<class>/` and `test/<class>/` with images of 32x32. Crops and
flips as in SimCLR, a linear layer on the same features, AdamW with a cosine; scored on
the test images.
"""

from __future__ import annotations

import os
from typing import Any

import harness

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import simclr_settings

from cl_keras import augment, data, encoders

OPTIONS = {
    "data": harness.REQUIRED,
    "epochs": 10,
    "batch": 128,
    "learning_rate": 4e-3,
    "crop_from": 0.5,
    "blocks": 1,
    "stages": 3,
    "seed": 0,
}


def main() -> None:
    args = harness.parse(__doc__, OPTIONS)
    keras.utils.set_random_seed(args.seed)
    train, test = data.load_splits(f"folder:{args.data}")
    encoder = encoders.compact_resnet(
        train.shape, blocks=args.blocks, stages=args.stages
    )
    classifier = keras.layers.Dense(len(train.class_names))
    model = keras.Sequential([encoder, classifier])
    steps = len(train) // args.batch
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(simclr_settings.optimizer(args, steps), loss, metrics=["accuracy"])
    view = augment.ImageView(
        size=train.shape[0], scale=(args.crop_from, 1.0), flip=0.5, jitter=0.0
    )

    def one_view(images: Any, seed: Any) -> tuple[Any]:
        return (view(images, seed),)

    batches = data.two_views(
        train.images, one_view, args.batch, labels=train.labels, repeat=True
    ).map(lambda views, labels: (views[0], labels))
    model.fit(batches, epochs=args.epochs, steps_per_epoch=steps, verbose=2)
    logits = model.predict(data.batches(test), verbose=0)
    accuracy = (logits.argmax(axis=1) == test.labels).mean()
    harness.emit(args, {"accuracy": round(float(accuracy), 4)})


if __name__ == "__main__":
    main()
