# SPDX-License-Identifier: Apache-2.0
"""Trains methods for a few steps, one after another, on the same R devices.

    python tests/replicas.py 2 [--workers=host:port,host:port --task=0]

Each line of standard input is one training; each answer is a JSON line, its history:

    simclr weights.npz [--batch=32] [--rows=64] [--clip=1] [--epochs=3]
        [--steps-per-execution=1] [--precision=float32] [--micro-batch=2]
        [--batches=8,6] [--two-rates] [--stop-gradient] [--local-scale] [--late-clip]

With `--batches`, an epoch has batches of these sizes, and evaluation and prediction
follow the training: the former on the batches in reverse order, as validation.

The method's model and data are those of `tests/replica_cases/<method>.py`, or, of two
views or of graphs, of `two_views.py` or `graphs.py` there. Each number of replicas
needs a process of its own: TensorFlow keeps its collective groups for the life of one.
With workers, this is one of them, and R is 1.
"""

import argparse
import contextlib
import functools
import importlib
import json
import os
import shlex
import sys
import time
from unittest import mock

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from replica_cases import graphs, two_views

from cl_keras import distribute, workers

process = argparse.ArgumentParser()
process.add_argument("replicas", type=int)
process.add_argument("--workers")
process.add_argument("--task", type=int)

training = argparse.ArgumentParser()
training.add_argument("method")
training.add_argument("out")
training.add_argument("--batch", type=int, default=32)
training.add_argument("--rows", type=int)
training.add_argument("--batches", type=lambda x: [int(n) for n in x.split(",")])
training.add_argument("--micro-batch", type=int)
training.add_argument("--clip", type=float)
training.add_argument("--epochs", type=int, default=3)
training.add_argument("--steps-per-execution", type=int, default=1)
training.add_argument("--precision", default="float32")
training.add_argument("--two-rates", action="store_true")
training.add_argument("--stop-gradient", action="store_true")
training.add_argument("--local-scale", action="store_true")
training.add_argument("--late-clip", action="store_true")


@contextlib.contextmanager
def broken(given):
    """The faults that a negative control asks for."""
    gather, total = distribute.all_gather, distribute.all_sum

    def own_gradient(values):
        """Rows of other replicas get no gradient, as where they are only copied."""
        everyone = gather(values)
        if not everyone.dtype.is_floating:
            return everyone
        count = tf.shape(values)[0]
        start = tf.reduce_sum(gather(count[tf.newaxis])[: distribute.replica_id()])
        after = tf.shape(everyone)[0] - start - count
        pads = [[start, after]] + [[0, 0]] * (everyone.shape.rank - 1)
        own = tf.pad(values - tf.stop_gradient(values), pads)
        return tf.stop_gradient(everyone) + own

    def own_gradient_of_sum(value):
        return value + tf.stop_gradient(total(value) - value)

    faults = {}
    if given.stop_gradient:
        faults["all_gather"] = own_gradient
        faults["all_sum"] = own_gradient_of_sum
    if given.local_scale:
        faults["replica_share"] = tf.reduce_mean
    if given.late_clip:
        faults["apply_gradients"] = lambda optimizer, *pairs: optimizer.apply(*pairs)
    with contextlib.ExitStack() as stack:
        for name, fault in faults.items():
            stack.enter_context(mock.patch.object(distribute, name, fault))
        yield


def load_case(method):
    """What makes a method's model, and what its batches."""
    for case, fits in (
        (two_views, two_views.is_of_views),
        (graphs, graphs.is_of_graphs),
    ):
        if fits(method):
            parts = case.make, case.batches
            return tuple(functools.partial(part, method) for part in parts)
    case = importlib.import_module(f"replica_cases.{method}")
    return case.make, case.batches


def two_rates(model):
    """An optimizer of its own for the projector."""
    first, second = keras.optimizers.SGD(0.03, momentum=0.9), keras.optimizers.SGD(0.01)
    projector = {variable.path for variable in model.projector.trainable_variables}
    return keras.optimizers.MultiOptimizer(
        lambda variable: second if variable.path in projector else first
    )


def of_sizes(rows, sizes):
    parts, first = [], 0
    for size in sizes:
        parts.append(rows.skip(first).take(size).batch(size))
        first += size
    joined = functools.reduce(lambda one, other: one.concatenate(other), parts)
    return joined.apply(tf.data.experimental.assert_cardinality(len(sizes)))


def train(team, given):
    make, batches = load_case(given.method)
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(given.precision)
    with team.scope():
        model = make()
        model.micro_batch = given.micro_batch
        if given.two_rates:
            model.compile(two_rates(model))
    # Loss scaling wraps the optimizer that clips.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    optimizer.global_clipnorm = given.clip
    model.steps_per_execution = given.steps_per_execution
    data = batches(given.batch)
    if given.rows:
        data = data.unbatch().take(given.rows).batch(given.batch)
    options = {}
    if given.batches:
        rows = data.unbatch()
        data = of_sizes(rows, given.batches)
        options["validation_data"] = of_sizes(rows, given.batches[::-1])
    start = time.perf_counter()
    history = model.fit(data, epochs=given.epochs, verbose=0, **options).history
    seconds = time.perf_counter() - start
    results = model.get_weights()
    # Graph encoders take no stacked graphs.
    if given.batches and not graphs.is_of_graphs(given.method):
        inputs = data.map(lambda *parts: tf.nest.flatten(parts)[0])
        results.append(model.predict(inputs, verbose=0))
    np.savez(given.out, *results)
    return {"seconds": seconds, **history}


def main():
    given = process.parse_args()
    cluster = workers.Cluster.parse(given.workers, given.task)
    team = workers.start(cluster, given.replicas)
    for line in sys.stdin:
        case = training.parse_args(shlex.split(line))
        with broken(case):
            print(json.dumps(train(team, case)), flush=True)


if __name__ == "__main__":
    main()
