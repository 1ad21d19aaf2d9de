# SPDX-License-Identifier: Apache-2.0
"""Encoders: Keras models from inputs to feature vectors."""

from cl_keras.encoders.application import application
from cl_keras.encoders.attention import attention_maps
from cl_keras.encoders.backbone import backbone
from cl_keras.encoders.build import ENCODERS, build
from cl_keras.encoders.color_split import color_split
from cl_keras.encoders.compact_conv import compact_conv
from cl_keras.encoders.crops import mean_of_crops
from cl_keras.encoders.depth import block_depths, freeze
from cl_keras.encoders.dim_conv import dim_conv
from cl_keras.encoders.graph import diffusion_gcn, gcn, gin, graph_sage
from cl_keras.encoders.input_shape import with_input_shape
from cl_keras.encoders.mel import mel_conv, mel_sequence
from cl_keras.encoders.parts import means_of_parts
from cl_keras.encoders.patches import patch_grid
from cl_keras.encoders.positions import ClassToken, Positions
from cl_keras.encoders.resnet import (
    compact_resnet,
    resnet,
    resnet18,
    resnet34,
    resnet50,
)
from cl_keras.encoders.sequence import audio_conv, vector_sequence
from cl_keras.encoders.vit import vit, vit_base, vit_small, vit_tiny
from cl_keras.encoders.whitening import whiten
from cl_keras.preprocessing.sample_rate import sample_rate_of, with_sample_rate

__all__ = [
    "ENCODERS",
    "application",
    "ClassToken",
    "Positions",
    "attention_maps",
    "audio_conv",
    "backbone",
    "block_depths",
    "build",
    "color_split",
    "compact_conv",
    "compact_resnet",
    "diffusion_gcn",
    "dim_conv",
    "freeze",
    "gcn",
    "gin",
    "graph_sage",
    "mean_of_crops",
    "means_of_parts",
    "mel_conv",
    "mel_sequence",
    "patch_grid",
    "resnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "sample_rate_of",
    "vector_sequence",
    "whiten",
    "with_input_shape",
    "vit",
    "vit_base",
    "vit_small",
    "vit_tiny",
    "with_sample_rate",
]
