# SPDX-License-Identifier: Apache-2.0
"""The negatives of predictive coding."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from cl_keras import check, distribute
from cl_keras.losses.blockwise import logsumexp
from cl_keras.losses.similarity import check_negatives

NegativesFrom = Literal["batch", "same_sequence", "other_sequences"]
NEGATIVES_FROM = ("batch", "same_sequence", "other_sequences")

# With all frames as negatives, a positive's rank needs the matrix of all scores:
# it is found for this many evenly spaced positions of each sequence.
RANKED_POSITIONS = 8


def check_source(source: str, count: int | None) -> None:
    """Checks where negatives are to come from, and how many."""
    check.one_of("source of negatives", source, NEGATIVES_FROM)
    if count is not None and count < 0:
        raise ValueError(
            "`negatives` must be positive, or None or 0 for all. "
            f"Received: negatives={count}"
        )
    if source == "other_sequences" and not count:
        raise ValueError(
            "negatives_from='other_sequences' draws its negatives: give their number. "
            f"All frames of all sequences are 'batch'. Received: negatives={count}"
        )


class Negatives:
    """The negatives of one training step, and how predictions compare with them.

    Frames are numbered through the global batch: frame f of its sequence i is
    number i * F + f. B sequences of F frames are there in all; b of them are local.

    Args:
        targets: (b, T, W, D) float32 latents.
        count: N, or None for all.
        source: One of `NEGATIVES_FROM`.
        seed: (2,) int32, another in each step.
    """

    def __init__(
        self,
        targets: tf.Tensor,
        count: int | None,
        source: str,
        seed: tf.Tensor,
    ) -> None:
        self.source, self.count = source, count
        frames = flat(targets)  # (b, F, D)
        local = targets.shape[0] or tf.shape(targets)[0]
        self.width = targets.shape[-1]
        self.frames = frames.shape[1] or tf.shape(frames)[1]
        self.own = distribute.row_offset(tf.convert_to_tensor(local)) + tf.range(local)
        if source == "same_sequence":
            self.own_frames = frames
            total = distribute.all_sum(tf.convert_to_tensor(local))
            if count is not None:
                # Steps beyond the positive, in a circle: never the positive itself.
                shape = [total, self.frames, count]
                shifts = _integers(seed, shape, 1, self.frames)
                self.shifts = tf.gather(shifts, self.own)
            return
        everyone = distribute.all_gather(targets)
        total = check_negatives(
            everyone,
            f"Negatives from {source!r} need at least two sequences in the global "
            "batch; negatives_from='same_sequence' needs one.",
        )
        self.keys = tf.reshape(everyone, [-1, self.width])
        if count is not None:
            pool = _draw_pool(seed, total, self.frames, count, source)
            self.pool = tf.gather(pool, self.own)  # (b, N + 1)
            self.pool_keys = tf.gather(self.keys, self.pool)
            self.is_spare = tf.one_hot(count, count + 1)

    def compare(
        self, query: tf.Tensor, positive: tf.Tensor, shift: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Losses of predictions, and whether they score above all negatives."""
        times = 0.0
        if self.source == "same_sequence":
            rivals = self._within(query, shift)
        elif self.count is None:
            return self._against_all(query, positive, shift)
        else:
            rivals, times = self._against_pool(query, shift)
        scores = tf.concat([positive[..., tf.newaxis], rivals + times], axis=-1)
        loss = tf.reduce_logsumexp(scores, axis=-1) - positive
        return loss, _above(positive, rivals)

    def _within(self, query: tf.Tensor, shift: int | tf.Tensor) -> tf.Tensor:
        scores = tf.matmul(query, self.own_frames, transpose_b=True)  # (b, A, F)
        positions = tf.shape(query)[1]
        true_frame = shift + tf.range(positions)
        if self.count is None:
            is_true = tf.equal(true_frame[:, tf.newaxis], tf.range(self.frames))
            return tf.where(is_true, scores.dtype.min, scores)
        drawn = true_frame[:, tf.newaxis] + self.shifts[:, :positions]
        return tf.gather(scores, drawn % self.frames, axis=2, batch_dims=2)

    def _against_pool(
        self, query: tf.Tensor, shift: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor | float]:
        """Scores (b, A, up to N + 1), and the logarithm of how often each counts."""
        scores = tf.matmul(query, self.pool_keys, transpose_b=True)
        if self.source == "other_sequences":
            return scores[..., :-1], 0.0
        # Where a draw hit the true frame, the spare frame in the last column takes
        # its place, once for each hit: exactly N negatives, none of them true.
        true_frame = shift + tf.range(tf.shape(query)[1]) + self._starts()
        hit = tf.equal(self.pool[:, tf.newaxis], true_frame[..., tf.newaxis])
        hits = tf.reduce_sum(tf.cast(hit, tf.float32), axis=-1, keepdims=True)
        out = tf.concat([hit[..., :-1], tf.equal(hits, 0.0)], axis=-1)
        times = tf.math.log(tf.maximum(hits, 1.0)) * self.is_spare
        return tf.where(out, scores.dtype.min, scores), times

    def _against_all(
        self, query: tf.Tensor, positive: tf.Tensor, shift: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.reshape(query, [-1, self.width])
        # Over all frames, the true one among them, without the matrix of scores.
        total = tf.reshape(logsumexp(rows, self.keys), tf.shape(positive))
        step = tf.maximum(tf.shape(query)[1] // RANKED_POSITIONS, 1)
        scores = tf.einsum("bad,nd->ban", query[:, ::step], self.keys)
        true_frame = shift + tf.range(tf.shape(query)[1])[::step] + self._starts()
        is_true = tf.equal(true_frame[..., tf.newaxis], tf.range(tf.shape(scores)[-1]))
        rivals = tf.where(is_true, scores.dtype.min, scores)
        return total - positive, _above(positive[:, ::step], rivals)

    def _starts(self) -> tf.Tensor:
        return (self.own * self.frames)[:, tf.newaxis]


def _draw_pool(
    seed: tf.Tensor,
    sequences: int | tf.Tensor,
    frames: int | tf.Tensor,
    count: int,
    source: str,
) -> tf.Tensor:
    """Numbers of N negatives and a spare for each sequence of the global batch."""
    shape = [sequences, count + 1]
    seeds = tf.unstack(tf.random.split(seed, 3))
    ahead = _integers(seeds[0], shape, 1, sequences)
    chosen = (tf.range(sequences)[:, tf.newaxis] + ahead) % sequences
    if source == "batch":
        anyone = _integers(seeds[1], [sequences, count], 0, sequences)
        chosen = tf.concat([anyone, chosen[:, -1:]], axis=1)
    return chosen * frames + _integers(seeds[2], shape, 0, frames)


def _integers(
    seed: tf.Tensor,
    shape: list[int | tf.Tensor],
    low: int,
    high: int | tf.Tensor,
) -> tf.Tensor:
    """Uniform int32 in [low, high), the same on every replica."""
    return tf.random.stateless_uniform(
        shape, seed, minval=low, maxval=high, dtype=tf.int32
    )


def _above(positive: tf.Tensor, rivals: tf.Tensor) -> tf.Tensor:
    # Strictly: where all scores tie, as for zero weights, nothing is found.
    return tf.cast(positive > tf.reduce_max(rivals, axis=-1), tf.float32)


def flat(grid: tf.Tensor) -> tf.Tensor:
    """Lays a grid out row by row."""
    batch, time, columns, width = grid.shape
    if columns == 1:
        return tf.squeeze(grid, axis=2)
    # Sizes, never -1: a replica may have no grid.
    size = (time or tf.shape(grid)[1]) * (columns or tf.shape(grid)[2])
    return tf.reshape(grid, [batch or tf.shape(grid)[0], size, width])
