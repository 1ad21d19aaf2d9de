# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from checkpoint_weights import MEAN, PLACES, STD, images

from cl_keras import checkpoints
from cl_keras.checkpoints.sources import SOURCES

RESNET, VIT = "bottleneck_x2", "vit_tiny_token"


def test_each_source_has_a_layout_here():
    assert {*PLACES} == {*SOURCES}
    assert all(source.reference for source in SOURCES.values())


@pytest.mark.parametrize(
    ("network", "place", "beside", "guessed"),
    [
        # ResNets by themselves are all alike, whatever they were trained by.
        (RESNET, "", "", "torchvision"),
        (RESNET, "module.", "module.prototypes.weight", "swav"),
        (RESNET, "", "projection_head.0.weight", "swav"),
        (RESNET, "backbone.", "classifier.weight", "solo_learn"),
        (VIT, "encoder.", "classifier.weight", "solo_learn"),
        (VIT, "", "", "dino"),
        (VIT, "", "head.weight", "timm"),
        (RESNET, "teacher.backbone.", "student.backbone.conv1.weight", "dino"),
        (VIT, "backbone.vit.", "projection_head.layers.0.weight", "lightly"),
        (VIT, "teacher_backbone.", "student_backbone.cls_token", "lightly"),
        (VIT, "base_encoder.", "predictor.0.weight", "moco_v3"),
    ],
)
def test_layouts_are_recognised(written, network, place, beside, guessed):
    further = {beside: np.ones(2)} if beside else {}
    path = written("torchvision", network, place, **further)
    checkpoint = checkpoints.open_checkpoint(path)
    assert checkpoint.source == guessed
    if guessed != "moco_v3":  # Twelve heads do not divide this network's width.
        checkpoint.encoder((64, 64, 3))


def test_what_is_told_of_a_checkpoint(written):
    path = written("moco_v2", RESNET)
    checkpoint = checkpoints.open_checkpoint(path)
    assert checkpoint.source == "moco_v2" and checkpoint.method == "moco"
    assert "arXiv:2003.04297" in checkpoint.reference
    assert checkpoint.left_out == ("fc",)
    assert "mean (0.485, 0.456, 0.406)" in checkpoint.preprocessing
    symmetric = checkpoints.open_checkpoint(path, scaling="symmetric")
    assert "[-1, 1]" in symmetric.preprocessing


def test_scaling_of_small_networks_and_of_timm(written, tmp_path):
    small = checkpoints.open_checkpoint(written("solo_learn", "resnet18_cifar_padded"))
    assert small.scaling == "cifar10"
    path = written("timm", VIT)
    config = {"pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25, 0.5, 0.5]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    encoder = checkpoints.load(path, input_shape=(64, 64, 3))
    other = checkpoints.load(path, input_shape=(64, 64, 3), scaling="imagenet")
    x = images((64, 64))
    as_other = (x - 0.5) / [0.25, 0.5, 0.5] * STD + MEAN
    np.testing.assert_allclose(encoder(x), other(as_other), rtol=1e-3, atol=1e-4)


def test_pooling_may_be_chosen(written):
    path = written("dino", "vit_tiny_of_dino")
    encoder = checkpoints.load(path, input_shape=(64, 64, 3), pooling="mean_of_norms")
    patches = encoder.get_layer("norm").output
    assert patches.shape == (None, 65, 128)
    with pytest.raises(ValueError, match="Unknown pooling 'mean'"):
        checkpoints.load(path, pooling="mean")
    with pytest.raises(ValueError, match="Unknown option of the encoder 'pooling'"):
        checkpoints.load(written("swav", RESNET), pooling="mean")


@pytest.mark.parametrize(
    ("network", "changes", "message"),
    [
        (RESNET, {"layer2.1.conv2.weight": None}, "Missing: layer2.1.conv2.weight"),
        (RESNET, {"layer1.0.se.weight": np.ones(3)}, "Unexpected: layer1.0.se.weight"),
        (RESNET, {"layer1.0.bn1.bias": np.full(16, np.nan)}, "NaN or infinity in 'lay"),
        (RESNET, {"layer1.0.bn1.bias": np.ones(9)}, "the layer 'stage0_block0_conv1_n"),
        (RESNET, {"bn1.weight": np.ones((16, 1))}, "layer 'stem_norm'"),
        (RESNET, {"layer2.0.conv2.weight": np.ones(9)}, "'stage1_block0_conv2'"),
        (RESNET, {"conv1.weight": np.ones((8, 3, 5, 5))}, "7x7 or 3x3. Received: 5x5"),
        (RESNET, {"conv1.weight": None}, "one of conv1.weight"),
        (RESNET, {"conv1.weight": np.ones((8, 1, 7, 7))}, "images of 1 channels"),
        (VIT, {"norm.bias": None}, "Missing: norm.bias"),
        (VIT, {"blocks.1.attn.qkv.bias": None}, "Missing: blocks.1.attn.qkv.bias"),
        (VIT, {"blocks.0.ls1.gamma": np.ones(3)}, "Unexpected: blocks.0.ls1.gamma"),
        (VIT, {"blocks.0.attn.qkv.weight": np.ones((128, 128))}, "'block0_attention'"),
        (VIT, {"pos_embed": np.ones((1, 60, 128))}, "positions of a square"),
        (VIT, {"pos_embed": np.ones((60, 128))}, "'pos_embed' of 3 axes"),
        (VIT, {"pos_embed": None}, "Expected the weight 'pos_embed'"),
    ],
)
def test_what_does_not_fit_is_named(written, network, changes, message):
    source = "torchvision" if network == RESNET else "timm"
    path = written(source, network, "", **changes)
    with pytest.raises(ValueError, match=message) as caught:
        checkpoints.load(path, source, input_shape=(32, 32, 3))
    assert str(path) in str(caught.value)


def test_other_checkpoints_are_refused(written):
    path = written("torchvision", "vit_tiny_token", "text_encoder.")
    with pytest.raises(ValueError, match="Expected the weights of a ResNet or"):
        checkpoints.load(path)
    expected = r"SimSiam: '\[state_dict.\]\[module.\]encoder.' in front of one of conv1"
    with pytest.raises(ValueError, match=expected):
        checkpoints.load(path, "simsiam")
    with pytest.raises(ValueError, match="Did you mean 'moco_v2'"):
        checkpoints.load(path, "moco2")
