# SPDX-License-Identifier: Apache-2.0
"""Deep InfoMax on CIFAR-10: linear probe and kNN of the paper's three features.

    cl-keras train dim --data folder:cifar10 --epochs 8 --batch-size 128 \
        --learning-rate 1e-3 --warmup-epochs 0.5 --weight-decay 0 --jit-compile \
        --set width=256 --set locations=32 --out runs/dim --no-evaluate --no-draw
    python benchmarks/dim_cifar10.py --runs runs/dim

A logistic regression and a kNN vote on the frozen features of the last convolution
(4x4x256), the fully connected layer (1,024) and the code (64) of these runs' encoders,
fitted to `--labels` training images (0: all) and scored on all test images, beside the
same encoder with random weights.
"""

from __future__ import annotations

import harness
import keras
import numpy as np

from cl_keras import data, evaluate, runs

LAYERS = {"conv": "conv3", "fc": "fc", "code": "code"}


def scores(
    encoder: keras.Model, parts: tuple[data.ImageData, ...], args: harness.Args
) -> dict[str, float]:
    train, test = parts
    order = np.random.default_rng(0).permutation(len(train))
    rows = np.sort(order[: args.labels or None])
    result = {}
    for name, layer in LAYERS.items():
        values = keras.layers.Flatten(dtype="float32")(encoder.get_layer(layer).output)
        inner = keras.Model(encoder.inputs, values)
        sets = (
            evaluate.embed(inner, train.images[rows]),
            train.labels[rows],
            evaluate.embed(inner, test.images),
            test.labels,
        )
        result[f"linear_{name}"] = round(evaluate.linear_probe(*sets), 4)
        result[f"knn_{name}"] = round(evaluate.knn(*sets, k=args.neighbors), 4)
    return result


def main() -> None:
    options = {"runs": [harness.REQUIRED], "labels": 0, "neighbors": 200}
    args = harness.parse(__doc__, options)
    encoder, facts = runs.load_encoder(args.runs[0])
    parts = data.load_splits(facts["data"])
    named = {run: runs.load_encoder(run)[0] for run in args.runs}
    named["random weights"] = evaluate.random_encoder(encoder, facts["seed"])
    rows = {}
    for name, one in named.items():
        rows[name] = scores(one, parts, args)
        harness.table({name: rows[name]})
    harness.emit(args, {"rows": rows}, without=["runs"])


if __name__ == "__main__":
    main()
