# SPDX-License-Identifier: Apache-2.0
"""Gradient caching: the gradient of a large batch in the memory of a small one.

Gao, Zhang, Han and Callan (2021), Scaling Deep Contrastive Learning Batch Size under
Memory Limited Setup, arXiv:2101.06983; section 3.2. The loss of a batch depends on the
encoder's weights through the embeddings only, and these are small. So: encode the
batch part by part, keeping nothing but embeddings; compute the loss of all of them and
its gradient by each; encode each part again, this time with gradient, and pull the
gradient of its embeddings back to the weights. The sum over the parts is the gradient
of the whole batch. The price is one more forward pass.

Nothing that encoding does to variables may happen twice. Both passes run in a
`keras.StatelessScope` and start from the same state: dropout draws the same masks in
both, and only what the first pass did to the state is kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from cl_keras import distribute
from cl_keras.methods.batch_parts import BatchParts

if TYPE_CHECKING:
    from cl_keras.methods.base import ContrastiveModel

Outputs = dict[str, tf.Tensor]


def check_micro_batch(model: ContrastiveModel, size: int | None, divides: bool) -> None:
    """Checks that a model can train with batches encoded in parts."""
    if size is None:
        return
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(
            "`micro_batch` must be a positive number of examples, or None. "
            f"Received: micro_batch={size!r}"
        )
    if not divides:
        raise ValueError(
            f"{type(model).__name__} cannot take `micro_batch`: "
            f"{model.undivided_because}. Received: micro_batch={size}"
        )


def encode_in_parts(
    model: ContrastiveModel, inputs: Any, training: bool, size: int
) -> Outputs:
    """Computes `model.encode(inputs)` part by part, with a gradient that recomputes.

    What `model.encode` changes is changed once: moving averages move by the mean of
    the parts' statistics over all replicas; random states by as many draws as there
    are parts.
    """
    passes = _Passes(model, inputs, training, size)

    @tf.custom_gradient
    def encode_all(*weights: tf.Tensor) -> tuple:
        # Else a tape outside of a `tf.function` would keep every part.
        weights = tuple(tf.stop_gradient(x) for x in weights)
        encoded, state = passes.first(weights)

        def gradient(*upstream: tf.Tensor) -> list[tf.Tensor | None]:
            return passes.second(weights, upstream[: len(encoded)])

        return (*encoded, *state), gradient

    results = encode_all(*[tf.convert_to_tensor(x) for x in passes.weights])
    count = len(passes.signature)
    passes.keep([tf.stop_gradient(x) for x in results[count:]])
    return dict(zip(passes.signature, results[:count], strict=True))


class _Passes:
    """The two passes over one batch."""

    def __init__(
        self, model: ContrastiveModel, inputs: Any, training: bool, size: int
    ) -> None:
        self.model, self.training = model, training
        self.parts = BatchParts(inputs, size)
        self.weights = model.trainable_variables
        state = model.non_trainable_variables
        # Averages start from the same value in each part, and their mean is kept: one
        # step a batch. Counters and random states go on from part to part.
        self.averages = [v for v in state if tf.as_dtype(v.dtype).is_floating]
        self.draws = [v for v in state if not tf.as_dtype(v.dtype).is_floating]
        self.old_averages = [tf.convert_to_tensor(v) for v in self.averages]
        self.old_draws = [tf.convert_to_tensor(v) for v in self.draws]
        self.changed: set[int] = set()
        self.may_change = _may_change(model)
        self.signature = self._trace()

    def first(self, weights: Sequence[tf.Tensor]) -> tuple[list, list]:
        """Encodings of the whole batch, and the state after it."""

        def body(index: tf.Tensor, draws: list, sums: list, arrays: list) -> tuple:
            encoded, averages, draws = self._run(index, weights, draws)
            sums = [
                total + new if id(variable) in self.changed else total
                for variable, total, new in zip(
                    self.averages, sums, averages, strict=True
                )
            ]
            rows = [encoded[name] for name in self.signature]
            arrays = [a.write(index, x) for a, x in zip(arrays, rows, strict=True)]
            return index + 1, draws, sums, arrays

        arrays = [
            tf.TensorArray(x.dtype, self.parts.count, element_shape=x.shape)
            for x in self.signature.values()
        ]
        sums = [tf.zeros_like(x) for x in self.old_averages]
        _, draws, sums, arrays = self.parts.loop(body, self.old_draws, sums, arrays)
        means = [x / tf.cast(self.parts.count, x.dtype) for x in sums]
        return [self.parts.join(x.stack()) for x in arrays], means + draws

    def second(
        self, weights: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> list[tf.Tensor | None]:
        """Gradient by the weights, given the one by the encodings."""
        reached: set[int] = set()
        cached = {
            name: x
            for (name, spec), x in zip(self.signature.items(), upstream, strict=True)
            if spec.dtype.is_floating
        }

        def body(index: tf.Tensor, draws: list, totals: list) -> tuple:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                encoded, _, draws = self._run(index, weights, draws)
            gradients = tape.gradient(
                [encoded[name] for name in cached],
                weights,
                [self.parts.of_gradient(index, x) for x in cached.values()],
            )
            for place, gradient in enumerate(gradients):
                if gradient is not None:
                    totals[place] += gradient
                    reached.add(place)
            return index + 1, draws, totals

        totals = [tf.zeros_like(x) for x in weights]
        totals = self.parts.loop(body, self.old_draws, totals)[2]
        # None, as in the plain step, for weights that encoding does not use.
        return [x if place in reached else None for place, x in enumerate(totals)]

    def keep(self, state: list[tf.Tensor]) -> None:
        """Takes over the state after the first pass."""
        for variable, value in zip(self.averages + self.draws, state, strict=True):
            if id(variable) in self.changed:
                if value.dtype.is_floating:
                    value = self._mean_over_replicas(value)
                variable.assign(value)

    def _mean_over_replicas(self, value: tf.Tensor) -> tf.Tensor:
        # Those of a replica without rows are of a row that does not count.
        here = tf.greater(self.parts.rows, 0)
        total = distribute.all_sum(tf.where(here, value, tf.zeros_like(value)))
        return total / distribute.all_sum(tf.cast(here, value.dtype))

    def _run(
        self, index: tf.Tensor, weights: Sequence[tf.Tensor], draws: list[tf.Tensor]
    ) -> tuple[Outputs, list[tf.Tensor], list[tf.Tensor]]:
        """Encodes a part; returns averages and draws after it too."""
        variables = [*self.weights, *self.averages, *self.draws]
        values = [*weights, *self.old_averages, *draws]
        scope = keras.StatelessScope(
            list(zip(variables, values, strict=True)), collect_losses=True
        )
        with scope, _local_statistics(self.model):
            encoded = self.model.encode(self.parts.of_inputs(index), self.training)
        if scope.losses:
            raise ValueError(
                "`micro_batch` does not work with layers that add losses of their "
                "outputs (`activity_regularizer`, `add_loss`), which are of the whole "
                f"batch. Received: {len(scope.losses)} such losses"
            )
        if set(scope.state_mapping) - {id(variable) for variable in variables}:
            raise ValueError(
                "Encoding changes a variable that is not the model's. Random layers "
                "need a `keras.random.SeedGenerator` of their own to draw the same in "
                "both passes of `micro_batch`."
            )
        after = [scope.get_current_value(v) for v in variables]
        # What the scope was given comes back as it is unless it was changed.
        self.changed |= {
            id(variable)
            for variable, old, new in zip(variables, values, after, strict=True)
            if old is not new
        }
        wrong = [
            variable.path
            for variable in variables[::-1]
            if id(variable) in self.changed - self.may_change
        ]
        if wrong:
            raise ValueError(
                "`micro_batch` does not work with layers that change variables in "
                "training, such as SpectralNormalization: parts would be encoded with "
                "different ones. Expected: the averages of BatchNormalization and "
                f"random states only. Received: changes of {', '.join(wrong)}"
            )
        after = after[len(self.weights) :]
        return encoded, after[: len(self.averages)], after[len(self.averages) :]

    def _trace(self) -> dict[str, tf.TensorSpec]:
        """What a part gives, and what changes, found without computing it."""

        @tf.function(autograph=False)
        def part() -> Outputs:
            weights = [tf.convert_to_tensor(v) for v in self.weights]
            return self._run(tf.constant(0), weights, self.old_draws)[0]

        signature = part.get_concrete_function().structured_outputs
        size = self.parts.size if isinstance(self.parts.size, int) else None
        for name, spec in signature.items():
            if spec.shape.rank in (0, None) or (
                size and spec.shape[0] not in (size, None)
            ):
                raise ValueError(
                    "`encode` must return one row an example, (b, ...). Received: "
                    f"{name!r} of shape {spec.shape} for parts of {size} examples"
                )
        return {
            name: tf.TensorSpec([size, *spec.shape[1:]], spec.dtype)
            for name, spec in signature.items()
        }


def _may_change(model: ContrastiveModel) -> set[int]:
    """What is put together again after the parts: averages and random states."""
    layers = model._flatten_layers()
    norms = [x for x in layers if isinstance(x, keras.layers.BatchNormalization)]
    averages = [x for norm in norms for x in (norm.moving_mean, norm.moving_variance)]
    return {id(x) for x in averages + [g.state for g in model._generators()]}


@contextlib.contextmanager
def _local_statistics(model: ContrastiveModel) -> Iterator[None]:
    """Batch normalisation by itself: a loop's body cannot wait for other replicas."""
    layers = [x for x in model._flatten_layers() if getattr(x, "synchronized", False)]
    for layer in layers:
        layer.synchronized = False
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = True
