# SPDX-License-Identifier: Apache-2.0
"""Deep Graph Infomax scored by its paper's protocol, over trainings of several seeds.

    for seed in 0 1 2 3 4 5 6 7 8 9; do
        cl-keras train --recipe dgi_gcn_cora --seed $seed --out runs/cora_$seed
    done
    python benchmarks/dgi_planetoid.py --runs runs/cora_*

A logistic regression as in the authors' code (Adam, 0.01, 100 steps, no penalty) on the
frozen features of the 140 or 120 public training nodes, scored on the 1,000 test nodes:
of the trained encoder, of the same with random weights, and of the nodes' own features.
The runs themselves are scored by `evaluate.linear_probe`, which standardises features
and chooses a penalty.
"""

from __future__ import annotations

import harness
import numpy as np

from cl_keras import data, evaluate, runs

STEPS, RATE = 100, 0.01


def accuracy(features: np.ndarray, graph: data.GraphData, seed: int) -> float:
    train, test = graph.splits["train"], graph.splits["test"]
    x, classes = features[train], int(graph.labels.max()) + 1
    truth = np.eye(classes)[graph.labels[train]]
    limit = (6.0 / (x.shape[1] + classes)) ** 0.5
    weights = np.random.default_rng(seed).uniform(-limit, limit, (x.shape[1], classes))
    parameters = [weights, np.zeros(classes)]
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    for step in range(1, STEPS + 1):
        logits = x @ parameters[0] + parameters[1]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        residual = (odds / odds.sum(axis=1, keepdims=True) - truth) / len(x)
        gradients = x.T @ residual, residual.sum(0)
        for p, m, v, g in zip(parameters, first, second, gradients, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            scale = np.sqrt(v / (1 - 0.999**step)) + 1e-8
            p -= RATE * (m / (1 - 0.9**step)) / scale
    predicted = np.argmax(features[test] @ parameters[0] + parameters[1], axis=1)
    return float(np.mean(predicted == graph.labels[test]))


def scores(run: str) -> dict[str, float]:
    encoder, facts = runs.load_encoder(run)
    graph, seed = data.load(facts["data"]), facts["seed"]
    whole = data.whole_graph(graph)
    features = {
        "dgi": encoder.predict(whole, verbose=0),
        "random_init": evaluate.random_encoder(encoder, seed).predict(whole, verbose=0),
        "raw": graph.features.toarray(),
    }
    return {name: accuracy(x, graph, seed) for name, x in features.items()}


def main() -> None:
    args = harness.parse(__doc__, {"runs": [harness.REQUIRED]})
    rows = [scores(run) for run in args.runs]
    result = {
        name: {
            "mean": round(float(np.mean([row[name] for row in rows])), 4),
            "deviation": round(float(np.std([row[name] for row in rows], ddof=1)), 4),
        }
        for name in rows[0]
    }
    harness.table(result)
    harness.emit(args, result | {"rows": rows}, without=["runs"])


if __name__ == "__main__":
    main()
