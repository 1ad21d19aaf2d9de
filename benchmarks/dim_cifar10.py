# SPDX-License-Identifier: Apache-2.0
"""Deep InfoMax on CIFAR-10: linear probe and kNN of the paper's three features.

    python benchmarks/dim_cifar10.py --data cifar10 --out dim --epochs 20
    python benchmarks/dim_cifar10.py --data cifar10 --out dim_g --global-only
    python benchmarks/dim_cifar10.py --data cifar10 --out ae --objective autoencoder

`--data` is a folder with `train/<class>/` and `test/<class>/` images of 32x32. The
encoder of the paper is trained without labels and without augmentation; then the last
convolution (4x4x256), the fully connected layer (1024) and the code (64) are frozen,
and a logistic regression and a kNN vote are fitted to `--labels` training images and
scored on all test images, beside the same of a random encoder. Run the command again
to go on where it stopped: the model is saved after each epoch under `--out`. Prints a
table on standard error and one JSON line on standard output, with the paper's
figures: after 1,000 epochs, and with a classifier of one hidden layer. The autoencoder
has the same encoder, optimizer and schedule (no published figure is printed for it).
`--jit-compile` compiles the step with XLA.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from cl_keras import data, encoders, evaluate, heads, methods

OBJECTIVES = ("info_nce", "jsd", "dv", "autoencoder")
FEATURES = {"conv": "conv3", "fc": "fc", "code": "code"}
# Hjelm et al. (2018), table 1: conv, fc, code.
PAPER = {
    "global": (0.5220, 0.5284, 0.4317),
    "dv": (0.7266, 0.7060, 0.6471),
    "jsd": (0.7325, 0.7362, 0.6696),
    "info_nce": (0.7521, 0.7557, 0.6913),
}


def build(args, steps):
    encoder = encoders.dim_conv((32, 32, 3))
    if args.objective == "autoencoder":
        decoder = heads.image_decoder(
            encoder.output_shape[-1], encoder.input_shape[1:], width=args.decoder_width
        )
        model = methods.Autoencoder(encoder, decoder)
    else:
        model = methods.DeepInfoMax(
            encoder,
            local_layer="conv2",
            objective=args.objective,
            local_weight=0.0 if args.global_only else 1.0,
            global_weight=1.0 if args.global_only else args.global_weight,
            prior_weight=args.prior_weight,
            critic=args.critic,
            width=args.width,
            locations=None if args.global_only else args.locations,
        )
    warmup = min(steps // 2, args.epochs * steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else args.learning_rate,
        decay_steps=args.epochs * steps - warmup,
        warmup_target=args.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    model.compile(keras.optimizers.Adam(schedule), jit_compile=args.jit_compile)
    return model


def train(args, train_set):
    """Trains, or goes on training, and returns the model and its epochs' logs."""
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    saved, log = out / "model.keras", out / "epochs.jsonl"
    scoring = ("out", "data", "labels", "neighbors", "no_random_init")
    facts = {k: v for k, v in vars(args).items() if k not in scoring}
    config = out / "config.json"
    if config.exists() and json.loads(config.read_text()) != facts:
        raise SystemExit(f"{out} holds a run with other settings: {config.read_text()}")
    config.write_text(json.dumps(facts))
    keras.utils.set_random_seed(args.seed)
    keras.mixed_precision.set_global_policy(args.precision)
    steps = len(train_set) // args.batch
    model = keras.saving.load_model(saved) if saved.exists() else build(args, steps)
    done = int(model.optimizer.iterations) // steps
    for epoch in range(done, args.epochs):
        # A seed of its own for each epoch: a resumed run sees the same order.
        batches = data.one_view(train_set, args.batch, seed=1000 * args.seed + epoch)
        start = time.perf_counter()
        history = model.fit(batches, epochs=1, verbose=0).history
        row = {"epoch": epoch + 1, "seconds": time.perf_counter() - start}
        row |= {name: float(values[-1]) for name, values in history.items()}
        if not np.isfinite(row["loss"]):
            raise SystemExit(f"The loss became {row['loss']} in epoch {epoch + 1}.")
        unfinished = out / "model.part.keras"
        model.save(unfinished)
        os.replace(unfinished, saved)
        with log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        text = "  ".join(f"{k} {v:.3f}" for k, v in row.items() if k != "epoch")
        print(f"epoch {epoch + 1}/{args.epochs}  {text}", file=sys.stderr, flush=True)
    return model, [json.loads(line) for line in log.read_text().splitlines()]


