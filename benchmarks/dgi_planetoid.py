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
import keras
import numpy as np

from cl_keras import data, evaluate, runs


def accuracy(features: np.ndarray, graph: data.GraphData, seed: int) -> float:
    keras.utils.set_random_seed(seed)
    train, test = graph.splits["train"], graph.splits["test"]
    sets = features[train], graph.labels[train], features[test], graph.labels[test]
    return harness.linear_classifier(*sets, rate=0.01, batch=len(train), epochs=100)


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
