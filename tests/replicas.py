# SPDX-License-Identifier: Apache-2.0
"""Trains a method for a few steps on R devices; prints the history as JSON.

    python tests/replicas.py simclr 2 weights.npz [--batch=32] [--rows=64] [--clip=1]
        [--steps-per-execution=1] [--workers=host:port,host:port --task=0]
        [--precision=float32] [--stop-gradient] [--local-scale] [--late-clip]
        [--batches=8,6] [--micro-batch=2]

With `--batches`, an epoch has batches of these sizes, and evaluation and prediction
follow the training: the former on the batches in reverse order, as validation.

The method's model and data are those of `tests/replica_cases/<method>.py`. Each
number of replicas needs a process of its own: TensorFlow keeps its collective
groups for the life of one. With workers, this is one of them, and R is 1.
"""

import argparse
import functools
import importlib.util
import json
import os
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from cl_keras import distribute, workers

parser = argparse.ArgumentParser()
parser.add_argument("method")
parser.add_argument("replicas", type=int)
parser.add_argument("out")
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--rows", type=int)
parser.add_argument("--batches", type=lambda x: [int(n) for n in x.split(",")])
parser.add_argument("--micro-batch", type=int)
parser.add_argument("--clip", type=float)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--steps-per-execution", type=int, default=1)
parser.add_argument("--precision", default="float32")
parser.add_argument("--workers")
parser.add_argument("--task", type=int)
parser.add_argument("--stop-gradient", action="store_true")
parser.add_argument("--local-scale", action="store_true")
parser.add_argument("--late-clip", action="store_true")
given = parser.parse_args()

if given.stop_gradient:
    gather, total = distribute.all_gather, distribute.all_sum
    distribute.all_gather = lambda values: tf.stop_gradient(gather(values))
    distribute.all_sum = lambda value: tf.stop_gradient(total(value))
if given.local_scale:
    distribute.replica_share = tf.reduce_mean
if given.late_clip:
    distribute.apply_gradients = lambda optimizer, *pairs: optimizer.apply(*pairs)

path = Path(__file__).parent / "replica_cases" / f"{given.method}.py"
spec = importlib.util.spec_from_file_location(f"replica_case_{given.method}", path)
case = importlib.util.module_from_spec(spec)
spec.loader.exec_module(case)

team = workers.start(workers.Cluster.parse(given.workers, given.task), given.replicas)
keras.utils.set_random_seed(0)
keras.mixed_precision.set_global_policy(given.precision)
with team.scope():
    model = case.make()
    model.micro_batch = given.micro_batch
# Loss scaling wraps the optimizer that clips.
optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
optimizer.global_clipnorm = given.clip
model.steps_per_execution = given.steps_per_execution
data = case.batches(given.batch)
if given.rows:
    data = data.unbatch().take(given.rows).batch(given.batch)
options = {}
if given.batches:
    single = data.unbatch()

    def of_sizes(sizes):
        parts, first = [], 0
        for size in sizes:
            parts.append(single.skip(first).take(size).batch(size))
            first += size
        joined = functools.reduce(lambda one, other: one.concatenate(other), parts)
        return joined.apply(tf.data.experimental.assert_cardinality(len(sizes)))

    data = of_sizes(given.batches)
    options["validation_data"] = of_sizes(given.batches[::-1])
start = time.perf_counter()
history = model.fit(data, epochs=given.epochs, verbose=0, **options).history
results = model.get_weights()
if given.batches and given.method != "dgi":  # Its encoder takes no stacked graphs.
    inputs = data.map(lambda *parts: tf.nest.flatten(parts)[0])
    results.append(model.predict(inputs, verbose=0))
np.savez(given.out, *results)
print(json.dumps({"seconds": time.perf_counter() - start, **history}))
