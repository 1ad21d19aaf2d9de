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
    "grace": [1_000, 10_000, 20_000, 100_000, 1_000_000],
    "queue": [1_000, 10_000, 100_000, 1_000_000],
    "swav": [100, 1_000, 10_000, 100_000],
}
# Bytes of the matrix of both views, of queries and bank, of nodes and nodes, of queries
# and keys. SwAV holds the scores of all views and prototypes.
MATRIX = {
    "nt_xent": lambda batch: 4 * (2 * batch) ** 2,
    "knn": lambda bank: 4 * 1_000 * bank,
    "dgi": lambda nodes: 4 * nodes**2,
    "grace": lambda nodes: 4 * nodes**2,
    "queue": lambda keys: 4 * 256 * keys,
    "swav": lambda prototypes: 0,
}


def nt_xent(batch):
    """Forward and backward pass of views of 128 features."""
    import tensorflow as tf

    from cl_keras import losses

    views = tf.random.normal((2, batch, 128))
    return gradient(lambda *pair: losses.nt_xent(*pair, 0.1), views[0], views[1])


def queue(keys):
    """Forward and backward pass of 256 queries of 128 features, and past keys."""
    import tensorflow as tf

    from cl_keras import losses

    views, past = tf.random.normal((2, 256, 128)), tf.random.normal((keys, 128))

    def loss(queries):
        return losses.info_nce(queries, views[1], 0.1, negatives=past, in_batch=False)

    return gradient(loss, views[0])


def swav(prototypes):
    """Forward and backward pass of two views of 256 rows and 128 features."""
    import tensorflow as tf

    from cl_keras import losses

    views = tf.math.l2_normalize(tf.random.normal((2, 256, 128)), -1)
    kernel = tf.math.l2_normalize(tf.random.normal((prototypes, 128)), -1)

    def loss(view1, view2, kernel):
        scores = [tf.matmul(view, kernel, transpose_b=True) for view in (view1, view2)]
        targets = [losses.sinkhorn(score) for score in scores]
        return losses.swapped_prediction(targets, scores, 0.1)

    return gradient(loss, views[0], views[1], kernel)


def gradient(loss, *inputs):
    """Computes the gradient of a loss by its first input, in a compiled step."""
    import tensorflow as tf

    @tf.function
    def step(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = tf.reduce_mean(loss(*inputs))
        return tape.gradient(value, inputs)

    return lambda: step(*inputs)[0].numpy()


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
    from cl_keras import methods

    return graph_step(methods.DeepGraphInfomax, nodes)


def grace(nodes):
    """The same of GRACE, whose loss compares 4,096 nodes of both views."""
    from cl_keras import methods

    return graph_step(functools.partial(methods.GRACE, sample=4_096), nodes)


def graph_step(method, nodes):
    import keras
    import tensorflow as tf

    from cl_keras import data, encoders

    rng = np.random.default_rng(0)
    edges = (nodes * rng.random((5 * nodes, 2)) ** 2).astype(np.int64)
    edges = np.concatenate([edges, edges[:, ::-1]])
    features = rng.standard_normal((nodes, 64), np.float32)
    graph = data.GraphData("power law", features, edges)
    model = method(encoders.gcn(graph.shape, units=64))
    model.compile(keras.optimizers.Adam(1e-3))
    model.optimizer.build(model.trainable_variables)
    batch = next(iter(data.whole_graph(graph)))
    step = tf.function(model.train_step, autograph=False)
    return lambda: float(step(batch)["loss"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject",
    [s if s in SIZES else pytest.param(s, marks=pytest.mark.long) for s in LONG_SIZES],
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
    subjects = {f.__name__: f for f in (nt_xent, dgi, grace, queue, swav)}
    make = {**subjects, "knn": functools.partial(knn, held=size)}[subject]
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
