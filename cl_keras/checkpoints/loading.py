# SPDX-License-Identifier: Apache-2.0
"""Encoders from checkpoints that were published for PyTorch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras import check
from cl_keras.checkpoints.network import Network, fill, left_out
from cl_keras.checkpoints.reading import read
from cl_keras.checkpoints.resnet_weights import resnet_of, torchvision_names
from cl_keras.checkpoints.sources import SOURCES, Source, encoder_keys, guess
from cl_keras.checkpoints.vit_weights import vit_of
from cl_keras.encoders.scaling import SYMMETRIC, Scaling, statistics


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint, read and understood: what it is, and the encoder in it.

    Args:
        path: The file.
        source: Key of `SOURCES`.
        architecture: The network's, such as `"resnet50"` or `"vit_small_patch16"`.
        method: Key of the training method, or `"unknown"`.
        reference: Paper of the method, or of the library it comes from.
        scaling: Of pixels in [0, 1]: a name, or mean and deviation of each channel.
        left_out: Parts that are no part of the encoder: projectors and the like.

    Example:
    `checkpoint = checkpoints.open_checkpoint("moco_v2_800ep.safetensors")`, then
    `checkpoint.architecture` and `checkpoint.encoder((96, 96, 3))`.
    """

    path: Path
    source: str
    architecture: str
    method: str
    reference: str
    scaling: Scaling
    left_out: tuple[str, ...]
    _network: Network = field(repr=False)
    _arrays: Mapping[str, np.ndarray] = field(repr=False)

    @property
    def preprocessing(self) -> str:
        """What the encoder does with pixels in [0, 1], in words."""
        if self.scaling == SYMMETRIC:
            return "pixels are scaled to [-1, 1]"
        mean, deviation = (tuple(map(float, v)) for v in statistics(self.scaling))
        return f"the mean {mean} is taken off, divided by the deviation {deviation}"

    def encoder(
        self, input_shape: tuple[int, int, int] = (224, 224, 3), **options: Any
    ) -> keras.Model:
        """Builds the encoder for images of a size, with the checkpoint's weights.

        Args:
            input_shape: (height, width, channels). Any size: positions of vision
                transformers are interpolated.
            **options: Of vision transformers `pooling`; see `encoders.vit`.

        Returns:
            A functional model, float32 images in [0, 1] -> (batch, features).

        Raises:
            ValueError: If weights are missing, unexpected, of another shape or not
                finite, or if an option is not possible.
        """
        for name, value in options.items():
            check.one_of("option of the encoder", name, self._network.options)
            check.one_of(name, value, self._network.options[name])
        if tuple(input_shape[2:]) != (self._network.channels,):
            raise ValueError(
                f"{self.path}: Expected images of {self._network.channels} channels. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        encoder = self._network.build(
            input_shape=tuple(input_shape), scaling=self.scaling, **options
        )
        try:
            fill(encoder, self._network.plan(encoder), self._arrays)
        except ValueError as error:
            raise ValueError(f"{self.path} ({self.source}): {error}") from error
        return encoder


def open_checkpoint(
    path: str | os.PathLike[str],
    source: str | None = None,
    *,
    scaling: Scaling | None = None,
) -> Checkpoint:
    """Reads a checkpoint and finds out what it holds.

    Depth, widths, stem, patches and positions are read off the names and shapes of the
    weights.

    Args:
        path: A `.safetensors` file (extra `checkpoints`), or one of `torch.save` (extra
            `torch`): `.pth`, `.pt`, `.ckpt`, `.tar` or `.bin`.
        source: Key of `SOURCES`; guessed from the keys if None. Weights by themselves
            are taken for torchvision's or DINO's, whatever they were trained by.
        scaling: Of pixels; see `encoders.resnet`. By default what a `config.json` of
            timm beside the file says, else the source's: ImageNet's mean and deviation,
            of solo-learn's networks for small images CIFAR-10's.

    Returns:
        The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the package that reads it is not installed.
        ValueError: If the file is damaged, or holds no network that is known.

    Example:
    `checkpoints.open_checkpoint("swav_800ep_pretrain.pth.tar").reference`
    """
    arrays = read(path)
    try:
        name = guess(arrays) if source is None else source
        keys = encoder_keys(arrays, name)
        row = SOURCES[name]
        network, own = _network({own: arrays[key] for own, key in keys.items()}, row)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if scaling is None:
        small = row.small_scaling if network.small else "imagenet"
        scaling = _timm_scaling(Path(path)) or small
    return Checkpoint(
        Path(path),
        name,
        network.name,
        row.method,
        row.reference,
        scaling,
        tuple(left_out(own)),
        network,
        own,
    )


def load(
    path: str | os.PathLike[str],
    source: str | None = None,
    *,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    scaling: Scaling | None = None,
    **options: Any,
) -> keras.Model:
    """Loads the encoder of a checkpoint that was published for PyTorch.

    Args:
        path: The file; see `open_checkpoint`.
        source: Key of `SOURCES`; guessed from the keys if None.
        input_shape: (height, width, channels) of the images; any size.
        scaling: Of pixels; see `open_checkpoint`.
        **options: Of vision transformers `pooling`; see `encoders.vit`.

    Returns:
        A functional model, float32 images in [0, 1] -> (batch, features). Scaling of
        pixels is part of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the package that reads it is not installed.
        ValueError: If the file is damaged, or holds no network that is known, or
            weights that do not fit: the message names them.

    Example:
    `encoder = checkpoints.load("moco_v2_800ep_pretrain.pth.tar", "moco_v2")`
    """
    checkpoint = open_checkpoint(path, source, scaling=scaling)
    return checkpoint.encoder(input_shape, **options)


def _network(
    arrays: Mapping[str, np.ndarray], source: Source
) -> tuple[Network, Mapping[str, np.ndarray]]:
    if any(key.startswith("patch_embed.") for key in arrays):
        return vit_of(arrays, source), arrays
    names, has_relu = torchvision_names(arrays)
    return resnet_of(names, source, has_relu), names


def _timm_scaling(path: Path) -> Scaling | None:
    """What timm says of the pixels, in the file that it keeps beside the weights."""
    try:
        config = json.loads((path.parent / "config.json").read_text())["pretrained_cfg"]
        return tuple(config["mean"]), tuple(config["std"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
