# SPDX-License-Identifier: Apache-2.0
"""Short SimCLR trainings on CIFAR-10, scored on training images that were held out.

    python benchmarks/simclr_settings.py --images cifar10/train
    python benchmarks/simclr_settings.py --images cifar10/train --batch 128 \
        --learning-rate 4e-3 --crop-from 0.2

How the settings of `simclr_compact_cifar10` were chosen. Every tenth image of the
training set is held out; the encoder learns from the others, without labels, and is
scored by a kNN vote (k=200) and a linear classifier (Adam, 12 epochs) of its features.
The test set is not touched. Prints one JSON line.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np

from cl_keras import augment, data, encoders, evaluate, heads, methods, optimizers


def optimizer(args, steps):
    """AdamW whose rate ends at zero after all steps."""
    rate = optimizers.WarmupCosine(
        args.learning_rate, args.epochs, steps, warmup_epochs=0.5
    )
    return optimizers.AdamW(rate, weight_decay=1e-4)


def train(images, args):
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


def linear(features, labels, held_features, held_labels):
    mean, scale = features.mean(0), features.std(0) + 1e-6
    classifier = keras.Sequential([keras.layers.Dense(int(labels.max()) + 1)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    x = (features - mean) / scale
    classifier.fit(x, labels, batch_size=512, epochs=12, verbose=0)
    held = (held_features - mean) / scale
    return classifier.evaluate(held, held_labels, verbose=0)[1]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", required=True, help="class folders of images")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--temperature", type=float, default=0.2)
    parser.add_argument("--crop-from", type=float, default=0.08, help="share of area")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--hidden", type=int, help="of the projector")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    whole = data.load(f"folder:{args.images}")
    images, labels = whole.images, whole.labels
    held = np.arange(len(images)) % 10 == 0
    start = time.perf_counter()
    encoder = train(images[~held], args)
    seconds = round(time.perf_counter() - start)
    features = evaluate.embed(encoder, images[~held])
    held_features = evaluate.embed(encoder, images[held])
    sets = (features, labels[~held], held_features, labels[held])
    keras.utils.set_random_seed(args.seed)
    scores = {
        "knn": round(float(evaluate.knn(*sets, k=min(200, len(features)))), 4),
        "linear": round(float(linear(*sets)), 4),
        "seconds": seconds,
    }
    settings = {name: v for name, v in vars(args).items() if name != "images"}
    print(json.dumps({"benchmark": "simclr_settings", **settings, **scores}))


if __name__ == "__main__":
    main()