def inner(encoder, layer):
    values = keras.layers.Flatten(dtype="float32")(encoder.get_layer(layer).output)
    return keras.Model(encoder.inputs, values)


def score(args, model, train_set, test_set):
    order = np.random.default_rng(args.seed).permutation(len(train_set))
    rows = np.sort(order[: args.labels or None])
    result = {}
    encoders_by_suffix = {"": model.encoder}
    if not args.no_random_init:
        random = evaluate.random_encoder(model.encoder, args.seed)
        encoders_by_suffix["_random_init"] = random
    for suffix, encoder in encoders_by_suffix.items():
        for name, layer in FEATURES.items():
            features = inner(encoder, layer)
            sets = (
                evaluate.embed(features, train_set.images[rows]),
                train_set.labels[rows],
                evaluate.embed(features, test_set.images),
                test_set.labels,
            )
            result[f"linear_{name}{suffix}"] = evaluate.linear_probe(*sets)
            result[f"knn_{name}{suffix}"] = evaluate.knn(*sets, k=args.neighbors)
            print(
                f"{name:5}{suffix or ' trained':13}  "
                f"linear {result[f'linear_{name}{suffix}']:.4f}  "
                f"kNN {result[f'knn_{name}{suffix}']:.4f}",
                file=sys.stderr,
                flush=True,
            )
    return {key: round(value, 4) for key, value in result.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train/ and test/")
    parser.add_argument("--out", required=True, help="folder of the run")
    parser.add_argument("--objective", default="info_nce", choices=OBJECTIVES)
    parser.add_argument("--global-only", action="store_true")
    parser.add_argument("--global-weight", type=float, default=0.0)
    parser.add_argument("--prior-weight", type=float, default=0.0)
    parser.add_argument("--critic", default="dot", choices=["dot", "concat"])
    parser.add_argument("--width", type=int, default=512, help="2048 in the paper")
    parser.add_argument("--locations", type=int, help="drawn of 64 at each step")
    parser.add_argument("--decoder-width", type=int, default=32, help="autoencoder's")
    parser.add_argument("--epochs", type=int, default=20, help="1000 in the paper")
    parser.add_argument("--batch", type=int, default=128, help="64 in the paper")
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="paper: 1e-4")
    parser.add_argument("--jit-compile", action="store_true", help="compile with XLA")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--labels", type=int, default=0, help="for probes; 0 for all")
    parser.add_argument(
        "--no-random-init", action="store_true", help="it is the same for all runs"
    )
    parser.add_argument("--neighbors", type=int, default=200)
    args = parser.parse_args()
    train_set, test_set = data.load_splits(f"folder:{args.data}")
    model, epochs = train(args, train_set)
    scores = score(args, model, train_set, test_set)
    seconds = [row["seconds"] for row in epochs]
    paper = PAPER.get("global" if args.global_only else args.objective)
    result = {"benchmark": "dim_cifar10"} | vars(args)
    del result["data"], result["out"]
    result |= {
        "labels": args.labels or len(train_set),
        "train_images": len(train_set),
        "test_images": len(test_set),
        "seconds_per_epoch": round(float(np.median(seconds)), 1),
        "metrics": {k: round(v, 4) for k, v in epochs[-1].items() if k != "epoch"},
        **scores,
        "paper": dict(zip(FEATURES, paper, strict=True)) if paper else None,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
