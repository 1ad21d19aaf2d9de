# SPDX-License-Identifier: Apache-2.0
"""What happens between replicas inside a training step.

Notation: R replicas hold b examples each, B = R * b together. The gradients of all
replicas are summed, so what is trained is the *sum* of the replicas' losses.
`replica_share` turns a local loss into this replica's part of the global mean, and
`all_gather` lets the gradient flow back to the replica a row came from: replica 1's
anchors push away the keys of replica 2, and replica 2 must feel it. With both, R
replicas compute exactly what one device computes on the whole batch. How replicas and
workers start is `cl_keras.workers`'s; no other module talks to `tf.distribute`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def num_replicas() -> int:
    """Returns R, the number of replicas that train in step, as a Python int.

    Example:
    >>> num_replicas()
    1
    """
    return tf.distribute.get_strategy().num_replicas_in_sync


def _context() -> tf.distribute.ReplicaContext | None:
    """The replica context if there is anyone to talk to, else None."""
    if num_replicas() == 1:
        return None
    context = tf.distribute.get_replica_context()
    if context is None:
        raise RuntimeError(
            "Collectives work inside `strategy.run` (that is, inside `fit`) only. "
            "Received: a call from cross-replica context."
        )
    return context


def replica_id() -> tf.Tensor:
    """Returns this replica's number in [0, R), int32 scalar.

    Example:
    >>> int(replica_id())
    0
    """
    context = _context()
    if context is None:
        return tf.constant(0)
    return tf.convert_to_tensor(context.replica_id_in_sync_group, tf.int32)


def all_gather(values: tf.Tensor) -> tf.Tensor:
    """Joins the rows of all replicas, in replica order, with gradient.

    The backward pass sums the gradients that all replicas have for a row and
    hands the sum to the replica that the row came from. Replicas may hold
    different numbers of rows.

    Args:
        values: (b, ...) tensor.

    Returns:
        (B, ...) tensor, the same on every replica; `values` itself if R is 1.

    Example:
    >>> all_gather(tf.ones((2, 3))).shape
    TensorShape([2, 3])
    """
    context = _context()
    if context is None:
        return values
    dtype = values.dtype
    if dtype == tf.bfloat16:  # Which the collective does not take.
        values = tf.cast(values, tf.float32)
    gathered = context.all_gather(values, axis=0)
    gathered = tf.cast(gathered, dtype)
    # The collective forgets the static shape of a row.
    return tf.ensure_shape(gathered, [None, *values.shape[1:]])


def all_sum(value: tf.Tensor) -> tf.Tensor:
    """Sums a tensor of equal shape over all replicas, with gradient.

    Args:
        value: Tensor of any shape, the same shape on every replica.

    Returns:
        Their sum, the same on every replica.

    Example:
    >>> float(all_sum(tf.constant(2.0)))
    2.0
    """
    context = _context()
    if context is None:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def row_offset(rows: tf.Tensor) -> tf.Tensor:
    """Returns where this replica's rows begin in the gathered batch.

    Args:
        rows: b, the int32 number of rows here. It may differ between replicas.

    Returns:
        int32 scalar.

    Example:
    >>> int(row_offset(tf.constant(8)))
    0
    """
    if num_replicas() == 1:
        return tf.constant(0)
    sizes = all_gather(rows[tf.newaxis])
    return tf.reduce_sum(sizes[: replica_id()])


def row_numbers(values: tf.Tensor) -> tf.Tensor:
    """Numbers this replica's rows as they lie in the gathered batch.

    Args:
        values: (b, ...) tensor.

    Returns:
        (b,) int32.

    Example:
    >>> row_numbers(tf.zeros((3, 2))).numpy().tolist()
    [0, 1, 2]
    """
    rows = tf.shape(values)[0]
    return row_offset(rows) + tf.range(rows)


def draw_rows(rows: tf.Tensor, draw: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Draws for each row, the same however the batch is split.

    Args:
        rows: b, the int32 number of rows here.
        draw: Draws (B, ...) for B rows, the same on every replica.

    Returns:
        (b, ...): this replica's part of the draws for all.

    Example:
    >>> draw_rows(tf.constant(3), lambda rows: tf.random.uniform([rows, 2])).shape
    TensorShape([3, 2])
    """
    start = row_offset(rows)
    return draw(all_sum(rows))[start : start + rows]


