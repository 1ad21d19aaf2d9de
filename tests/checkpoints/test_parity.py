# SPDX-License-Identifier: Apache-2.0
"""Imported networks compute what PyTorch's do."""

import numpy as np
import pytest
from checkpoint_weights import SIZES, golden, images, positions

from cl_keras import checkpoints
from cl_keras.encoders.positions import cubic_matrix

# Other places of the same keys.
OF_TORCHVISION = (
    *("moco_v1", "moco_v2", "moco_v3", "simsiam", "deepcluster_v2", "barlow_twins"),
    "vicreg",
)
QUICK = [
    ("torchvision", "bottleneck_x2", "resnet"),
    ("moco_v3", "vit_tiny_of_moco_v3", "vit_patch8"),
    ("swav", "bottleneck_x2_of_swav", "resnet"),
    ("dino", "vit_tiny_of_dino", "vit_patch8"),
    ("solo_learn", "resnet18_cifar_padded", "resnet18"),
    ("lightly", "resnet18_in_a_row", "resnet18"),
    ("lightly", "resnet18_cifar_linear", "resnet18"),
    ("timm", "vit_tiny_token", "vit_patch8"),
    ("timm", "vit_tiny_mean", "vit_patch8"),
    ("timm", "vit_tiny_no_token", "vit_patch8"),
    ("timm", "vit_tiny_token_nowhere", "vit_patch8"),
]
SLOW = [
    ("moco_v2", "resnet50", "resnet50"),
    ("torchvision", "resnet18", "resnet18"),
    ("torchvision", "resnet34", "resnet34"),
    ("torchvision", "wide_resnet50_2", "resnet50_wide2"),
    ("lightly", "resnet18_cifar", "resnet18"),
    ("timm", "vit_small_token", "vit_small_patch16"),
    ("timm", "vit_small_mean", "vit_small_patch16"),
]


def check_parity(path, source, network, architecture, sizes=None):
    checkpoint = checkpoints.open_checkpoint(path, scaling="imagenet")
    assert (checkpoint.source, checkpoint.architecture) == (source, architecture)
    for size in sizes or SIZES[network]:
        encoder = checkpoint.encoder((*size, 3))
        expected = golden()[f"{network}/{size[0]}x{size[1]}"]
        features = encoder(images(size), training=False).numpy()
        assert features.shape == expected.shape
        error = np.abs(features - expected).max() / np.abs(expected).max()
        print(source, network, size, f"{error:.1e}")
        assert error < 1e-4, (size, error)


@pytest.mark.parametrize(("source", "network", "architecture"), QUICK)
def test_features_are_those_of_pytorch(written, source, network, architecture):
    path = written(source, network)
    check_parity(path, source, network, architecture)


@pytest.mark.parametrize("source", OF_TORCHVISION)
def test_layouts_of_torchvisions_keys(written, source):
    path = written(source, "bottleneck_x2")
    check_parity(path, source, "bottleneck_x2", "resnet", sizes=[(100, 130)])


@pytest.mark.slow
@pytest.mark.parametrize(("source", "network", "architecture"), SLOW)
def test_features_at_full_size(written, source, network, architecture):
    path = written(source, network)
    check_parity(path, source, network, architecture)


@pytest.mark.parametrize("rule", ["timm", "dino"])
@pytest.mark.parametrize("name", ["14x14_6x8", "14x14_20x14", "7x7_14x3"])
def test_positions_are_interpolated_as_by_pytorch(rule, name):
    old, new = (tuple(map(int, side.split("x"))) for side in name.split("_"))
    rows, columns = (cubic_matrix(o, n, rule) for o, n in zip(old, new, strict=True))
    got = np.einsum("ra,abd,cb->rcd", rows, positions(old), columns)
    np.testing.assert_allclose(got, golden()[f"{rule}/{name}"], atol=5e-6)
