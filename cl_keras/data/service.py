# SPDX-License-Identifier: Apache-2.0
"""Pipelines that run on other machines: the client's side of tf.data service."""

from __future__ import annotations

import socket

import tensorflow as tf

from cl_keras.address import split_address
from cl_keras.registry import unknown
from cl_keras.untuned import ahead

SHARDING = ("dynamic", "off")
SCHEME = "grpc://"


def distribute(
    dataset: tf.data.Dataset,
    service: str,
    *,
    sharding: str = "dynamic",
    job_name: str | None = None,
) -> tf.data.Dataset:
    """Runs a pipeline on the workers of a tf.data service, instead of here.

    With `"dynamic"` sharding the dispatcher hands out pieces of the pipeline's source
    as workers ask for them: each example comes exactly once, in an order that depends
    on who is faster. Of the pipelines of this package with `repeat=True` the pieces
    are runs of 16 steps: each step's batch is the one that it would be without the
    service, and comes once, within a few runs of its turn. So epochs overlap by a few
    steps, and a training that is started again at step n may see a few batches near
    n twice or not at all: results are not those of another run bit by bit. A worker
    that dies takes the piece along that it had.

    With `"off"` every worker runs all of the pipeline. That is for pipelines that
    draw other random numbers each time they are run. Those of this package do not:
    each example would come once from each worker.

    Args:
        dataset: The pipeline. Its operations are sent to the workers: files must be
            where the workers find them, and arrays in it are sent along (2 GiB at the
            most; of packed records, use `record_images(..., mapped=False)`).
        service: The dispatcher, as `"grpc://host:port"`.
        sharding: `"dynamic"` or `"off"`.
        job_name: Programs that give the same name share one pass over the pipeline:
            each example goes to one of them. If None, each pass is a job of its own.

    Returns:
        A dataset of the same elements.

    Raises:
        ValueError: If an argument is not as above, or the pipeline is one of this
            package without `repeat`, whose order a service cannot share out.

    Example:
    >>> views = data.two_views(images, views, 256, repeat=True)  # doctest: +SKIP
    >>> views = data.distribute(views, "grpc://dispatcher:5050")  # doctest: +SKIP
    >>> model.fit(views, steps_per_epoch=195, epochs=10)  # doctest: +SKIP
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise TypeError(
            f"Expected a tf.data.Dataset. Received: {type(dataset).__name__}"
        )
    _address(service)
    if sharding not in SHARDING:
        raise unknown("sharding", sharding, SHARDING)
    if sharding == "dynamic" and _draws_its_order(dataset):
        raise ValueError(
            "Expected a pipeline with repeat=True: without, each worker would draw an "
            "order of its own and go through all examples. Received: one without"
        )
    modes = tf.data.experimental.service.ShardingPolicy
    found = dataset.apply(
        tf.data.experimental.service.distribute(
            processing_mode=modes.DYNAMIC if sharding == "dynamic" else modes.OFF,
            service=service,
            job_name=job_name,
        )
    )
    return ahead(found)


def check_reachable(service: str, timeout: float = 5.0) -> None:
    """Checks that something listens at a dispatcher's address.

    A pipeline would wait for one that is not there, without a word.
    """
    host, port = _address(service)
    try:
        socket.create_connection((host.strip("[]"), port), timeout).close()
    except OSError as error:
        raise ValueError(
            f"Expected a dispatcher at {service}; start one by cl-keras data-service. "
            f"Received: {error}"
        ) from error


def _address(service: str) -> tuple[str, int]:
    address = split_address(service.removeprefix(SCHEME))
    if address is None or not service.startswith(SCHEME):
        raise ValueError(
            f"Expected a service as grpc://host:port. Received: {service!r}"
        )
    return address


def _draws_its_order(dataset: tf.data.Dataset) -> bool:
    """Whether a pipeline begins with a random number that each pass draws anew."""
    # There is no public way to see what a dataset is made of.
    inputs = getattr(dataset, "_inputs", None)
    if inputs is None:
        return False
    if "Random" in type(dataset).__name__:
        return True
    return any(_draws_its_order(source) for source in inputs())
