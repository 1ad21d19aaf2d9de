# SPDX-License-Identifier: Apache-2.0
"""The training step that all methods share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import keras
import tensorflow as tf

from cl_keras import distribute, specification
from cl_keras.batch_norm import fused
from cl_keras.methods.encoder import checked_encoder
from cl_keras.methods.micro_batch import check_micro_batch, encode_in_parts
from cl_keras.methods.recorded import RecordedArguments
from cl_keras.methods.running_mean import RunningMean
from cl_keras.methods.unweighted import UnweightedModel
from cl_keras.preprocessing import pixels

Outputs = dict[str, tf.Tensor]
Optimizer: TypeAlias = str | keras.optimizers.Optimizer
Batch = Any  # Tensors in any nesting: each method says which.


class ContrastiveModel(RecordedArguments, UnweightedModel):
    """Trains an encoder without labels; a method writes two functions.

    `forward` turns a batch of inputs into named tensors, `objective` those into named
    losses. This class owns the rest: gradients, replicas, mixed precision, metrics,
    saving. `predict`, export and serving agree: a call gives the encoder's features.

    A method that compares examples with one another writes `forward` in two parts:
    `encode`, of each example by itself, and `relate`, of all of them. It can then
    train on batches that do not fit in memory (`micro_batch`).

    It may also write `after_update` (queues, target networks) and `diagnostics`.

    Args:
        encoder: Built model: inputs -> (batch, features). It is trained in place.
        micro_batch: Largest number of examples, on each replica, that are encoded
            at a time; None encodes the whole batch at once. Loss and gradient are
            those of the whole batch, for one more forward pass; memory is that of
            the part, and of all embeddings (`methods.micro_batch`). Batch
            normalisation sees one part of one replica at a time, and its averages
            move once a step, by the mean over the parts.
        **kwargs: `name`, `dtype` and the like of `keras.Model`.

    Raises:
        TypeError: If the encoder is not a Keras model.
        ValueError: If the encoder is not built or gives anything but one vector
            per example, or the method cannot take `micro_batch`.
    """

    # Heads that a run's settings reach (`projector.width`); what makes each from the
    # width of what it gets.
    head_builders: ClassVar[dict[str, Callable[..., keras.Model]]] = {}
    # Optimizer steps of the training, for methods whose schedules end with it.
    total_steps: int | None = None
    # Ends the sentence "cannot take `micro_batch`:" where a method cannot.
    undivided_because = "its `forward` computes a batch as a whole"

    def __init__(
        self, encoder: keras.Model, micro_batch: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = checked_encoder(encoder)
        divides = type(self).forward is ContrastiveModel.forward
        check_micro_batch(self, micro_batch, divides)
        self.takes_images = specification.takes_images(encoder)
        self.micro_batch = micro_batch
        self._trackers: dict[str, RunningMean] = {}
        self._track("loss")

    # A method writes `objective` and either `encode` or `forward`. -----------------

    def encode(self, inputs: Batch, training: bool) -> Outputs:
        """Computes what a batch's examples give each by itself.

        Args:
            inputs: What `unpack` made of a batch, or some rows of it.
            training: Whether batch statistics and dropout are in training mode.

        Returns:
            Named tensors (b, ...), one row an example.
        """
        raise NotImplementedError

    def relate(self, encoded: Outputs, training: bool) -> Outputs:
        """Compares the examples of the whole batch, if `objective` does not.

        Args:
            encoded: What `encode` returned.
            training: As for `encode`.

        Returns:
            Named tensors, local to this replica: what the objective needs.
        """
        return encoded

    def forward(self, inputs: Batch, training: bool) -> Outputs:
        """Computes what the objective needs from one batch.

        Args:
            inputs: What `unpack` made of a batch.
            training: Whether batch statistics and dropout are in training mode.

        Returns:
            Named tensors, local to this replica.
        """
        if self.micro_batch is None:
            encoded = self.encode(inputs, training)
        else:
            encoded = encode_in_parts(self, inputs, training, self.micro_batch)
        return self.relate(encoded, training)

    def objective(self, outputs: Outputs) -> Outputs:
        """Computes the method's losses; their sum is trained.

        Args:
            outputs: What `forward` returned.

        Returns:
            Named losses: (b,) values, one per local example, or a scalar that
            every replica computes alike from gathered tensors.
        """
        raise NotImplementedError

    # A method may write these. ----------------------------------------------------

    def unpack(self, data: Batch) -> Batch:
        """Takes the inputs out of a batch. Labels stop here."""
        return data

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Computes scalars to watch, of the global batch; no gradient flows."""
        return {}

    def after_update(self, outputs: Outputs) -> None:
        """Runs after each optimizer step, inside the compiled step."""

    def negatives_per_query(self, batch_size: int) -> int | None:
        """Counts the negatives that a positive pair is told apart from.

        Args:
            batch_size: Examples in a global batch.

        Returns:
            Their number; None if the method has none, or if it is not known before
            a batch is seen.
        """
        return None

    # Owned here. ------------------------------------------------------------------

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the encoder's features."""
        # A graph of its own, such as an exported one, scales bytes and stays straight.
        inputs = self.unit_images(inputs, check=tf.executing_eagerly())
        return specification.only_output(self.encoder(inputs, training=training))

    def unit_images(self, inputs: Batch, check: bool = True) -> Batch:
        """Brings images to floats in [0, 1], by the rule of `preprocessing.pixels`.

        Args:
            inputs: What the encoder takes.
            check: Whether floats beyond [0, 1] are refused.

        Returns:
            Images as float32; other inputs as they are.
        """
        if not self.takes_images:
            return inputs
        inputs = tf.convert_to_tensor(inputs)
        if inputs.dtype.is_floating and not check:
            return inputs
        return pixels.unit_pixels(inputs)

    def check_batch(self, data: Batch) -> None:
        """Looks at a batch before the step: XLA leaves the checks inside it out."""
        for part in tf.nest.flatten(data) if self.takes_images else []:
            if len(getattr(part, "shape", ())) == 4:
                self.unit_images(part)

    def predict_step(self, data: Batch) -> tf.Tensor:
        """Computes the features of one batch."""
        inputs, *_ = keras.utils.unpack_x_y_sample_weight(data)
        return self(self.unit_images(inputs), training=False)

    def compile(self, optimizer: Optimizer = "adam", **kwargs: Any) -> None:
        """Configures training; the loss is the method's own.

        Args:
            optimizer: A Keras optimizer or its name.
            **kwargs: `jit_compile`, `run_eagerly` and the like of Keras.

        Raises:
            ValueError: If a loss or metrics are given.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"{type(self).__name__} brings its own loss and metrics: leave "
                    f"`{name}` out of `compile`. Received: {name}={kwargs[name]!r}"
                )
        super().compile(optimizer=optimizer, **kwargs)

    def export(self, filepath: str, *args: str, **kwargs: Any) -> object:
        """Exports the encoder, which is what calling the model computes.

        Args:
            filepath: Where to write.
            *args: As for `keras.Model.export`.
            **kwargs: As for `keras.Model.export`.

        Returns:
            What `keras.Model.export` returns.
        """
        return self.encoder.export(filepath, *args, **kwargs)

    def train_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """Runs one optimizer step on one batch."""
        self._check_unweighted(data)
        inputs = self.unpack(data)
        with tf.GradientTape() as tape:
            with fused(self):
                outputs = self.forward(inputs, training=True)
            losses = self.objective(outputs)
            # The gradients of all replicas are summed: each contributes its share.
            shares = _shares(losses)
            loss = self._total(shares)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        distribute.apply_gradients(self.optimizer, gradients, variables)
        self.after_update(outputs)
        values = self._values(loss, shares), self._diagnosed(outputs)
        return self._report(*values, _examples(losses, inputs))

    def test_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """Computes the losses and metrics of one batch in inference mode."""
        self._check_unweighted(data)
        inputs = self.unpack(data)
        with self.evaluation_draws():
            outputs = self.forward(inputs, training=False)
            losses = self.objective(outputs)
            shares = _shares(losses)
            values = self._values(self._total(shares), shares), self._diagnosed(outputs)
        # Outside: inside, nothing that changes is kept.
        return self._report(*values, _examples(losses, inputs))

    def _total(self, shares: Outputs) -> tf.Tensor:
        loss = tf.add_n(list(shares.values()))
        if self.losses:  # Regularisers of layers; every replica has them all.
            loss += distribute.replica_share(tf.add_n(self.losses))
        return loss

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """One running mean per loss and diagnostic; Keras resets them each epoch."""
        return list(self._trackers.values())

    def _track(self, *names: str) -> None:
        # Made in __init__: metric variables cannot be created in a compiled step.
        self._trackers |= {name: RunningMean(name=name) for name in names}

    def _values(self, loss: tf.Tensor, shares: Outputs) -> Outputs:
        # Shares add up to the global loss, whatever the replicas' sizes.
        values = {"loss": distribute.all_sum(loss)}
        if len(shares) > 1:
            values |= {name: distribute.all_sum(x) for name, x in shares.items()}
        return values

    def _diagnosed(self, outputs: Outputs) -> Outputs:
        return self.diagnostics({k: tf.stop_gradient(v) for k, v in outputs.items()})

    def _report(
        self, values: Outputs, diagnosed: Outputs, examples: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        for name, value in (values | diagnosed).items():
            if name not in self._trackers:
                raise KeyError(
                    f"{type(self).__name__} reports {name!r}; announce it in "
                    f"`__init__` with self._track({name!r})."
                )
            tracker = self._trackers[name]
            tracker.count_batch(value, examples, pairs=name in diagnosed)
        return {name: tracker.result() for name, tracker in self._trackers.items()}


def _examples(losses: Outputs, inputs: Batch) -> tf.Tensor:
    """Examples of the global batch: as many as losses, or as there are inputs."""
    sized = [x for x in losses.values() if x.shape.rank == 1]
    sized += [x for x in tf.nest.flatten(inputs) if tf.is_tensor(x) and x.shape.rank]
    rows = tf.shape(sized[0])[0] if sized else 1
    return distribute.all_sum(tf.cast(rows, tf.float32))


def _shares(losses: Outputs) -> Outputs:
    return {name: distribute.replica_share(x) for name, x in losses.items()}
