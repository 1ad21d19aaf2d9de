# SPDX-License-Identifier: Apache-2.0
"""ResNets by the keys of torchvision, of modules in a row, and of lightly's own."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cl_keras import encoders
from cl_keras.checkpoints.network import Network, Plan, shape_of
from cl_keras.checkpoints.sources import Source, some

_NAMES: dict[tuple[bool, tuple[int, ...]], str] = {
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
    (True, (3, 4, 23, 3)): "resnet101",
    (True, (3, 8, 36, 3)): "resnet152",
}
_BLOCK = re.compile(r"layer(\d+)\.(\d+)\.")
_LAYER = re.compile(r"stage(\d+)_block(\d+)_(conv\d|shortcut)")


def torchvision_names(
    arrays: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], bool]:
    """Gives all weights torchvision's names, and says whether the stem has a ReLU.

    `nn.Sequential(*resnet.children())` numbers its modules: of torchvision's, ReLU and
    max-pooling are modules too, and the stages are 4 to 7. lightly's own networks call
    them as functions, so the stages are 2 to 5, and the ReLU of the stem is lost.
    """
    stages = sorted({int(k.split(".")[0]) for k in arrays if re.match(r"\d+\.\d", k)})
    first = stages[0] if stages else 4
    names = {"0": "conv1", "1": "bn1"}
    names |= {str(number): f"layer{number - first + 1}" for number in stages}
    renamed = {}
    for key, array in arrays.items():
        top, dot, rest = key.partition(".")
        rest = rest.replace("shortcut.", "downsample.")
        renamed[names.get(top, top) + dot + rest] = array
    return renamed, first == 4


def resnet_of(
    arrays: Mapping[str, np.ndarray], source: Source, has_relu: bool
) -> Network:
    """Reads depth, widths and stem of a ResNet off the shapes of its weights."""
    stem_width, channels, kernel, _ = shape_of(arrays, "conv1.weight", 4)
    if kernel not in (3, 7):
        raise ValueError(
            "Expected a ResNet whose first convolution is 7x7 or 3x3. Received: "
            f"{kernel}x{kernel}"
        )
    found = [(int(b[1]), int(b[2])) for b in map(_BLOCK.match, arrays) if b]
    if not found or min(found) != (1, 0):
        raise ValueError(
            f"Expected a ResNet's blocks, 'layer1.0.' and so on. Received: "
            f"{some(arrays)}"
        )
    stages = max(stage for stage, _ in found)
    blocks = tuple(
        1 + max((b for s, b in found if s == stage), default=-1)
        for stage in range(1, stages + 1)
    )
    bottleneck = "layer1.0.conv3.weight" in arrays
    widths = [
        shape_of(arrays, f"layer{stage}.0.conv1.weight", 4)[0]
        for stage in range(1, stages + 1)
    ]
    out = shape_of(arrays, f"layer1.0.conv{3 if bottleneck else 2}.weight", 4)[0]
    small = kernel == 3
    stem: Any = source.small_stem if has_relu else "small_linear"
    name = _NAMES.get((bottleneck, blocks), "resnet")
    if (ratio := out // (256 if bottleneck else 64)) > 1:
        name += f"_x{ratio}"
    elif (ratio := widths[0] // 64) > 1:
        name += f"_wide{ratio}"
    build = functools.partial(
        encoders.resnet,
        blocks,
        widths,
        stem=stem if small else "torchvision",
        bottleneck=bottleneck,
        expansion=out // widths[0],
        stem_width=stem_width,
        name=name,
    )
    return Network(name, build, plan, channels, small)


def plan(encoder: keras.Model) -> Plan:
    """Where the weights of each layer come from."""
    places: dict = {}
    for layer in encoder.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        conv, norm = "conv1", "bn1"
        if found := _LAYER.fullmatch(layer.name):
            block = f"layer{int(found[1]) + 1}.{found[2]}."
            conv, norm = block + found[3], block + found[3].replace("conv", "bn")
            if found[3] == "shortcut":
                conv, norm = block + "downsample.0", block + "downsample.1"
        places[layer.name] = ([f"{conv}.weight"], _convolution)
        parts = ("weight", "bias", "running_mean", "running_var")
        places[f"{layer.name}_norm"] = ([f"{norm}.{p}" for p in parts], _as_they_are)
    return places


def _convolution(kernel: np.ndarray) -> list[np.ndarray]:
    return [kernel.transpose(2, 3, 1, 0)]


def _as_they_are(*arrays: np.ndarray) -> list[np.ndarray]:
    return list(arrays)
