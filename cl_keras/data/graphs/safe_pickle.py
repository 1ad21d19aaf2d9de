# SPDX-License-Identifier: Apache-2.0
"""Reads pickles of arrays, sparse matrices, dicts and lists, and nothing else.

A pickle is a program: it may name any function of any module and call it. This
reader hands it stand-ins for the few names that data files need and refuses all
others, before anything is called.
"""

from __future__ import annotations

import os
import pickle  # The restricted reader below is the point of this file.
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras


class _Csr:
    """Takes the state of a pickled CSR matrix; nothing of it is executed."""

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("a CSR matrix without its parts")
        self.parts = state

    def matrix(self) -> Any:
        sparse = extras.require("scipy.sparse", extra="tables")
        parts = self.parts
        shape = parts.get("_shape", parts.get("shape"))
        values = (parts["data"], parts["indices"], parts["indptr"])
        if not all(isinstance(v, np.ndarray) and v.dtype.kind in "iuf" for v in values):
            raise pickle.UnpicklingError("a CSR matrix of something else than numbers")
        matrix = sparse.csr_matrix(values, shape=shape)
        matrix.check_format(full_check=True)
        return matrix


# Stands for `numpy.ndarray`, which pickles pass on but never call.
_ARRAY_TYPE = object()


class _Reconstruct:
    """Makes the array whose state comes next; nothing can be set on it."""

    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, code: Any) -> np.ndarray:
        # NumPy's own function would make an instance of any class.
        if kind is not _ARRAY_TYPE:
            raise pickle.UnpicklingError("an array of a class other than numpy.ndarray")
        return np.empty(0, np.uint8)


class _Encode:
    """How Python 3 writes bytes for protocols that have none."""

    __slots__ = ()

    def __call__(self, text: Any, codec: Any) -> bytes:
        if not isinstance(text, str) or codec != "latin1":
            raise pickle.UnpicklingError(f"_codecs.encode with codec {codec!r}")
        return text.encode("latin1")


# Python 2 and 3, old and new NumPy and SciPy have different names for these.
_ADMITTED = {
    ("_codecs", "encode"): _Encode(),
    ("collections", "defaultdict"): defaultdict,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): _ARRAY_TYPE,
} | {
    (module, name): stand_in
    for modules, name, stand_in in (
        (("__builtin__", "builtins"), "list", list),
        (("__builtin__", "builtins"), "dict", dict),
        (("__builtin__", "builtins"), "int", int),
        (
            ("numpy.core.multiarray", "numpy._core.multiarray"),
            "_reconstruct",
            _Reconstruct(),
        ),
        (("scipy.sparse.csr", "scipy.sparse._csr"), "csr_matrix", _Csr),
    )
    for module in modules
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return _ADMITTED[module, name]


def load_pickle(path: str | os.PathLike[str]) -> Any:
    """Reads a pickle that holds numbers, lists, dicts, arrays and CSR matrices.

    Files of Python 2 are read as Latin-1, as NumPy's old arrays need.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _plain(_Unpickler(file, encoding="latin1").load())
    except ImportError:
        raise
    except FileNotFoundError as error:
        raise ValueError(f"Found no file {path}.") from error
    # A damaged pickle can fail in any of the ways that the steps of one can.
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        said = isinstance(error, pickle.UnpicklingError | EOFError | ValueError)
        raise ValueError(
            f"Expected {path} to be a pickle of numbers, lists, dicts, NumPy arrays "
            "and SciPy CSR matrices only. Refused: "
            f"{error if said else 'it is damaged'}"
        ) from error


def _plain(value: Any) -> Any:
    """Stand-ins turned into what they stand for; anything unexpected refused."""
    if isinstance(value, _Csr):
        return value.matrix()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"an array of dtype {value.dtype}")
        return value
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise pickle.UnpicklingError(f"a value of type {type(value).__name__}")
