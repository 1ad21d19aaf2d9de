# SPDX-License-Identifier: Apache-2.0
import argparse
import importlib.util
import json
import struct
import sys

import numpy as np
import pytest
from checkpoint_weights import state
from safetensors.numpy import save_file

from cl_keras import checkpoints
from cl_keras.checkpoints.reading import read

HAS_TORCH = importlib.util.find_spec("torch") is not None


def test_precisions_become_what_numpy_knows(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"half": np.full(2, 1.5, np.float16), "_orig_mod.b": np.ones(1)}, path)
    arrays = read(path)
    assert arrays["half"].tolist() == [1.5, 1.5] and "b" in arrays
    header = json.dumps({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}})
    values = struct.pack("<HH", 0x3FC0, 0xC000)
    size = struct.pack("<Q", len(header))
    path.write_bytes(size + header.encode() + values)
    assert read(path)["x"].astype(np.float32).tolist() == [1.5, -2.0]


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        read(tmp_path / "none.safetensors")
    path = tmp_path / "a.safetensors"
    save_file({"a": np.ones(100)}, path)
    whole = path.read_bytes()
    for content in (b"", b"x" * 100, whole[:-5]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged, or no .safetensors file"):
            read(path)
    save_file({}, path)
    with pytest.raises(ValueError, match="with weights"):
        read(path)
    other = tmp_path / "model.onnx"
    other.write_bytes(whole)
    with pytest.raises(ValueError, match=".safetensors, .pth, .pt"):
        read(other)


def test_pytorch_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "model.pth"
    path.write_bytes(b"PK")
    with pytest.raises(ImportError, match=r'pip install "cl-keras\[torch\]"'):
        checkpoints.load(path)


class Evil:
    def __reduce__(self):
        return print, ("code that runs",)


@pytest.mark.skipif(not HAS_TORCH, reason="needs PyTorch")
def test_files_of_pytorch(tmp_path, capsys):
    import torch

    own = state("moco_v2", "bottleneck_x2")
    prefix = "state_dict."
    tensors = {k.removeprefix(prefix): torch.tensor(v) for k, v in own.items()}
    tensors["module.encoder_q.bn1.num_batches_tracked"] = torch.tensor(7)
    whole = {
        "epoch": 3,
        "arch": "resnet50",
        "args": argparse.Namespace(lr=0.03),
        "state_dict": tensors,
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(3)}}},
    }
    path = tmp_path / "checkpoint_0200.pth.tar"
    save_file(own, tmp_path / "a.safetensors")
    expected = checkpoints.load(tmp_path / "a.safetensors", input_shape=(40, 50, 3))
    for zipped in (True, False):
        torch.save(whole, path, _use_new_zipfile_serialization=zipped)
        encoder = checkpoints.load(path, input_shape=(40, 50, 3))
        for one, other in zip(encoder.weights, expected.weights, strict=True):
            np.testing.assert_array_equal(one, other)
    half = {key: tensor.bfloat16() for key, tensor in tensors.items()}
    torch.save({"state_dict": half}, path)
    assert checkpoints.open_checkpoint(path).source == "moco_v2"
    content = path.read_bytes()
    for damaged in (content[:-100], content[:100], b"no checkpoint", b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged"):
            checkpoints.load(path)
    torch.save({"state_dict": tensors, "hyper_parameters": Evil()}, path)
    with pytest.raises(ValueError, match="If you trust its source"):
        checkpoints.load(path)
    assert "code that runs" not in capsys.readouterr().out
