# SPDX-License-Identifier: Apache-2.0
"""The peers' side of the benchmarks: the same networks in PyTorch.

Layer for layer as `cl_keras.encoders.compact_resnet` and `heads.projection_head`:
the scripts print both numbers of parameters.
"""

import torch
from torch import nn


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs, outputs, stride):
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

    def forward(self, x):
        """Adds both."""
        return torch.relu(self.residual(x) + self.shortcut(x))


def compact_resnet(width=32, blocks=2):
    layers = [conv(3, width, 3, 2), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    inputs = width
    for stage in range(3):
        for block in range(blocks):
            outputs = width * 2**stage
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(Block(inputs, outputs, stride))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def projection_head(features, width=128):
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


def parameters(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
