# SPDX-License-Identifier: Apache-2.0
"""tf.data service with real processes: a dispatcher and two workers."""

import subprocess
import sys
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data
from cl_keras.data.order import RUN, row_batches
from cl_keras.runs.data_service import serve_worker

CLI = [sys.executable, "-m", "cl_keras.cli"]


@pytest.fixture(scope="module")
def service(data_service):
    with data_service(2) as address:
        yield address


def counted(dataset):
    return Counter(np.concatenate([np.ravel(x) for x in dataset.as_numpy_iterator()]))


@pytest.mark.slow
def test_each_example_once_in_every_epoch(service):
    numbers = tf.data.Dataset.range(1000).batch(4)
    dataset = data.distribute(numbers, service)
    for _ in range(3):
        assert counted(dataset) == Counter(range(1000))


@pytest.mark.slow
def test_without_sharding_once_from_each_worker(service):
    numbers = tf.data.Dataset.range(100)
    dataset = data.distribute(numbers.batch(4), service, sharding="off")
    assert counted(dataset) == Counter({number: 2 for number in range(100)})


@pytest.mark.slow
def test_programs_of_one_name_share_one_pass(service):
    numbers = tf.data.Dataset.range(400).batch(2)
    one, two = (
        iter(data.distribute(numbers, service, job_name="shared")) for _ in range(2)
    )
    seen = Counter()
    waiting = [one, two]
    while waiting:
        iterator = waiting.pop(0)
        batch = next(iterator, None)
        if batch is not None:
            seen.update(batch.numpy().tolist())
            waiting.append(iterator)
    assert seen == Counter(range(400))


@pytest.mark.slow
@pytest.mark.parametrize("begin", [0, 37])
def test_each_step_once_and_near_its_turn(service, begin):
    order = dict(shuffle=True, seed=3, drop_remainder=True, repeat=True, start=begin)
    steps = 200
    plain = row_batches(60, 6, **order).take(steps + 8 * RUN)
    expected = {tuple(seed.numpy()): (n, rows) for n, (rows, seed) in enumerate(plain)}
    dataset = data.distribute(row_batches(60, 6, **order), service)
    found = []
    for rows, seed in dataset.take(steps):
        number, wanted = expected[tuple(seed.numpy())]
        np.testing.assert_array_equal(rows, wanted)
        found.append(number)
    assert len(set(found)) == steps  # None twice.
    late = max(found) - steps
    # None is left out but those of the pieces that are under way at the end.
    assert set(range(steps - 8 * RUN)) <= set(found) and late <= 8 * RUN


@pytest.mark.slow
def test_views_are_made_there_as_they_would_be_here(service):
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), np.uint8)
    views = augment.SimCLRImages(size=8)
    pipeline = data.two_views(images, views, 8, repeat=True, seed=5)
    here = [np.stack([x.numpy() for x in pair]) for pair in pipeline.take(20)]
    for pair in data.distribute(pipeline, service).take(6):
        got = np.stack([view.numpy() for view in pair])
        assert min(np.abs(got - one).max() for one in here) < 1e-6


def test_what_is_refused(service):
    images = np.zeros((8, 8, 8, 3), np.uint8)
    once = data.two_views(images, augment.SimCLRImages(size=8), 4)
    with pytest.raises(ValueError, match="with repeat=True"):
        data.distribute(once, service)
    numbers = tf.data.Dataset.range(4)
    with pytest.raises(ValueError, match="Received: 'localhost:5050'"):
        data.distribute(numbers, "localhost:5050")
    with pytest.raises(ValueError, match="Unknown sharding 'dynamics'"):
        data.distribute(numbers, service, sharding="dynamics")
    with pytest.raises(TypeError, match="Received: list"):
        data.distribute([1, 2], service)
    with pytest.raises(ValueError, match="Received: 'nowhere'"):
        serve_worker("nowhere", ready=print)
    with pytest.raises(ValueError, match="Received: port=70000"):
        serve_worker("here:1", port=70_000, ready=print)


def test_a_port_that_is_taken_is_one_line(service):
    port = service.rpartition(":")[2]
    found = subprocess.run(
        [*CLI, "data-service", "--port", port],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 1 and found.stdout == ""
    assert f"Port {port} is taken" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.slow
def test_records_are_read_by_the_workers(service, tmp_path):
    for index in range(12):
        pixels = np.random.default_rng(index).integers(0, 256, (9, 9, 3), np.uint8)
        tf.io.write_file(
            str(tmp_path / "set" / f"{index:02d}.png"), tf.io.encode_png(pixels)
        )
    data.write_records(f"folder:{tmp_path / 'set'}", tmp_path / "p", shards=2)
    views = augment.SimCLRImages(size=8)
    images = data.record_images(tmp_path / "p", mapped=False)
    pipeline = data.encoded_two_views(images, views, 4, repeat=True, seed=5)
    here = [np.stack([x.numpy() for x in pair]) for pair in pipeline.take(20)]
    for pair in data.distribute(pipeline, service).take(4):
        got = np.stack([view.numpy() for view in pair])
        assert min(np.abs(got - one).max() for one in here) < 1e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_keras_trains_on_it(service):
    numbers = tf.data.Dataset.range(64).map(lambda n: (tf.ones(3), tf.ones(1)))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(data.distribute(numbers.batch(8), service), verbose=0, epochs=2)
    assert history.history["loss"][1] < history.history["loss"][0]
