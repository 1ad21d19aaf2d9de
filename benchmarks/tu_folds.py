# SPDX-License-Identifier: Apache-2.0
"""Methods on sets of graphs scored as their papers do, over trainings of several seeds.

    for seed in 0 1 2 3 4; do
        cl-keras train infograph --data tu:MUTAG.txt --seed $seed --out runs/mutag_$seed
    done
    python benchmarks/tu_folds.py --runs runs/mutag_*

Mean accuracy over ten folds of a support vector machine whose C is chosen on the
training part of each, on the sums of the frozen features of a graph's nodes,
standardised: of the trained encoder, of the same with random weights, and of the nodes'
own features.
"""

from __future__ import annotations

import harness
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from cl_keras import data, evaluate, runs

PENALTIES = [10.0**power for power in range(-2, 4)]


def accuracy(nodes: np.ndarray, graphs: data.GraphData, seed: int) -> float:
    sums = np.zeros((graphs.graphs, nodes.shape[1]))
    np.add.at(sums, graphs.graph_ids, nodes)
    machine = make_pipeline(StandardScaler(), SVC())
    chosen = GridSearchCV(machine, {"svc__C": PENALTIES}, cv=5)
    folds = StratifiedKFold(10, shuffle=True, random_state=seed)
    scores = cross_val_score(chosen, sums, graphs.graph_labels, cv=folds)
    return float(np.mean(scores))


def scores(run: str) -> dict[str, float]:
    encoder, facts = runs.load_encoder(run)
    graphs, seed = data.load(facts["data"]), facts["seed"]
    (batch,) = data.whole_graph(graphs)
    inputs = {name: batch[name] for name in ("features", "edges")}
    untrained = evaluate.random_encoder(encoder, seed)
    features = {
        "trained": encoder(inputs, training=False).numpy(),
        "random_init": untrained(inputs, training=False).numpy(),
        "raw": graphs.dense_features(),
    }
    return {name: accuracy(x, graphs, seed) for name, x in features.items()}


def main() -> None:
    args = harness.parse(__doc__, {"runs": [harness.REQUIRED]})
    rows = [scores(run) for run in args.runs]
    result = harness.spread(rows)
    harness.table(result)
    harness.emit(args, result | {"rows": rows}, without=["runs"])


if __name__ == "__main__":
    main()
