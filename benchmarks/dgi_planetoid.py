# SPDX-License-Identifier: Apache-2.0
"""Deep Graph Infomax on Cora or Citeseer, with the paper's settings and protocol.

    python benchmarks/dgi_planetoid.py --data DATA/planetoid --name cora --seeds 10
    python benchmarks/dgi_planetoid.py --data DATA/planetoid --name citeseer

Each seed trains a one-layer GCN of 512 features (Adam, 1e-3; until the training loss
has not fallen for 20 epochs; best weights) without labels, and a logistic regression
on the frozen features of the 140 or 120 public training nodes (Adam, 0.01, 100 steps,
no penalty, as the authors' code), scored on the 1,000 test nodes. Beside it, by the
same regression: the GCN as it was initialised, and the node features themselves.
`probe` is `cl_keras.evaluate.linear_probe`, which standardises the features and
chooses a penalty on a fifth of the training nodes.

Prints a table and one JSON line. With `--out`, finished seeds are kept there and not
trained again.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

from cl_keras import data, encoders, evaluate, methods  # noqa: E402

# Veličković et al. (2019), table 2; Pubmed's hidden size is 256 there.
PUBLISHED = {
    "cora": (0.823, 0.006),
    "citeseer": (0.718, 0.007),
    "pubmed": (0.768, 0.006),
}
REGRESSION_STEPS, REGRESSION_RATE = 100, 0.01
KINDS = ("dgi", "random_init", "raw")


def regression_accuracy(features, graph, seed):
    """Test accuracy of the authors' logistic regression, in NumPy."""
    train, test = graph.splits["train"], graph.splits["test"]
    x, y = features[train], graph.labels[train]
    classes = int(graph.labels.max()) + 1
    limit = (6.0 / (x.shape[1] + classes)) ** 0.5
    random = np.random.default_rng(seed)
    weights = random.uniform(-limit, limit, (x.shape[1], classes))
    parameters = [weights, np.zeros(classes)]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    truth = np.eye(classes)[y]
    for step in range(1, REGRESSION_STEPS + 1):
        logits = x @ parameters[0] + parameters[1]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        residual = (odds / odds.sum(axis=1, keepdims=True) - truth) / len(x)
        for p, m, v, g in zip(
            parameters, first, second, (x.T @ residual, residual.sum(0)), strict=True
        ):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            scale = np.sqrt(v / (1 - 0.999**step)) + 1e-8
            p -= REGRESSION_RATE * (m / (1 - 0.9**step)) / scale
    found = np.argmax(features[test] @ parameters[0] + parameters[1], axis=1)
    return float(np.mean(found == graph.labels[test]))


def scores(features, graph, seed):
    train, test = graph.splits["train"], graph.splits["test"]
    return {
        "accuracy": regression_accuracy(features, graph, seed),
        "probe": evaluate.linear_probe(
            features[train],
            graph.labels[train],
            features[test],
            graph.labels[test],
            seed=seed,
        ),
    }


def run(graph, seed, args):
    keras.utils.set_random_seed(seed)
    encoder = encoders.gcn(graph.shape, units=args.units, sparse_features=True)
    model = methods.DeepGraphInfomax(encoder)
    model.compile(keras.optimizers.Adam(1e-3))
    whole = data.whole_graph(graph)
    result = {"seed": seed}
    result["random_init"] = scores(encoder.predict(whole, verbose=0), graph, seed)
    start = time.perf_counter()
    stop = keras.callbacks.EarlyStopping(
        "loss", mode="min", patience=args.patience, restore_best_weights=True
    )
    history = model.fit(whole, epochs=args.epochs, callbacks=[stop], verbose=0).history
    result["seconds"] = time.perf_counter() - start
    result["epochs"] = len(history["loss"])
    result["loss"] = min(history["loss"])
    result["dgi"] = scores(encoder.predict(whole, verbose=0), graph, seed)
    result["raw"] = scores(graph.features.toarray(), graph, seed)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the ind.* files")
    parser.add_argument("--name", default="cora", choices=PUBLISHED)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--units", type=int, default=512, help="256 for pubmed")
    parser.add_argument("--patience", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10_000, help="at most")
    parser.add_argument("--out", help="folder of finished seeds")
    args = parser.parse_args()
    graph = data.load_planetoid(args.data, args.name)
    runs = []
    for seed in range(args.seeds):
        name = f"{args.name}_{args.units}_{args.patience}_{args.epochs}_{seed}.json"
        kept = Path(args.out) / name if args.out else None
        if kept and kept.is_file():
            runs.append(json.loads(kept.read_text()))
        else:
            runs.append(run(graph, seed, args))
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(runs[-1]))
        last = runs[-1]
        print(
            f"seed {seed}: {last['dgi']['accuracy']:.3f} after {last['epochs']} epochs "
            f"and {last['seconds']:.1f} s",
            file=sys.stderr,
        )
    paper, paper_sd = PUBLISHED[args.name]
    result = {"benchmark": "dgi_planetoid", "data": f"planetoid:{args.name}"}
    result |= {"seeds": args.seeds, "published": paper, "published_sd": paper_sd}
    print(f"{'':12} {'accuracy':>16} {'probe':>16}", file=sys.stderr)
    for kind in KINDS:
        line = f"{kind:12}"
        for measure in ("accuracy", "probe"):
            values = [r[kind][measure] for r in runs]
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            result[f"{kind}_{measure}"] = round(float(np.mean(values)), 4)
            result[f"{kind}_{measure}_sd"] = round(deviation, 4)
            line += f" {np.mean(values):8.3f} ± {deviation:.3f}"
        print(line, file=sys.stderr)
    print(f"{'paper':12} {paper:8.3f} ± {paper_sd:.3f}", file=sys.stderr)
    for measure in ("seconds", "epochs"):
        values = [r[measure] for r in runs]
        result[measure] = round(float(np.mean(values)), 1)
        result[f"{measure}_most"] = round(float(np.max(values)), 1)
    result["accuracies"] = [r["dgi"]["accuracy"] for r in runs]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
