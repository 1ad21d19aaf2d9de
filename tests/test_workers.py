# SPDX-License-Identifier: Apache-2.0
"""Who takes part in a training, and what is said when somebody is lost."""

import json

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import workers
from cl_keras.workers import Cluster, Team, WorkerLost

TWO = Cluster(("a:1", "b:2"), task=1)


def test_options_and_tf_config_say_the_same():
    parsed = Cluster.parse("a:1, b:2", 1, {})
    assert parsed == TWO and not parsed.is_chief
    assert Cluster.parse(environ={"TF_CONFIG": TWO.tf_config()}) == TWO
    # Options go before the environment.
    alone = {"TF_CONFIG": Cluster(("c:3",)).tf_config()}
    assert Cluster.parse("a:1,b:2", 1, alone) == TWO
    assert Cluster.parse(environ={}) is None


def test_a_chief_of_tf_config_is_worker_0():
    spec = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}

    def cluster(kind, index):
        task = {"type": kind, "index": index}
        text = json.dumps({"cluster": spec, "task": task})
        return Cluster.parse(environ={"TF_CONFIG": text})

    assert cluster("chief", 0) == Cluster(("a:1", "b:2", "c:3"), 0)
    assert cluster("worker", 1) == Cluster(("a:1", "b:2", "c:3"), 2)


@pytest.mark.parametrize(
    "workers, task, message",
    [
        ("a:1,b:2", None, "together"),
        (None, 0, "together"),
        ("a:1,b", 0, "host:port.*'b'"),
        ("a:1,b:99999", 0, "host:port"),
        ("a:1,a:1", 0, "its own"),
        ("a:1,b:2", 2, r"0\.\.1.*task=2"),
        ("a:1,b:2", -1, "task=-1"),
    ],
)
def test_bad_options(workers, task, message):
    with pytest.raises(ValueError, match=message):
        Cluster.parse(workers, task, {})


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "not understood"),
        ('{"cluster": {}}', "not understood"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "ps"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", '
            '"index": 0}}',
            "evaluator",
        ),
    ],
)
def test_bad_tf_config(text, message):
    with pytest.raises(ValueError, match=message):
        Cluster.parse(environ={"TF_CONFIG": text})


def test_the_lost_worker_is_named():
    text = (
        "Graph execution error:\n\nCollective ops is aborted by: Error reported from "
        "/job:worker/task:0: The following tasks are unhealthy (stopped sending "
        "heartbeats):\n/job:worker/replica:0/task:0\nThe tasks have crashed."
    )
    with pytest.raises(WorkerLost, match=r"worker 0 \(a:1\).*do this\n.*heartbeats"):
        with workers.losses_explained(TWO, lambda: "do this"):
            raise tf.errors.UnavailableError(None, None, text)


def test_other_errors_stay_what_they_are():
    for cluster, error in (
        (None, tf.errors.UnavailableError(None, None, "")),
        (TWO, ValueError("mine")),
        (TWO, tf.errors.InvalidArgumentError(None, None, "")),
    ):
        with pytest.raises(type(error)):
            with workers.losses_explained(cluster):
                raise error


def test_a_process_by_itself():
    assert workers.start().strategy is None
    assert workers.start(Cluster(("a:1",))).replicas == 1
    assert Team().all_say([1, 2]).tolist() == [[1, 2]]
    assert workers.own_share() == (0, 1)
    with pytest.raises(ValueError, match="at least one"):
        workers.start(devices=0)
    with pytest.raises(ValueError, match="one device a worker"):
        workers.start(TWO, devices=2)


def test_a_share_is_divided_among_the_devices_of_a_worker():
    class Strategy:
        """Stands for workers with two devices each, which one CPU cannot be."""

        class extended:  # noqa: N801
            worker_devices = ("GPU:0", "GPU:1")

        def distribute_datasets_from_function(self, make):
            return make(None)

    dataset = tf.data.Dataset.range(10).batch(5)
    team = Team(Strategy(), TWO)
    parts = [x.numpy().tolist() for x in team.batches(dataset)]
    assert parts == [[0, 1], [2, 3, 4], [5, 6], [7, 8, 9]]
    pairs = tf.data.Dataset.from_tensor_slices((np.arange(4), np.arange(4) * 2))
    first, second = next(iter(team.batches(pairs.batch(4))))
    assert first.numpy().tolist() == [0, 1] and second.numpy().tolist() == [0, 2]
