# SPDX-License-Identifier: Apache-2.0
"""Every method on R devices against one.

All runs but the controls clip the gradient by its global norm, low enough to take
effect, and end each epoch with a batch that is neither full nor even, by default of 32
and then 21 rows.
"""

import functools

import numpy as np
import pytest
from replica_processes import Trainer

from cl_keras.methods import METHODS

pytestmark = pytest.mark.slow
# BYOL-A is BYOL with other views.
ONE_A_CLASS = {row.path: name for name, row in reversed(METHODS.items())}.values()
MODELS = {METHODS[name].model: name for name in ONE_A_CLASS}
# On more devices and on workers: one method of each base, where their steps differ.
ONE_A_BASE = {
    model.__bases__[0]: name
    for model, name in MODELS.items()
    if model.__bases__[0] not in MODELS
}.values()


@pytest.fixture(scope="module")
def trainers():
    """Processes by their devices and workers, started when first asked for."""
    started = {}

    def trainer(devices=1, workers=0):
        if (devices, workers) not in started:
            started[devices, workers] = Trainer(devices, workers)
        return started[devices, workers]

    yield trainer
    for one in started.values():
        one.close()


@pytest.fixture(scope="module")
def train(trainers):
    """What a method logs, and its weights, on so many devices of one process."""

    def run(method, devices, *options):
        ((history, weights),) = trainers(devices).train(method, *options)
        del history["seconds"]
        return history, weights

    return run


@pytest.fixture(scope="module")
def single(train):
    return functools.cache(lambda method, *options: train(method, 1, *options))


@pytest.fixture(scope="module")
def train_on_workers(trainers):
    def run(method, count, *options):
        results = trainers(workers=count).train(method, *options)
        for history, _ in results:
            del history["seconds"]
        return results

    return run


def difference(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


def same(several, one):
    for name, values in one[0].items():
        # RankMe drops singular values in the noise of float32, one by one.
        tolerance = 1e-2 if name == "rank_me" else 1e-5
        np.testing.assert_allclose(
            several[0][name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )
    largest = difference(several[1], one[1])
    print(f"largest difference of a weight: {largest:.0e}")
    assert largest < 1e-5


# Without clipping, which would hide a wrong scale.
UNCLIPPED = "--clip=1e6"


# What breaks a training on replicas: rows of others without their gradient, or, where
# none goes to them, the scale.
FAULTS = "--stop-gradient", "--local-scale"


@pytest.mark.parametrize("method", ONE_A_BASE)
def test_two_workers_compute_what_one_process_does(method, single, train_on_workers):
    for worker in train_on_workers(method, 2):
        same(worker, single(method))


def test_three_workers(single, train_on_workers):
    for worker in train_on_workers("simclr", 3):
        same(worker, single("simclr"))


# On two: 4 and 4 rows, then 3 and 3, then 2 and 1; backwards to validate. On four: 2
# rows each, then 2, 2, 2 and none, then 1, 1, 1 and none.
UNEVEN = ("--batches=8,6,3", "--batch=9", "--epochs=2")


@pytest.mark.parametrize("method", ONE_A_CLASS)
def test_replicas_compute_what_one_device_does(method, single, train):
    one, two = single(method, *UNEVEN), train(method, 2, *UNEVEN)
    assert {f"val_{name}" for name in one[0] if "val_" not in name} < set(one[0])
    same(two, one)


@pytest.mark.parametrize("method", ONE_A_BASE)
def test_four_replicas_and_some_without_rows(method, single, train):
    same(train(method, 4, *UNEVEN), single(method, *UNEVEN))


@pytest.mark.parametrize("method", ONE_A_CLASS)
def test_negative_control(method, single, train):
    # Were these equal too, the tests would be blind.
    right = single(method, UNCLIPPED)[1]
    assert not all(
        difference(train(method, 2, UNCLIPPED, fault)[1], right) < 1e-4
        for fault in FAULTS
    )


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(precision, train):
    options = f"--precision={precision}"
    one, two = (train("simclr", count, options) for count in (1, 2))
    # Half precision rounds sums of other orders to 1e-3 (float16) or 1e-2.
    np.testing.assert_allclose(two[0]["loss"], one[0]["loss"], rtol=1e-2)
    assert difference(two[1], one[1]) < 2e-3
    _, broken = train("simclr", 2, options, UNCLIPPED, "--stop-gradient")
    _, right = train("simclr", 1, options, UNCLIPPED)
    assert difference(broken, right) > 2 * difference(two[1], one[1])


def test_negative_control_of_clipping(single, train):
    # Keras clips each replica's own gradient, before it sums them.
    _, weights = train("simclr", 2, "--late-clip")
    assert difference(weights, single("simclr")[1]) > 1e-4


@pytest.mark.parametrize("count", [2, 4])
def test_an_optimizer_for_each_part(count, single, train):
    same(train("simclr", count, "--two-rates"), single("simclr", "--two-rates"))


def test_several_steps_an_execution(single, train, train_on_workers):
    # Two batches an epoch: the third step of the execution finds none.
    option = "--steps-per-execution=3"
    same(train("simclr", 2, option), single("simclr"))
    for worker in train_on_workers("simclr", 2, option):
        same(worker, single("simclr"))
