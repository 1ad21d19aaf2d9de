# SPDX-License-Identifier: Apache-2.0
"""`fit` on any number of replicas and workers, where Keras 3.15 breaks off.

Four defects of Keras's TensorFlow trainer are worked around here and nowhere else;
`tests/contract/test_keras_defects.py` fails when Keras has mended one of them:

1. Before the first step Keras averages a batch over the replicas, only to learn its
   shape. That fails for replicas of different sizes and on several workers.
2. On several workers Keras averages every logged number along an axis that a scalar
   does not have.
3. With `steps_per_execution` above 1 and a strategy its compiled loop is broken: "You
   must feed a value for placeholder tensor". Here so many compiled steps run one after
   the other, and callbacks follow the last: right, but no faster.
4. Where a dataset of unknown length ends, the step that finds no batch still counts,
   in the optimizer's iterations and in means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cl_keras.no_rows import rows_may_be_missing
from cl_keras.preprocessing.pixels import plain_errors

Logs = dict[str, tf.Tensor]


class ReplicaTrainer(keras.Model):
    """A Keras model whose steps log the same numbers on every replica.

    Its `train_step` and `test_step` must return values of the global batch, as
    `distribute.all_sum` makes them: the first replica's are taken for all, at no
    cost, where Keras would take the mean of all replicas.
    """

    predict_function: Any

    def _maybe_symbolic_build(
        self, iterator: Any = None, data_batch: Any = None
    ) -> None:
        # All parts are built already; only the optimizer waits for its variables.
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def make_predict_function(self, force: bool = False) -> Callable[..., Any]:
        """Makes the function that `predict` runs on each batch.

        Args:
            force: Whether to make it anew if there is one.

        Returns:
            The function.
        """
        if self.predict_function is not None and not force:
            return self.predict_function
        super().make_predict_function(force)
        strategy, plain = self._distribute_strategy, self.predict_function

        @plain_errors()
        def function(batches: Any) -> Any:
            if strategy is not None:
                with rows_may_be_missing(self, strategy.extended.worker_devices):
                    return plain(batches)
            if self.jit_compile:
                self.check_batch(batches)
            return plain(batches)

        self.predict_function = function
        return function

    def _make_function(self, step_function: Callable[..., Logs]) -> Callable[..., Logs]:
        strategy = self._distribute_strategy  # None if none was given.
        several = self.steps_per_execution > 1
        # XLA would compile the checks inside of the steps away.
        if strategy is None and several and not self.jit_compile:
            return plain_errors()(super()._make_function(step_function))
        step_function = self._autoconvert_optionals(step_function)

        @tf.autograph.experimental.do_not_convert
        def one_step(data: Any) -> Logs:
            if strategy is None:
                return step_function(data)
            with rows_may_be_missing(self, strategy.extended.worker_devices):
                logs = strategy.run(step_function, args=(data,))
            return {
                name: strategy.experimental_local_results(value)[0]
                for name, value in logs.items()
            }

        def checked(step: Callable[..., Logs], batch: Any) -> Logs:
            if self.jit_compile:
                self.check_batch(batch)
            return step(batch)

        if not self.run_eagerly:
            one_step = tf.function(
                one_step, reduce_retracing=True, jit_compile=self.jit_compile
            )

        @plain_errors()
        def function(iterator: Any) -> Logs:
            # The batch is taken before the step, not in it: where none is left,
            # TensorFlow would still run what needs no batch, such as counters.
            # Nor is there a loop inside the graph: in one, a collective operation
            # may run only with equal shapes, and a last batch can be smaller.
            spec = getattr(iterator, "element_spec", None)
            step = one_step
            if spec is not None and not self.run_eagerly:
                # Traced for the batches to come, not for the size of the first.
                step = one_step.get_concrete_function(spec)
            iterator = iter(iterator)
            logs = checked(step, next(iterator))
            for _ in range(self.steps_per_execution - 1):
                try:
                    batch = next(iterator)
                except StopIteration:
                    break  # The data ends within the execution: so does that.
                logs = checked(step, batch)
            return logs

        return function

    def check_batch(self, data: Any) -> None:
        """Looks at a batch before the step, where XLA compiles the step."""
