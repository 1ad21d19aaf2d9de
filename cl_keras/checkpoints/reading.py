# SPDX-License-Identifier: Apache-2.0
"""Arrays by their names, from `.safetensors` and from PyTorch's files."""

from __future__ import annotations

import argparse
import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras.extras import require

SAFE = ".safetensors"
PICKLED = (".pth", ".pt", ".ckpt", ".tar", ".bin")
# Top-level parts of a training state that hold no network.
_LEFT_OUT = ("optim", "scaler", "lr_sched", "callbacks", "loops")


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads all arrays of a checkpoint; of nested parts, names are joined by dots.

    Args:
        path: A `.safetensors` file, or a file of `torch.save`: `.pth`, `.pt`, `.ckpt`,
            `.tar` or `.bin`. The latter is read with `weights_only=True`, so that it
            cannot run code.

    Returns:
        NumPy arrays by name, in the file's order.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the package that reads it is not installed.
        ValueError: If the file is of another format, damaged, or holds no arrays.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint {path}.")
    if path.suffix == SAFE:
        arrays = _read_safe(path)
    elif path.suffix in PICKLED:
        arrays = dict(_flat(_read_pickled(path)))
    else:
        raise ValueError(
            f"Expected a checkpoint ({', '.join((SAFE, *PICKLED))}). Received: {path}"
        )
    if not arrays:
        raise ValueError(f"Expected a checkpoint with weights. Received: {path}, none")
    # What torch.compile puts in between.
    return {name.replace("_orig_mod.", ""): value for name, value in arrays.items()}


def _read_safe(path: Path) -> dict[str, np.ndarray]:
    safetensors = require("safetensors", extra="checkpoints")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path} is damaged, or no .safetensors file: {_first_line(error)}"
        ) from error


def _read_pickled(path: Path) -> Any:
    torch = require("torch", extra="torch")
    # DINO's training states hold their arguments so: names and values, no code.
    allowed = torch.serialization.safe_globals([argparse.Namespace])
    try:
        with allowed:
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than weights, or is damaged: {_first_line(error)} "
            "If you trust its source, which could make it run any code, write the "
            "weights into a file of their own: "
            "torch.save(torch.load(path, weights_only=False)['state_dict'], new_path)"
        ) from error
    except (EOFError, KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of nested dicts; everything else in them is left out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if name or not str(key).startswith(_LEFT_OUT):
                yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif hasattr(value, "detach"):
        tensor = value.detach()
        yield name, (tensor.float() if tensor.is_floating_point() else tensor).numpy()
