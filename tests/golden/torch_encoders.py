# SPDX-License-Identifier: Apache-2.0
"""Features of torchvision's and timm's networks, with weights that are drawn anew.

    make golden

Only names and shapes of the weights are kept, and the features: `checkpoint_weights`
draws the same weights by name, here and in the tests.
"""

import json
import sys
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from lightly.models import ResNetGenerator
from PIL import Image
from timm.layers import resample_abs_pos_embed

sys.path.insert(0, str(Path(__file__).parents[1]))
from checkpoint_weights import (
    MEAN,
    SIZES,
    STD,
    images,
    photograph,
    positions,
    weights,
)


def small(network, padding=1):
    """As solo-learn (padding 2) and others (padding 1) change it for CIFAR."""
    width = network.conv1.out_channels
    network.conv1 = torch.nn.Conv2d(3, width, 3, 1, padding, bias=False)
    network.maxpool = torch.nn.Identity()
    return network


def in_a_row(network):
    """As lightly's tutorials take networks apart: keys are numbers."""
    *children, _ = network.children()
    if not isinstance(children[-1], torch.nn.AdaptiveAvgPool2d):
        children.append(torch.nn.AdaptiveAvgPool2d(1))
    return torch.nn.Sequential(*children, torch.nn.Flatten())


def as_dino(vectors, size):
    """Positions as DINO's `interpolate_pos_encoding` makes them for a size."""
    rows, columns = vectors.shape[2:]
    return torch.nn.functional.interpolate(
        vectors,
        scale_factor=((size[0] + 0.1) / rows, (size[1] + 0.1) / columns),
        mode="bicubic",
    )


def resnet(name="resnet18", **options):
    network = getattr(torchvision.models, name)(**options)
    network.fc = torch.nn.Identity()
    return network


def thin(block, layers, width, base_width):
    """As SwAV and VICReg widen networks: stem and stages, and bottlenecks or not."""
    network = torchvision.models.ResNet(block, layers, width_per_group=base_width)
    network.inplanes = width
    # They pad by one, and by two in the convolution.
    network.conv1 = torch.nn.Conv2d(3, width, 7, 2, 2, bias=False)
    network.conv1.register_forward_pre_hook(
        lambda _, x: torch.nn.functional.pad(x[0], (1, 1, 1, 1))
    )
    network.bn1 = torch.nn.BatchNorm2d(width)
    for stage, count in enumerate(layers):
        planes = width * 2**stage
        made = network._make_layer(block, planes, count, stride=1 if stage == 0 else 2)
        setattr(network, f"layer{stage + 1}", made)
    network.fc = torch.nn.Identity()
    return network


def vit(**options):
    options = {"num_classes": 0, "img_size": 224} | options
    return timm.create_model("vit_small_patch16_224", **options)


BOTTLENECK = torchvision.models.resnet.Bottleneck
TINY = {"embed_dim": 128, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 64}
NETWORKS = {
    "resnet18": lambda: resnet(),
    "resnet34": lambda: resnet("resnet34"),
    "resnet50": lambda: resnet("resnet50"),
    "wide_resnet50_2": lambda: resnet("wide_resnet50_2"),
    # Twice torchvision's widths, divided by eight.
    "bottleneck_x2": lambda: thin(BOTTLENECK, [1, 2, 1, 1], 16, 64),
    "bottleneck_x2_of_swav": lambda: thin(BOTTLENECK, [1, 2, 1, 1], 16, 128),
    "resnet18_cifar": lambda: small(resnet()),
    "resnet18_cifar_padded": lambda: small(resnet(), padding=2),
    "resnet18_cifar_linear": lambda: in_a_row(ResNetGenerator("resnet-18")),
    "resnet18_in_a_row": lambda: in_a_row(resnet()),
    "vit_small_token": vit,
    "vit_small_mean": lambda: vit(global_pool="avg"),
    "vit_tiny_token": lambda: vit(**TINY),
    # A class token without a position.
    "vit_tiny_token_nowhere": lambda: vit(no_embed_class=True, **TINY),
    "vit_tiny_of_dino": lambda: vit(**TINY),
    "vit_tiny_of_moco_v3": lambda: vit(**TINY | {"embed_dim": 96, "num_heads": 12}),
    "vit_tiny_mean": lambda: vit(global_pool="avg", **TINY),
    "vit_tiny_no_token": lambda: vit(global_pool="avg", class_token=False, **TINY),
}
kept = {}
for name, make in NETWORKS.items():
    shapes = {
        key: tuple(value.shape)
        for key, value in make().state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    state = {key: torch.tensor(value) for key, value in weights(shapes).items()}
    kept[f"{name}/shapes"] = json.dumps(shapes)
    for size in SIZES[name]:
        network = make().eval()
        lacking = network.load_state_dict(state, strict=False)
        assert all(key.endswith("num_batches_tracked") for key in lacking.missing_keys)
        if "pos_embed" in shapes:
            network.set_input_size(img_size=size)
        if name == "vit_tiny_of_dino" and size != (64, 64):
            grid = state["pos_embed"][:, 1:].reshape(1, 8, 8, -1).permute(0, 3, 1, 2)
            vectors = as_dino(grid, network.patch_embed.grid_size)
            network.pos_embed.data[:, 1:] = vectors.permute(0, 2, 3, 1).flatten(1, 2)
        x = (images(size) - np.array(MEAN)) / np.array(STD)
        x = torch.tensor(x.transpose(0, 3, 1, 2), dtype=torch.float32)
        with torch.no_grad():
            features = network(x).numpy()
        kept[f"{name}/{size[0]}x{size[1]}"] = features
        # Weights that drown the images would prove nothing.
        differences = np.abs(features[0] - features[1])
        print(name, size, features.shape, np.abs(features).max(), differences.mean())
for grid, new in (((14, 14), (6, 8)), ((14, 14), (20, 14)), ((7, 7), (14, 3))):
    vectors = torch.tensor(positions(grid)[None]).permute(0, 3, 1, 2)
    rows, columns = new
    dino = as_dino(vectors, new)
    flat = vectors.permute(0, 2, 3, 1).reshape(1, -1, vectors.shape[1])
    of_timm = resample_abs_pos_embed(flat, [*new], [*grid], num_prefix_tokens=0)
    name = f"{grid[0]}x{grid[1]}_{rows}x{columns}"
    kept[f"dino/{name}"] = dino[0].permute(1, 2, 0).numpy()
    kept[f"timm/{name}"] = of_timm[0].reshape(rows, columns, -1).numpy()
# A photograph as users of PyTorch bring it to a size, and its features.
size = 64
steps = torchvision.transforms.Compose(
    [torchvision.transforms.Resize(size), torchvision.transforms.CenterCrop(size)]
)
pixels = steps(Image.fromarray(photograph()))
normalized = torchvision.transforms.functional.normalize(
    torchvision.transforms.functional.to_tensor(pixels), MEAN, STD
)
network = NETWORKS["bottleneck_x2"]().eval()
own = weights(json.loads(kept["bottleneck_x2/shapes"]))
network.load_state_dict({k: torch.tensor(v) for k, v in own.items()}, strict=False)
with torch.no_grad():
    kept["photograph/features"] = network(normalized[None]).numpy()
kept["photograph/pixels"] = np.asarray(pixels)
np.savez_compressed(Path(__file__).with_suffix(".npz"), **kept)