def replica_share(loss: tf.Tensor) -> tf.Tensor:
    """Scales a loss so that the replicas' results add up to the global loss.

    A vector holds one value per local example: its sum is divided by the global
    number of examples, which stays right for uneven last batches. A scalar is a
    loss that every replica computed alike from gathered values: 1/R of it.

    Args:
        loss: (b,) per-example losses, or a scalar.

    Returns:
        float32 scalar.

    Raises:
        ValueError: If the loss has more than one axis.

    Example:
    >>> float(replica_share(tf.constant([1.0, 3.0])))
    2.0
    """
    loss = tf.cast(loss, tf.float32)
    if loss.shape.rank == 0:
        return loss / num_replicas()
    if loss.shape.rank != 1:
        raise ValueError(
            "A loss must be a scalar or hold one value per example, shape (b,). "
            f"Received: shape {tuple(loss.shape)}"
        )
    count = all_sum(tf.cast(tf.shape(loss)[0], tf.float32))
    return tf.reduce_sum(loss) / count


def assign(variable: Any, value: tf.Tensor) -> None:
    """Sets a variable, inside or outside of a training step.

    Args:
        variable: Keras variable, of any aggregation.
        value: The same on every replica.

    Example:
    >>> import keras
    >>> weight = keras.Variable(1.0)
    >>> assign(weight, tf.constant(2.0))
    >>> float(weight)
    2.0
    """
    if _context() is None:
        variable.assign(value)
        return

    def update(strategy: tf.distribute.Strategy, value: tf.Tensor) -> None:
        strategy.extended.update(
            variable.value, lambda own, x: own.assign(x), args=(value,), group=False
        )

    strategy = tf.distribute.get_strategy()
    # As Keras's optimizers do; a plain `assign` asks for an aggregation.
    tf.__internal__.distribute.interim.maybe_merge_call(update, strategy, value)


def ema(average: Any, value: Any, momentum: float | tf.Tensor) -> None:
    """Moves an exponential moving average towards a value.

    Args:
        average: Keras variable.
        value: Variable or tensor of its shape, the same on every replica.
        momentum: Share of the average that stays, from 0 to 1.

    Example:
    >>> import keras
    >>> average = keras.Variable(1.0)
    >>> ema(average, tf.constant(2.0), momentum=0.75)
    >>> float(average)
    1.25
    """
    old, new = tf.convert_to_tensor(average), tf.convert_to_tensor(value)
    # At a momentum of 1 the average stays to the last bit.
    assign(average, old + tf.cast(1.0 - momentum, old.dtype) * (new - old))


def is_dataset(data: Any) -> bool:
    """Tells datasets, those of several replicas too, from arrays and all else.

    Args:
        data: Anything.

    Example:
    >>> is_dataset(tf.data.Dataset.range(3)), is_dataset([1, 2, 3])
    (True, False)
    """
    return isinstance(data, tf.data.Dataset | tf.distribute.DistributedDataset)


def apply_gradients(
    optimizer: Any,
    gradients: Sequence[tf.Tensor | tf.IndexedSlices | None],
    variables: Sequence[Any],
) -> None:
    """Sums the gradients of all replicas and takes an optimizer step with the sum.

    Keras sums too, but late: `clipnorm`, `global_clipnorm` and the search for
    infinities of loss scaling would see each replica's own gradient, which is not
    what one device sees.

    Args:
        optimizer: A Keras optimizer, which from then on expects summed gradients.
        gradients: Of this replica's share of the loss; None where there is none.
        variables: As many Keras variables.

    Example:
    >>> import keras
    >>> weight = keras.Variable(1.0)
    >>> apply_gradients(keras.optimizers.SGD(0.1), [tf.constant(2.0)], [weight])
    >>> round(float(weight), 3)
    0.8
    """
    context = _context()
    if context is not None:
        there = [x for x in gradients if x is not None]
        sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, there))
        gradients = [None if x is None else next(sums) for x in gradients]
        # A method of Keras's own; loss scaling wraps the optimizer that has it, and a
        # MultiOptimizer has several.
        inner = optimizer
        while hasattr(inner, "inner_optimizer"):
            inner = inner.inner_optimizer
        for one in getattr(inner, "optimizers", [inner]):
            one._all_reduce_sum_gradients = list
    optimizer.apply(gradients, variables)
