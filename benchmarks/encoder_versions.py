# SPDX-License-Identifier: Apache-2.0
"""What `cl-keras compare-encoders` says of successors of one encoder.

    python benchmarks/encoder_versions.py --data digits --epochs 30

Trains SimCLR on the training part of the data and compares the encoder, on the test
part, with what a team may want to put in its place: the same weights in half precision;
the same run trained on for some epochs at a small learning rate; the same recipe with
another seed. `accuracy` is that of kNN in the index of the first encoder (training
part), with queries by the other one: what a user of the index would see.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import harness
import keras
import numpy as np

from cl_keras import augment, data, encoders, evaluate, methods, runs


def simclr(train: data.ImageData, seed: int) -> methods.SimCLR:
    keras.utils.set_random_seed(seed)
    encoder = encoders.compact_resnet(train.shape, width=16)
    return methods.SimCLR(encoder, temperature=0.2)


def fit(model: keras.Model, train: data.ImageData, epochs: int, rate: float) -> None:
    model.compile(keras.optimizers.AdamW(rate))
    views = augment.SimCLRImages(
        size=train.shape[0], flip=0.0, grayscale=0.0, scale=(0.3, 1.0)
    )
    pipeline = data.two_views(train, views, batch_size=128)
    model.fit(pipeline, epochs=epochs, verbose=0)


def in_bfloat16(encoder: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    copy = encoders.compact_resnet(shape, width=16)
    keras.mixed_precision.set_global_policy("float32")
    copy.set_weights(encoder.get_weights())
    return copy


def successors(train: data.ImageData, epochs: int) -> Iterator[tuple[str, keras.Model]]:
    """The first encoder, and what may take its place; each is changed afterwards."""
    first = simclr(train, seed=0)
    fit(first, train, epochs, 1e-3)
    yield "itself", first.encoder
    yield "in bfloat16", in_bfloat16(first.encoder, train.shape)
    for before, after in ((0, 1), (1, 5), (5, 20)):
        fit(first, train, after - before, 1e-4)
        yield f"{after} more at 1e-4", first.encoder
    fit(first, train, 5, 1e-3)
    yield "and 5 more at 1e-3", first.encoder
    second = simclr(train, seed=1)
    fit(second, train, epochs, 1e-3)
    yield "another seed", second.encoder


def compare(
    folder: str, train: data.ImageData, test: data.ImageData, args: harness.Args
) -> list[dict[str, Any]]:
    np.savez(f"{folder}/test.npz", images=test.images)
    rows: list[dict[str, Any]] = []
    for name, encoder in successors(train, args.epochs):
        if not rows:
            encoder.save(f"{folder}/first.keras")
            index = evaluate.embed(encoder, train.images)
        encoder.save(f"{folder}/other.keras")
        files = [f"{folder}/{file}.keras" for file in ("first", "other")]
        source = f"npz:{folder}/test.npz"
        result = runs.compare_encoders(*files, source=source, k=args.k)
        queries = evaluate.embed(encoder, test.images)
        accuracy = evaluate.knn(index, train.labels, queries, test.labels, k=20)
        row = {check["name"]: round(check["value"], 3) for check in result["checks"]}
        row |= {"verdict": result["verdict"], "accuracy": round(accuracy, 3)}
        harness.table({name: row})
        rows.append({"encoder": name, **row})
    return rows


def main() -> None:
    options = {"data": "digits", "epochs": 30, "image_size": 0, "k": 10}
    args = harness.parse(__doc__, options)
    parts = data.load_splits(args.data, image_size=args.image_size or None)
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(folder, *parts, args)
    harness.emit(args, {"rows": rows})


if __name__ == "__main__":
    main()
