# SPDX-License-Identifier: Apache-2.0
"""Methods on nodes scored as their authors do, over trainings of several seeds.

    for seed in 0 1 2 3 4 5 6 7 8 9; do
        cl-keras train --recipe dgi_gcn_cora --seed $seed --out runs/cora_$seed
    done
    python benchmarks/planetoid_probe.py --runs runs/cora_*

A logistic regression as in the code of Deep Graph Infomax (Adam, 0.01, 100 steps, no
penalty) on the frozen features of the 140 or 120 public training nodes, scored on the
1,000 test nodes: of the trained encoder, of the same with random weights, and of the
nodes' own features. With `--choose` the step is that of the best accuracy on the 500
validation nodes: CCA-SSG's code takes `--steps 2000 --decay 1e-4 --choose` (Citeseer
1e-2). With `--part validation` the score is that of the validation nodes, by which
settings are chosen. The runs themselves are scored by `evaluate.linear_probe`, which
standardises features and chooses a penalty.
"""

from __future__ import annotations

import harness
import numpy as np

from cl_keras import data, evaluate, runs

RATE = 0.01


def accuracy(
    features: np.ndarray, graph: data.GraphData, seed: int, args: harness.Args
) -> float:
    train, classes = graph.splits["train"], int(graph.labels.max()) + 1
    x, truth = features[train], np.eye(classes)[graph.labels[train]]
    limit = (6.0 / (x.shape[1] + classes)) ** 0.5
    weights = np.random.default_rng(seed).uniform(-limit, limit, (x.shape[1], classes))
    parameters = [weights, np.zeros(classes)]
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))

    def share_right(part: str) -> float:
        nodes = graph.splits[part]
        predicted = np.argmax(features[nodes] @ parameters[0] + parameters[1], axis=1)
        return float(np.mean(predicted == graph.labels[nodes]))

    best, found = -1.0, 0.0
    for step in range(1, args.steps + 1):
        logits = x @ parameters[0] + parameters[1]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        residual = (odds / odds.sum(axis=1, keepdims=True) - truth) / len(x)
        gradients = x.T @ residual, residual.sum(0)
        for p, m, v, slope in zip(parameters, first, second, gradients, strict=True):
            g = slope + args.decay * p
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            scale = np.sqrt(v / (1 - 0.999**step)) + 1e-8
            p -= RATE * (m / (1 - 0.9**step)) / scale
        if args.choose and (chosen := share_right("validation")) > best:
            best, found = chosen, share_right(args.part)
    return found if args.choose else share_right(args.part)


def scores(run: str, args: harness.Args) -> dict[str, float]:
    encoder, facts = runs.load_encoder(run)
    graph, seed = data.load(facts["data"]), facts["seed"]
    whole = data.whole_graph(graph)
    features = {
        "trained": encoder.predict(whole, verbose=0),
        "random_init": evaluate.random_encoder(encoder, seed).predict(whole, verbose=0),
        "raw": graph.features.toarray(),
    }
    return {name: accuracy(x, graph, seed, args) for name, x in features.items()}


def main() -> None:
    args = harness.parse(
        __doc__,
        {
            "runs": [harness.REQUIRED],
            "steps": 100,
            "decay": 0.0,
            "choose": False,
            "part": "test",
        },
    )
    rows = [scores(run, args) for run in args.runs]
    result = harness.spread(rows)
    harness.table(result)
    harness.emit(args, result | {"rows": rows}, without=["runs"])


if __name__ == "__main__":
    main()
