# SPDX-License-Identifier: Apache-2.0
"""Vision transformers by timm's keys."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cl_keras import encoders
from cl_keras.checkpoints.network import Network, Plan, shape_of
from cl_keras.checkpoints.sources import Source

_NAMES = {192: "vit_tiny", 384: "vit_small", 768: "vit_base", 1024: "vit_large"}


def vit_of(arrays: Mapping[str, np.ndarray], source: Source) -> Network:
    """Reads sizes, positions and pooling off the names and shapes of the weights."""
    width, channels, patch, _ = shape_of(arrays, "patch_embed.proj.weight", 4)
    token = "cls_token" in arrays
    grid, of_token = _grid(shape_of(arrays, "pos_embed", 3)[1], token)
    blocks = [b for b in (re.match(r"blocks\.(\d+)\.", key) for key in arrays) if b]
    hidden = shape_of(arrays, "blocks.0.mlp.fc1.weight", 2)[0]
    # `fc_norm` comes after a mean, `norm` before the pooling, whatever that is.
    pooled = "fc_norm.weight" in arrays
    poolings = ("mean",) if pooled else ("token", "mean_of_norms")[0 if token else 1 :]
    name = f"{_NAMES.get(width, 'vit')}_patch{patch}"

    def build(pooling: Any = poolings[0], **options: Any) -> keras.Model:
        return encoders.vit(
            width,
            depth=1 + max(int(block[1]) for block in blocks),
            heads=source.attention_heads,
            hidden=hidden,
            patch=patch,
            pooling=pooling,
            class_token=token,
            grid=grid,
            interpolation=source.interpolation,
            name=name,
            **options,
        )

    return Network(
        name,
        build,
        functools.partial(plan, of_token=of_token, pooled=pooled),
        channels,
        options={"pooling": poolings},
    )


def _grid(count: int, token: bool) -> tuple[tuple[int, int], bool]:
    """The square of so many positions, and whether one of them is the class token's."""
    for of_token in (True, False) if token else (False,):
        side = math.isqrt(count - of_token)
        if side >= 1 and side * side == count - of_token:
            return (side, side), of_token
    raise ValueError(
        "Expected positions of a square of patches. Received: 'pos_embed' of "
        f"{count} positions{' with that of the class token' if token else ''}"
    )


def plan(encoder: keras.Model, *, of_token: bool, pooled: bool) -> Plan:
    """Where the weights of each layer come from."""
    names = {layer.name for layer in encoder.layers}
    heads = encoder.get_layer("block0_attention").num_heads
    grid = encoder.get_layer("positions").grid

    def token(vector: np.ndarray, *positions: np.ndarray) -> list[np.ndarray]:
        return [sum((p[:, :1] for p in positions), vector)]

    def positions(vectors: np.ndarray) -> list[np.ndarray]:
        return [vectors[0, int(of_token) :].reshape(*grid, -1)]

    places: dict = {
        "patches": (_both("patch_embed.proj"), _convolution),
        "positions": (["pos_embed"], positions),
        "norm": (_both("fc_norm" if pooled else "norm"), _as_they_are),
    }
    if "class_token" in names:
        places["class_token"] = (["cls_token", *["pos_embed"] * of_token], token)
    attention = functools.partial(_attention, heads)
    for number in range(sum(name.endswith("_attention") for name in names)):
        ours, theirs = f"block{number}_", f"blocks.{number}."
        places[ours + "attention"] = (
            _both(theirs + "attn.qkv") + _both(theirs + "attn.proj"),
            attention,
        )
        for part in ("norm1", "norm2"):
            places[ours + part] = (_both(theirs + part), _as_they_are)
        places[ours + "hidden"] = (_both(theirs + "mlp.fc1"), _dense)
        places[ours + "dense"] = (_both(theirs + "mlp.fc2"), _dense)
    return places


def _both(name: str) -> list[str]:
    return [f"{name}.weight", f"{name}.bias"]


def _as_they_are(*arrays: np.ndarray) -> list[np.ndarray]:
    return list(arrays)


def _convolution(kernel: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    return [kernel.transpose(2, 3, 1, 0), bias]


def _dense(kernel: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    return [kernel.T, bias]


def _attention(
    heads: int, kernel: np.ndarray, bias: np.ndarray, out: np.ndarray, last: np.ndarray
) -> list[np.ndarray]:
    """Rows of `qkv` are all heads of the queries, then of the keys, of the values."""
    width = kernel.shape[1]
    weights = []
    for rows, offsets in zip(np.split(kernel, 3), np.split(bias, 3), strict=True):
        weights += [rows.T.reshape(width, heads, -1), offsets.reshape(heads, -1)]
    return [*weights, out.T.reshape(heads, -1, len(out)), last]
