# SPDX-License-Identifier: Apache-2.0
"""Archives of NumPy's arrays, read without code and within bounds."""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from cl_keras.unpacking import check_archive


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an archive that `numpy.savez` has written, read one by one."""

    def __init__(self, archive: np.lib.npyio.NpzFile) -> None:
        self._archive = archive

    def __getitem__(self, name: str) -> np.ndarray:
        value = self._archive[name]
        if not isinstance(value, np.ndarray):
            raise ValueError(f"{name!r} is no array")
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive.files)

    def __len__(self) -> int:
        return len(self._archive.files)


@contextlib.contextmanager
def open_arrays(path: str | os.PathLike[str], expected: str) -> Iterator[Arrays]:
    """Opens an archive of arrays; whatever is wrong with it, the error says so.

    `expected` is how the error begins. Objects are never unpickled.
    """
    with describing(expected):
        if not zipfile.is_zipfile(path):
            raise ValueError("it is not an archive as numpy.savez writes it")
        check_archive(path)
        with np.load(path, allow_pickle=False) as file:
            yield Arrays(file)


@contextlib.contextmanager
def describing(expected: str) -> Iterator[None]:
    """Turns what readers of arrays and archives raise into one error."""
    try:
        yield
    except ImportError:
        raise
    # Archives that are damaged, locked, or say that they hold what no memory does.
    except (
        ArithmeticError,
        EOFError,
        LookupError,
        MemoryError,
        OSError,
        RuntimeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # Of a header that is none NumPy shows how Python sees it.
        said = str(error).partition(": <ast.")[0] or type(error).__name__
        raise ValueError(f"{expected}: {said}") from error
