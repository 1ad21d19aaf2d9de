# SPDX-License-Identifier: Apache-2.0
"""Contrastive Predictive Coding, for sequences and for images.

van den Oord, Li and Vinyals (2018), Representation Learning with Contrastive
Predictive Coding, arXiv:1807.03748; equations 3 and 4. A context that sums up the
past must tell the latent k steps ahead from negatives, by one linear map a step.

Deviations: the loss is the *mean* over steps, where Riviere et al. (2020,
arXiv:2002.02848) train on the sum, so a learning rate for SGD taken from there counts
12 times. Negatives from the batch or from other sequences are drawn once for each
sequence and shared by its positions and steps, where their code draws for each
position: each draw is as uniform, and scores become one matrix product. The positive
itself is never among the negatives, which their code allows.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
import tensorflow as tf

from cl_keras import check, distribute
from cl_keras.methods.base import Batch, ContrastiveModel, Outputs
from cl_keras.methods.batches import single_input
from cl_keras.methods.negatives import Negatives, NegativesFrom, check_source, flat
from cl_keras.methods.random_states import seed_generator
from cl_keras.taps import tap

SCORES = ("dot", "mean")

# The paper's: 12 frames of speech, 5 rows of patches.
SEQUENCE_STEPS, GRID_STEPS = 12, 5


@keras.saving.register_keras_serializable(package="cl_keras")
class CPC(ContrastiveModel):
    """Predicts latents steps ahead and finds each among negatives.

    The encoder has a layer of latents and a layer of contexts: (batch, time, D) and
    (batch, time, C) for sequences, (batch, rows, columns, D) and (batch, rows,
    columns, C) for images, where the rows below are predicted. A context must not
    see what is predicted from it: no batch normalisation, no padding towards the
    future (`encoders.audio_conv`, `vector_sequence` and `patch_grid` keep to this).

    A batch is `inputs`, `(inputs,)` or `(inputs, labels)`; labels are dropped.
    Beside the loss, `loss_k` and `accuracy_k` are reported for each step k ahead:
    how often the true latent scores above all its negatives.

    Args:
        encoder: Functional model with the two layers. What is kept.
        steps: K, the steps predicted. By default 12 for sequences; for images 5,
            or as many rows as there are.
        negatives: N, negatives of each prediction, drawn anew in each training
            step; None or 0 takes all there are, which costs the product of all
            predictions with all frames of the batch.
        negatives_from: `"batch"` (any frame of any sequence but the true one),
            `"same_sequence"` (other frames of the own sequence) or
            `"other_sequences"`. In speech, negatives of other sequences teach who
            speaks, those of the own sequence what is said.
        skip_steps: Steps left out before the first predicted one: k runs from
            `skip_steps + 1` to `skip_steps + K`. Patches that overlap their
            neighbours make the first step trivial; 1 leaves it out.
        score: `"dot"`, the paper's product of prediction and latent, or `"mean"`,
            that product divided by D, as in the code of Riviere et al.
        latents: Name of the encoder's layer of latents.
        context: Name of its layer of contexts.
        seed: Of the negatives; by default drawn from Keras's global seed.
        micro_batch: Sequences or images that are encoded at a time, for batches that
            do not fit in memory; see `ContrastiveModel`. Latents, contexts and scores
            of the whole batch are kept.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If an argument is out of range, the encoder has no such layers,
            or they do not fit together.

    Reference:
        van den Oord et al. (2018), equations 3 and 4; section 3.1 for speech, 3.2
        for images.

    Example:
    >>> encoder = encoders.audio_conv(channels=8, context=8)
    >>> model = CPC(encoder, steps=2, negatives=16)
    >>> model.compile(keras.optimizers.Adam(2e-4))
    >>> history = model.fit(np.zeros((4, 4000), np.float32), verbose=0).history
    >>> sorted(history)
    ['accuracy_1', 'accuracy_2', 'loss', 'loss_1', 'loss_2']
    """

    def __init__(
        self,
        encoder: keras.Model,
        steps: int | None = None,
        negatives: int | None = 128,
        negatives_from: NegativesFrom = "batch",
        skip_steps: int = 0,
        score: Literal["dot", "mean"] = "dot",
        latents: str = "latents",
        context: str = "context",
        seed: int | None = None,
        micro_batch: int | None = None,
        **kwargs: Any,
    ) -> None:
        check.one_of("score", score, SCORES)
        check.not_negative(skip_steps=skip_steps)
        check_source(negatives_from, negatives)
        super().__init__(encoder, micro_batch=micro_batch, **kwargs)
        encoder = self.encoder
        self.taps = tap(encoder, {"latents": latents, "context": context})
        shape, seen = (encoder.get_layer(x).output.shape for x in (latents, context))
        _check_shapes(shape, seen)
        rows = shape[1]
        if steps is None:
            is_grid = len(shape) == 4
            steps = GRID_STEPS if is_grid else SEQUENCE_STEPS
            if is_grid and rows is not None:
                steps = max(min(steps, rows - 1 - skip_steps), 1)
        check.at_least(1, steps=steps)
        _check_length(rows, skip_steps + steps)
        self.steps = steps
        self.negatives = negatives or None
        self.negatives_from = negatives_from
        self.score = score
        self.latents = latents
        self.seed = seed
        self.distances = tuple(range(skip_steps + 1, skip_steps + steps + 1))
        width = shape[-1]
        self.score_scale = 1.0 / width if score == "mean" else 1.0
        # The maps of all steps side by side: one product computes all predictions.
        self.predictor = keras.layers.Dense(
            steps * width, use_bias=False, name="predictor"
        )
        self.predictor.build((None, seen[-1]))
        self.seeds = seed_generator(seed)
        self._track(*(f"loss_{k}" for k in self.distances))
        self._track(*(f"accuracy_{k}" for k in self.distances))
        self.built = True

    def unpack(self, data: Batch) -> tf.Tensor:
        """Takes the sequences or images out of a batch."""
        maker = "`cl_keras.data.windows` (or `one_view`, of images)"
        return single_input("CPC", data, self.encoder, "inputs", maker)

    def encode(self, inputs: tf.Tensor, training: bool) -> Outputs:
        """Computes latents and contexts, (b, T, W, D) and (b, T, W, C)."""
        found = self.taps(inputs, training=training)
        return {name: _as_grid(found[name]) for name in ("latents", "context")}

    def relate(self, encoded: Outputs, training: bool) -> Outputs:
        """Predicts, and compares with the negatives.

        Args:
            encoded: `latents` and `context`.
            training: Not used.

        Returns:
            `step_losses` and `step_accuracies`, (b, K): means over the positions of
            each sequence, for each step ahead.
        """
        latents, context = encoded["latents"], encoded["context"]
        time, columns = latents.shape[1:3]
        _check_length(time, self.distances[-1])
        # Scores are sums over many channels: float32 under mixed precision too.
        predictions = tf.cast(self.predictor(context), tf.float32) * self.score_scale
        targets = tf.cast(latents, tf.float32)
        # XLA takes seeds of 32 bits only.
        step_seed = tf.cast(self.seeds.next() % tf.int32.max, tf.int32)
        rivals = Negatives(targets, self.negatives, self.negatives_from, step_seed)
        losses, accuracies = [], []
        for index, k in enumerate(self.distances):
            width = targets.shape[-1]
            near = predictions[:, :-k, :, index * width : (index + 1) * width]
            query, target = flat(near), flat(targets[:, k:])
            positive = tf.reduce_sum(query * target, axis=-1)
            loss, accuracy = rivals.compare(query, positive, k * columns)
            losses.append(tf.reduce_mean(loss, axis=1))
            accuracies.append(tf.reduce_mean(accuracy, axis=1))
        return {
            "step_losses": tf.stack(losses, axis=1),
            "step_accuracies": tf.stack(accuracies, axis=1),
        }

    def objective(self, outputs: Outputs) -> Outputs:
        """InfoNCE, averaged over positions and steps: one value a sequence."""
        return {"info_nce": tf.reduce_mean(outputs["step_losses"], axis=1)}

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Loss and accuracy of the global batch for each step ahead."""
        both = tf.concat([outputs["step_losses"], outputs["step_accuracies"]], axis=1)
        # Sums and their number in one collective.
        sums = distribute.all_sum(
            tf.reduce_sum(tf.pad(both, [[0, 0], [0, 1]], constant_values=1.0), axis=0)
        )
        means = tf.unstack(sums[:-1] / sums[-1])
        names = [f"{name}_{k}" for name in ("loss", "accuracy") for k in self.distances]
        return dict(zip(names, means, strict=True))

    def negatives_per_query(self, batch_size: int) -> int | None:
        """As many as are drawn, or all other latents of the batch or the sequence."""
        if self.negatives is not None:
            return self.negatives
        frames = self.encoder.get_layer(self.latents).output.shape[1:-1]
        if None in frames:
            return None
        sequences = 1 if self.negatives_from == "same_sequence" else batch_size
        return sequences * math.prod(frames) - 1


def _as_grid(values: tf.Tensor) -> tf.Tensor:
    """(b, T, D) sequences as grids of one column, (b, T, 1, D)."""
    return values if values.shape.rank == 4 else values[:, :, tf.newaxis]


def _check_shapes(latents: tuple, context: tuple) -> None:
    alike = len(latents) == len(context) and latents[1:-1] == context[1:-1]
    known = None not in (*latents[2:], context[-1])
    if len(latents) not in (3, 4) or not alike or not known:
        raise ValueError(
            "The layers of latents and context must give (batch, time, channels), or "
            "(batch, rows, columns, channels), of the same times or grid. "
            f"Received: latents {latents}, context {context}"
        )


def _check_length(length: int | None, farthest: int) -> None:
    if length is not None and length <= farthest:
        raise ValueError(
            f"Predicting {farthest} steps ahead takes at least {farthest + 1} latents "
            f"(rows, for images). Received: {length}. Give longer windows, or fewer "
            "`steps` or `skip_steps`."
        )
