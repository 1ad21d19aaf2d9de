# SPDX-License-Identifier: Apache-2.0
"""Configurations made of the arguments that a model was made with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

import keras


class RecordedArguments(keras.Model):
    """Records the arguments of `__init__`, of which `get_config` makes the config."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Records the arguments."""
        model = super().__new__(cls, *args, **kwargs)
        bound = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        bound.apply_defaults()
        given = dict(list(bound.arguments.items())[1:])
        given.update(given.pop("kwargs", {}))
        for name in ("name", "dtype", "trainable"):
            given.pop(name, None)  # Keras's own, which it keeps itself.
        # In a closure, where Keras does not look for layers.
        model._arguments_given = lambda: given
        return model

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this model from: its arguments."""
        given = self._arguments_given()
        arguments = {name: _serialized(value) for name, value in given.items()}
        return {**super().get_config(), **arguments}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        """Rebuilds a model, its encoder and heads with fresh weights."""
        parts = {key: _part(value, custom_objects) for key, value in config.items()}
        return cls(**parts)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as the saved model was; Keras then loads the optimizer's state."""
        # Keras does this itself only where `compile` is not overridden.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)


def _serialized(value: Any) -> Any:
    if isinstance(value, keras.layers.Layer) or callable(value):
        return keras.saving.serialize_keras_object(value)
    if isinstance(value, Mapping):
        return {name: _serialized(part) for name, part in value.items()}
    return value


def _part(value: Any, custom_objects: dict[str, Any] | None) -> Any:
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        return keras.saving.deserialize_keras_object(value, custom_objects)
    return {name: _part(part, custom_objects) for name, part in value.items()}
