# SPDX-License-Identifier: Apache-2.0
"""Weights and images by name, drawn alike with and without PyTorch."""

import functools
import json
import math
import zlib
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden" / "torch_encoders.npz"

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_FULL = ((224, 224), (96, 96), (100, 130))
_SMALL = ((32, 32), (33, 47))
_TINY = ((64, 64), (96, 96), (100, 130))
SIZES = {
    **dict.fromkeys(
        ("resnet18", "resnet50", "vit_small_token", "vit_small_mean"), _FULL
    ),
    **dict.fromkeys(("resnet34", "wide_resnet50_2"), _FULL[1:]),
    **dict.fromkeys(("bottleneck_x2", "bottleneck_x2_of_swav"), _FULL),
    **dict.fromkeys(("resnet18_cifar", "resnet18_cifar_padded"), _SMALL),
    **dict.fromkeys(("resnet18_cifar_linear", "resnet18_in_a_row"), _SMALL),
    **dict.fromkeys(("vit_tiny_token", "vit_tiny_mean", "vit_tiny_no_token"), _TINY),
    **dict.fromkeys(("vit_tiny_of_dino", "vit_tiny_of_moco_v3"), _TINY),
    "vit_tiny_token_nowhere": _TINY,
}

# By source: its encoder's place, and what stands beside it.
PLACES = {
    "moco_v1": (
        "module.encoder_q.",
        ["module.encoder_q.fc.weight", "module.encoder_k.conv1.weight", "module.queue"],
    ),
    "moco_v2": (
        "state_dict.module.encoder_q.",
        ["state_dict.module.encoder_q.fc.0.bias", "state_dict.module.queue_ptr"],
    ),
    "moco_v3": (
        "module.base_encoder.",
        [
            "module.base_encoder.head.0.weight",
            "module.base_encoder.fc.4.running_var",
            "module.momentum_encoder.conv1.weight",
            "module.predictor.0.weight",
        ],
    ),
    "simsiam": (
        "module.encoder.",
        ["module.encoder.fc.0.weight", "module.predictor.0.weight"],
    ),
    "swav": (
        "module.",
        ["module.projection_head.0.weight", "module.prototypes.weight"],
    ),
    "deepcluster_v2": ("module.", ["module.prototypes.prototypes0.weight"]),
    "dino": (
        "teacher.backbone.",
        [
            "teacher.head.mlp.0.weight",
            "student.module.backbone.cls_token",
            "student.module.head.mlp.0.weight",
            "dino_loss.center",
        ],
    ),
    "barlow_twins": (
        "model.module.backbone.",
        ["model.module.projector.0.weight", "model.module.bn.running_mean"],
    ),
    "vicreg": ("model.module.backbone.", ["model.module.projector.0.weight"]),
    "lightly": (
        "state_dict.backbone.",
        ["state_dict.projection_head.layers.0.weight"],
    ),
    "solo_learn": (
        "state_dict.backbone.",
        ["state_dict.classifier.weight", "state_dict.projector.0.weight"],
    ),
    "torchvision": ("", ["fc.weight", "fc.bias"]),
    "timm": ("", ["head.weight", "head.bias"]),
}


def _generator(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def images(size, count=2):
    """Smooth images with some noise, in [0, 1]."""
    rng = _generator(f"images {size}")
    coarse = rng.random((count, 5, 5, 3))
    rows = np.arange(size[0]) * 5 // size[0]
    columns = np.arange(size[1]) * 5 // size[1]
    noise = rng.random((count, *size, 3))
    mixed = 0.7 * coarse[:, rows][:, :, columns] + 0.3 * noise
    return mixed.astype(np.float32)


def positions(grid):
    """Vectors of 4 channels for a grid."""
    return _generator(f"positions {grid}").normal(size=(*grid, 4)).astype(np.float32)


def weights(shapes):
    """Weights with which activations stay of order 1, whatever the depth."""
    return {key: _weight(key, tuple(shape)) for key, shape in shapes.items()}


def _weight(key, shape):
    rng = _generator(key)
    if key.endswith("running_var"):
        value = rng.uniform(0.5, 2.0, shape)
    elif key.endswith("running_mean"):
        value = rng.normal(0, 0.2, shape)
    elif len(shape) == 1 and key.endswith("weight"):
        # The last normalisation of a block of a ResNet adds little to the shortcut.
        low, high = (0.1, 0.5) if ".bn" in key else (0.5, 1.5)
        value = rng.uniform(low, high, shape) * rng.choice([-1, 1], shape)
    elif len(shape) == 1:
        value = rng.normal(0, 0.2, shape)
    elif len(shape) == 3:  # Positions, and the class token.
        value = rng.normal(0, 0.5, shape)
    else:
        value = rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape)
    return value.astype(np.float32)


@functools.cache
def golden():
    """What PyTorch's networks gave, and the names and shapes of their weights."""
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def state(source, network, place=None):
    """Weights of a network in a source's layout; at another place, them alone."""
    own = weights(json.loads(str(golden()[f"{network}/shapes"])))
    if place is not None:
        return {place + key: array for key, array in own.items()}
    known, beside = PLACES[source]
    own = {known + key: array for key, array in own.items()}
    return own | {name: np.ones(3, np.float32) for name in beside}


def photograph():
    """Bytes of an image that is wider than high: 64 rows of it have 96 columns."""
    return np.round(images((90, 135), 1)[0] * 255).astype(np.uint8)
