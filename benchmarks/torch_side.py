# SPDX-License-Identifier: Apache-2.0
"""The peers' side of the benchmarks: lightly's views, the same networks, their graphs.

Layer for layer as `cl_keras.encoders.compact_resnet` and `heads.projection_head`:
the scripts print both numbers of parameters.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightly.data import LightlyDataset
from lightly.transforms import SimCLRTransform
from torch import nn


def two_views(
    images: str,
    rows: Sequence[int],
    batch: int,
    loaders: int,
    size: int = 32,
    **views: float,
) -> torch.utils.data.DataLoader:
    """Two views of each of these images, by so many loader processes."""
    transform = SimCLRTransform(input_size=size, gaussian_blur=0.0, **views)
    dataset = LightlyDataset(images, transform=transform)
    dataset = torch.utils.data.Subset(dataset, rows)
    return torch.utils.data.DataLoader(
        dataset,
        batch,
        shuffle=True,
        num_workers=loaders,
        drop_last=True,
        persistent_workers=loaders > 0,
    )


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )
        self.residual = nn.Sequential(
            conv(inputs, outputs, 3, stride),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            conv(outputs, outputs, 3),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Adds both."""
        return torch.relu(self.residual(x) + self.shortcut(x))


def compact_resnet(width: int = 32, blocks: int = 2) -> nn.Module:
    layers = [conv(3, width, 3, 2), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    inputs = width
    for stage in range(3):
        for block in range(blocks):
            outputs = width * 2**stage
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(Block(inputs, outputs, stride))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def projection_head(features: int, width: int = 128) -> nn.Module:
    last = nn.BatchNorm1d(width)
    # The last normalisation has no offset, in SimCLR's own code too.
    last.bias.requires_grad_(False)
    return nn.Sequential(
        nn.Linear(features, features, bias=False),
        nn.BatchNorm1d(features),
        nn.ReLU(inplace=True),
        nn.Linear(features, width, bias=False),
        last,
    )


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def planetoid(folder: str, name: str) -> Any:
    """A citation graph of PyTorch Geometric's reader, rows of features summing to 1."""
    from torch_geometric.datasets import Planetoid
    from torch_geometric.transforms import NormalizeFeatures

    with tempfile.TemporaryDirectory() as root:
        raw = Path(root, name.capitalize(), "raw")
        raw.parent.mkdir()
        raw.symlink_to(Path(folder).absolute())
        return Planetoid(root, name.capitalize(), transform=NormalizeFeatures())[0]
