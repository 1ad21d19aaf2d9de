# SPDX-License-Identifier: Apache-2.0
"""How time and memory grow: never as a matrix of all pairs.

    python -m pytest tests/test_growth.py --slow --long -rP

Every size is a process of its own: `python tests/test_growth.py SUBJECT SIZE` prints
its seconds, and the megabytes at its peak above what a tiny size needed.
"""

import functools
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
import pytest

SIZES = {"nt_xent": [8_192], "dgi": [20_000]}
LONG_SIZES = {
    "nt_xent": [256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536],
    "knn": [1_000, 10_000, 100_000, 1_000_000],
    "dgi": [1_000, 10_000, 20_000, 100_000, 1_000_000],
}
# Bytes of the matrix of both views, of queries and bank, of nodes and nodes.
MATRIX = {
    "nt_xent": lambda batch: 4 * (2 * batch) ** 2,
    "knn": lambda bank: 4 * 1_000 * bank,
    "dgi": lambda nodes: 4 * nodes**2,
}


def nt_xent(batch):
    """Forward and backward pass of views of 128 features."""
    import tensorflow as tf

    from cl_keras import losses

    views = tf.random.normal((2, batch, 128))

    @tf.function
    def gradient(view1, view2):
        with tf.GradientTape() as tape:
            tape.watch((view1, view2))
            loss = tf.reduce_mean(losses.nt_xent(view1, view2, 0.1))
        return tape.gradient(loss, (view1, view2))

    return lambda: gradient(views[0], views[1])[0].numpy()


def knn(bank, held):
    """1,000 queries of 128 features, k = 200, in a bank that is there before."""
    from cl_keras import evaluate

    rng = np.random.default_rng(0)
    rows = rng.standard_normal((held, 128), np.float32)
    labels = rng.integers(0, 10, len(rows))
    queries = rows[:1_000], labels[:1_000]
    return lambda: evaluate.knn(rows[:bank], labels[:bank], *queries, k=200)


def dgi(nodes):
    """A step on ten edges a node, their ends drawn by a power law; a GCN of 64."""
    import keras
    import tensorflow as tf

    from cl_keras import data, encoders, methods

    rng = np.random.default_rng(0)
    edges = (nodes * rng.random((5 * nodes, 2)) ** 2).astype(np.int64)
    edges = np.concatenate([edges, edges[:, ::-1]])
    features = rng.standard_normal((nodes, 64), np.float32)
    graph = data.GraphData("power law", features, edges)
    model = methods.DeepGraphInfomax(encoders.gcn(graph.shape, units=64))
    model.compile(keras.optimizers.Adam(1e-3))
    model.optimizer.build(model.trainable_variables)
    batch = next(iter(data.whole_graph(graph)))
    step = tf.function(model.train_step, autograph=False)
    return lambda: float(step(batch)["loss"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject", [*SIZES, pytest.param("knn", marks=pytest.mark.long)]
)
def test_no_matrix_of_all_pairs_is_held(subject, long):
    for size in (LONG_SIZES if long else SIZES)[subject]:
        done = subprocess.run(
            [sys.executable, __file__, subject, str(size)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        point = json.loads(done.stdout)
        print(f"{subject} {size:,}: {point['seconds']:.3g} s, {point['mb']:,.1f} MB")
        if (matrix := MATRIX[subject](size) / 2**20) > 1_000:
            assert point["mb"] < matrix / 4


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(subject, size):
    size = int(size)
    bank = functools.partial(knn, held=size)
    make = {"nt_xent": nt_xent, "knn": bank, "dgi": dgi}[subject]
    make(min(size, 64))()
    before, seconds = peak_mb(), []
    turn = make(size)
    # Of several seconds, the first turn's tracing is a small part.
    while len(seconds) < 3 and (not seconds or seconds[0] < 8):
        start = time.perf_counter()
        turn()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": min(seconds), "mb": peak_mb() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
