# SPDX-License-Identifier: Apache-2.0
"""The random states of a model: saved with it, and untouched by evaluation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from cl_keras.replica_trainer import ReplicaTrainer
from cl_keras.seeds import check_seed

_SEEDS = "seed_generator_"
# Any number: what counts is that evaluation always starts from it.
_EVALUATION_SEED = 20_180_806


class RandomStates(ReplicaTrainer):
    """A model whose training draws go on where they stopped, whatever lies between.

    They are saved and loaded with the weights. Evaluation draws from a seed of its
    own, the same for every batch and call: its numbers can be compared, and a
    training with validation is the training without.
    """

    @contextlib.contextmanager
    def evaluation_draws(self) -> Iterator[None]:
        """Draws from the seed of evaluation inside, and leaves all state as it is.

        Example:
        >>> from cl_keras import methods
        >>> model = methods.CPC(encoders.audio_conv(channels=8, context=8), seed=1)
        >>> with model.evaluation_draws():
        ...     _ = model.seeds.next()
        >>> int(model.seeds.state[1])
        0
        """
        states = [generator.state for generator in self._generators()]
        fixed = [
            tf.cast([_EVALUATION_SEED + number, 0], state.dtype)
            for number, state in enumerate(states)
        ]
        pairs = list(zip(states, fixed, strict=True))
        # The scope knows only what it is given, and Keras asks it for these.
        regular = [v for v in self.trainable_variables if v.regularizer is not None]
        pairs += [(variable, variable.value) for variable in regular]
        with keras.StatelessScope(pairs, collect_losses=True):
            yield

    def save_own_variables(self, store: Any) -> None:
        """Keeps all random states too, which Keras leaves out."""
        super().save_own_variables(store)
        for number, generator in enumerate(self._generators()):
            store[f"{_SEEDS}{number}"] = generator.state.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes up the random states: training goes on as if it had not stopped."""
        own = {key: store[key] for key in store.keys() if not key.startswith(_SEEDS)}
        super().load_own_variables(own)
        for number, generator in enumerate(self._generators()):
            if f"{_SEEDS}{number}" in store.keys():
                generator.state.assign(store[f"{_SEEDS}{number}"])

    def _generators(self) -> list[keras.random.SeedGenerator]:
        # The model's own come first; then those of layers, such as dropout.
        return [x for part in self._flatten_layers() for x in part._seed_generators]


def seed_generator(seed: int | None) -> keras.random.SeedGenerator:
    """Makes what draws seeds: its state, and so the draws, are all replicas'."""
    return keras.random.SeedGenerator(None if seed is None else check_seed(seed))
