# SPDX-License-Identifier: Apache-2.0
"""The architecture of a model once more, with other weights."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import keras

#: The name of a convolution whose kernels images decide (`encoders.whiten`).
WHITENING = "whitening"
# What every layer has in its config, whether its constructor takes it or not.
_OF_LAYERS = {"name", "trainable", "dtype"}


def random_encoder(encoder: keras.Model, seed: int = 0) -> keras.Model:
    """The same architecture with freshly drawn weights: what learning must beat.

    The copy is built from the encoder's config with every initialiser's seed drawn
    anew, so that weights differ even where the architecture fixes its seeds. Batch
    normalisation starts over too: in inference mode it has mean 0 and variance 1
    and hence passes values on unchanged. Adapted `Normalization` layers and whitening
    belong to the inputs, not to what was learnt, and keep their statistics.

    Args:
        encoder: Any encoder that Keras can build from its config. Not changed.
        seed: The same seed gives the same weights.

    Returns:
        A new model of the same architecture.

    Raises:
        ValueError: If the encoder cannot be built from its config.

    Example:
    >>> dense = keras.layers.Dense(2, kernel_initializer=keras.initializers.Ones())
    >>> encoder = keras.Sequential([keras.Input((3,)), dense])
    >>> random_encoder(encoder).count_params() == encoder.count_params()
    True
    """
    # Not the bare seed: after `keras.utils.set_random_seed(seed)` that stream has
    # initialised the encoder itself, and the copy would be equal to it.
    stream = f"random_encoder {seed}"
    draw = random.Random(stream)
    # Keras gives initialisers without a seed one from Python's own generator. It
    # gets its state back, so that scoring between epochs changes no training run.
    state = random.getstate()
    random.seed(stream)
    try:
        fresh = rebuilt(encoder, reseeding(draw))
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            "The random baseline needs an encoder that can be built from its config "
            f"(`get_config`, `from_config`). Received: {encoder.name}: {error}"
        ) from error
    finally:
        random.setstate(state)
    olds, news = input_statistics(encoder), input_statistics(fresh)
    for old, new in zip(olds, news, strict=True):
        new.set_weights(old.get_weights())
        if isinstance(new, keras.layers.Normalization):
            new.finalize_state()
    return fresh


Change = Callable[[Any], Any]


def reseeding(draw: random.Random) -> Change:
    """The change of a config to one with every seed in it drawn anew."""

    def change(config: Any) -> Any:
        if isinstance(config, dict):
            return {
                key: draw.randrange(1, 2**31)
                if key == "seed" and value is not None
                else change(value)
                for key, value in config.items()
            }
        if isinstance(config, list | tuple):
            return type(config)(change(value) for value in config)
        return config

    return change


def in_float32(model: keras.Model) -> keras.Model:
    """The same weights in a model that computes in float32, as every processor can.

    Args:
        model: Any model that Keras can build from its config, of any precision.

    Returns:
        A new model, or the model itself if it computes in float32.

    Raises:
        ValueError: If the model cannot be built from its config.
    """
    layers = model._flatten_layers()
    if all(x.compute_dtype in (None, x.variable_dtype) for x in layers):
        return model
    made = rebuilt(model, _unmixed)
    made.set_weights(model.get_weights())
    return made


def _unmixed(config: Any) -> Any:
    """The config with float32 in place of every policy of mixed precision."""
    if isinstance(config, dict):
        return {key: _unmixed(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_unmixed(value) for value in config)
    return "float32" if config in ("mixed_bfloat16", "mixed_float16") else config


def rebuilt(encoder: keras.Model, change: Change) -> keras.Model:
    """Builds a model from its config, with a change to that of every layer."""

    def layer_again(layer: keras.layers.Layer) -> keras.layers.Layer:
        return _layer_again(layer, change(layer.get_config()))

    # Functional models are those that list their operations.
    is_functional = hasattr(encoder, "operations")
    if is_functional or isinstance(encoder, keras.Sequential):
        # Unlike a round trip through the whole config, this also works for custom
        # layers that are not registered for saving.
        return keras.models.clone_model(
            encoder,
            # Those that Keras makes are never sparse.
            keras.tree.map_structure(_input_again, encoder.input)
            if is_functional
            else None,
            clone_function=layer_again,
            recursive=True,
        )
    fresh = layer_again(encoder)
    if not fresh.built:
        fresh.build_from_config(encoder.get_build_config())
    return fresh


def input_statistics(model: Any) -> list[keras.layers.Layer]:
    """Finds the layers that hold statistics of the inputs."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) or layer.name == WHITENING:
            found.append(layer)
        elif isinstance(layer, keras.Model):
            found += input_statistics(layer)
    return found


def _input_again(tensor: keras.KerasTensor) -> keras.KerasTensor:
    return keras.Input(
        batch_shape=tensor.shape,
        dtype=tensor.dtype,
        name=tensor.name,
        sparse=tensor.sparse,
    )


def _layer_again(
    layer: keras.layers.Layer, config: dict[str, Any]
) -> keras.layers.Layer:
    kind = type(layer)
    # Python functions are taken over: configs hold their code or name, of which Keras
    # makes them again only where it is told that the code is safe.
    functions = {key: getattr(layer, key, None) for key in config}
    config |= {key: x for key, x in functions.items() if inspect.isfunction(x)}
    if isinstance(layer, keras.layers.Lambda):
        return kind(**config | {"output_shape": layer._output_shape})
    taken = inspect.signature(kind.__init__).parameters
    if not any(x.kind is inspect.Parameter.VAR_KEYWORD for x in taken.values()):
        config = {k: v for k, v in config.items() if k in taken or k not in _OF_LAYERS}
    return kind.from_config(config)
