# SPDX-License-Identifier: Apache-2.0
"""The compact ResNet trained with all labels: a ceiling beside SimCLR's probes.

    python benchmarks/supervised.py --data cifar10 --epochs 10

`--data` holds `train/<class>/` and `test/<class>/` with images of 32x32. Crops and
flips as in SimCLR, a linear layer on the same features, AdamW with a cosine. Prints the
accuracy on the test images as one JSON line.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import simclr_settings

from cl_keras import augment, data, encoders


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder with train/ and test/")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--crop-from", type=float, default=0.5, help="share of area")
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    train, test = data.load_splits(f"folder:{args.data}")
    encoder = encoders.compact_resnet(
        train.shape, blocks=args.blocks, stages=args.stages
    )
    classes = len(train.class_names)
    model = keras.Sequential([encoder, keras.layers.Dense(classes)])
    steps = len(train) // args.batch
    model.compile(
        simclr_settings.optimizer(args, steps),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    view = augment.ImageView(
        size=train.shape[0], scale=(args.crop_from, 1.0), flip=0.5, jitter=0.0
    )
    batches = data.two_views(
        train.images,
        lambda images, seed: (view(images, seed),),
        args.batch,
        labels=train.labels,
        repeat=True,
    ).map(lambda views, labels: (views[0], labels))
    start = time.perf_counter()
    model.fit(batches, epochs=args.epochs, steps_per_epoch=steps, verbose=2)
    seconds = round(time.perf_counter() - start)
    logits = model.predict(data.batches(test), verbose=0)
    accuracy = round(float((logits.argmax(axis=1) == test.labels).mean()), 4)
    settings = {name: v for name, v in vars(args).items() if name != "data"}
    line = {"benchmark": "supervised", **settings, "accuracy": accuracy}
    print(json.dumps({**line, "seconds": seconds}))


if __name__ == "__main__":
    main()
