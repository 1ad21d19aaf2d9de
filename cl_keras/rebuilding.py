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
# The policies that `in_float32` replaces.
_OTHER_FLOATS = {"mixed_bfloat16", "mixed_float16", "bfloat16", "float16", "float64"}


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


Config = Callable[[keras.layers.Layer], dict[str, Any]]


def reseeding(draw: random.Random) -> Config:
    """Gives the config of a layer with every seed in it drawn anew."""

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

    return lambda layer: change(layer.get_config())


def in_float32(model: keras.Model) -> keras.Model:
    """The same weights in a model that computes in float32, as every processor can.

    Args:
        model: Any model, of any precision.

    Returns:
        A new model, or the model itself if it computes in float32, or if it is of a
        class without a config.
    """
    layers = model._flatten_layers()
    if not any(x.dtype_policy.name in _OTHER_FLOATS for x in layers):
        return model
    try:
        made = rebuilt(model, lambda layer: _float32(layer.get_config()))
    except NotImplementedError:
        return model
    made.set_weights(model.get_weights())
    return made


def _float32(config: Any) -> Any:
    """The config with float32 in place of every policy of other floats."""
    if isinstance(config, dict):
        is_policy = config.get("class_name") == "DTypePolicy"
        if is_policy and config["config"]["name"] in _OTHER_FLOATS:
            return {**config, "config": {"name": "float32"}}
        return {key: _float32(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_float32(value) for value in config)
    return config


def in_precision(model: keras.Model, policy: str) -> keras.Model:
    """The same weights in a model that computes in mixed precision.

    What comes before the first weights (scaling, spectrograms) and the outputs stay
    in float32, as in encoders that are built so.

    Args:
        model: A functional or sequential model.
        policy: Such as `"mixed_bfloat16"`.

    Returns:
        A new model, or the model itself if a layer of it does so already, or if it is
        of another kind: its code alone knows what its layers compute in.
    """
    layers = [x for x in model._flatten_layers() if not isinstance(x, keras.Model)]
    learning = [
        x for x in layers if x.weights and not isinstance(x, keras.layers.Normalization)
    ]
    is_known = _is_functional(model) or isinstance(model, keras.Sequential)
    if not (is_known and all(x.compute_dtype == "float32" for x in learning)):
        return model
    first = layers.index(learning[0]) if learning else len(layers)
    lowered = {id(x) for x in layers[first:]} - {id(x) for x in _ends(model)}
    made = rebuilt(
        model,
        lambda layer: (
            layer.get_config() | ({"dtype": policy} if id(layer) in lowered else {})
        ),
    )
    made.set_weights(model.get_weights())
    return made


def _ends(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that a model's outputs come from."""
    found: list[keras.layers.Layer] = []
    for tensor in model.outputs:
        layer = tensor._keras_history.operation
        found += _ends(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def rebuilt(encoder: keras.Model, config_of: Config) -> keras.Model:
    """Builds a model once more, each layer from the config that is given for it."""

    def layer_again(layer: keras.layers.Layer) -> keras.layers.Layer:
        return _layer_again(layer, config_of(layer))

    is_functional = _is_functional(encoder)
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


def _is_functional(model: keras.Model) -> bool:
    # Functional models are those that list their operations.
    return hasattr(model, "operations")


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
