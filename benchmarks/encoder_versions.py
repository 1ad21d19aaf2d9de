# SPDX-License-Identifier: Apache-2.0
"""What `cl-keras compare-encoders` says of successors of one encoder.

    python benchmarks/encoder_versions.py --data digits --epochs 30

Trains SimCLR on the training part of the data and compares the encoder, on the test
part, with what a team may want to put in its place: the same weights in half precision;
the same run trained on for some epochs at a small learning rate; the same recipe with
another seed. `accuracy` is that of kNN in the index of the first encoder (training
part), with queries by the other one: what a user of the index would see. Prints a table
and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from cl_keras import augment, data, encoders, evaluate, methods, runs

_VIEWS = {"flip": 0.0, "grayscale": 0.0, "scale": (0.3, 1.0)}


def build(train: data.ImageData, seed: int) -> methods.SimCLR:
    keras.utils.set_random_seed(seed)
    encoder = encoders.compact_resnet(train.shape, width=16)
    return methods.SimCLR(encoder, temperature=0.2)


def fit(model: keras.Model, train: data.ImageData, epochs: int, rate: float) -> None:
    model.compile(keras.optimizers.AdamW(rate))
    views = augment.SimCLRImages(size=train.shape[0], **_VIEWS)
    pipeline = data.two_views(train, views, batch_size=128)
    model.fit(pipeline, epochs=epochs, verbose=0)


def in_bfloat16(encoder: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    copy = encoders.compact_resnet(shape, width=16)
    keras.mixed_precision.set_global_policy("float32")
    copy.set_weights(encoder.get_weights())
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("-k", type=int, default=10)
    args = parser.parse_args()
    train, test = data.load_splits(args.data, image_size=args.image_size)

    first = build(train, seed=0)
    fit(first, train, args.epochs, 1e-3)
    with tempfile.TemporaryDirectory() as scratch:
        files = {"itself": Path(scratch, "itself.keras")}
        first.encoder.save(files["itself"])

        def keep(name: str, encoder: keras.Model) -> None:
            files[name] = Path(scratch, f"{len(files)}.keras")
            encoder.save(files[name])

        keep("in bfloat16", in_bfloat16(first.encoder, train.shape))
        trained = 0
        for epochs in (1, 5, 20):
            fit(first, train, epochs - trained, 1e-4)
            trained = epochs
            keep(f"{epochs} more at 1e-4", first.encoder)
        fit(first, train, 5, 1e-3)
        keep("and 5 more at 1e-3", first.encoder)
        second = build(train, seed=1)
        fit(second, train, args.epochs, 1e-3)
        keep("another seed", second.encoder)
        rows = compare(files, train, test, Path(scratch), args.k)
    for row in rows:
        print(row)
    print(json.dumps({"data": args.data, "epochs": args.epochs, "rows": rows}))


def compare(
    files: dict[str, Path],
    train: data.ImageData,
    test: data.ImageData,
    scratch: Path,
    k: int,
) -> list[dict[str, object]]:
    images = scratch / "test.npz"
    np.savez(images, images=test.images)
    loaded = {name: keras.saving.load_model(path) for name, path in files.items()}
    index = evaluate.embed(loaded["itself"], train.images)
    rows = []
    for name, encoder in loaded.items():
        result = runs.compare_encoders(
            str(files["itself"]), str(files[name]), source=f"npz:{images}", k=k
        )
        measures = {x["name"]: round(x["value"], 3) for x in result["checks"]}
        queries = evaluate.embed(encoder, test.images)
        accuracy = evaluate.knn(index, train.labels, queries, test.labels, k=20)
        rows.append(
            {"encoder": name, **measures, "verdict": result["verdict"]}
            | {"accuracy": round(accuracy, 3)}
        )
    return rows


if __name__ == "__main__":
    main()
