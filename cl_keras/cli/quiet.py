# SPDX-License-Identifier: Apache-2.0
"""Standard error without what TensorFlow and libjpeg say to nobody."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# What TensorFlow's C++ says while it loads where there is no GPU, which is no news.
# 303 is "no CUDA driver library"; other failures of cuInit are worth reading.
_BANNER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called"
    rb"|I\d{4} [\d:.]+ +\d+ \S+\.cc:\d+\] "
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: I tensorflow/"
    rb"|To enable the following instructions: "
    rb"|.* failed call to cuInit: .*\(303\)$"
)
# What libjpeg and its caller say of a broken file, without its name.
_JPEG = re.compile(
    rb"Arithmetic table 0x|Bogus |Corrupt JPEG data|Empty (JPEG image|input file)"
    rb"|Huffman table 0x|Improper call to JPEG|Inconsistent progression"
    rb"|Input file read error|Invalid (JPEG|SOS|component|progressive)|Not a JPEG file"
    rb"|Premature end of JPEG|Quantization table 0x|Unsupported (JPEG|marker)"
    rb"|E\d{4} [\d:.]+ +\d+ jpeg_mem\.cc:"
)


def quiet_start() -> None:
    """Makes the first import of TensorFlow in this process a quiet one.

    TensorFlow logs at `TF_CPP_MIN_LOG_LEVEL` 2 (errors) unless the variable is set.
    Some lines ignore it: they come from C++, before logging is set up, straight to
    file descriptor 2. While TensorFlow loads and looks for devices, and only then,
    that descriptor goes through a filter that drops these lines and passes all
    others on. At level 0 or 1 nothing is filtered.
    """
    level = os.environ.setdefault(_LEVEL, "2")
    if level in ("0", "1") or "tensorflow" in sys.modules:
        return
    if hasattr(os, "fork") and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as usual, once, and has it loaded behind the filter."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module is as if nobody had stood in between.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        with _filtered_stderr(_BANNER):
            self._loader.exec_module(module)
            # The last of the lines comes with the first look for a GPU.
            module.config.list_physical_devices()


@contextlib.contextmanager
def quiet_decoding() -> Iterator[None]:
    """Drops what libjpeg writes to descriptor 2 of broken files: who reads names them.

    Python's own standard error goes past the filter: it stays a terminal.
    """
    asked = os.environ.get(_LEVEL) in ("0", "1") or "tensorflow" in sys.modules
    if asked or not hasattr(os, "fork") or sys.stderr is None:
        yield
        return
    before = sys.stderr
    # Not waited for: a process that outlives this one may hold descriptor 2.
    with _filtered_stderr(_JPEG, wait=False) as kept:
        with os.fdopen(os.dup(kept), "w", 1, errors="backslashreplace") as sys.stderr:
            try:
                yield
            finally:
                sys.stderr = before


@contextlib.contextmanager
def _filtered_stderr(dropped: re.Pattern[bytes], *, wait: bool = True) -> Iterator[int]:
    """Sends file descriptor 2 through a filter; gives one that goes past it.

    The filter is a process of its own: should TensorFlow end this one, as it does on
    a CPU it was not built for, what it said last is still passed on.
    """
    try:
        kept = os.dup(2)
    except OSError:  # There is no standard error.
        yield 2
        return
    sys.stderr.flush()
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        # These reach both processes: the other one answers them.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.close(sink)
        os.closerange(0, 3)
        _pass_on(source, kept, dropped)
        os._exit(0)
    os.close(source)
    os.dup2(sink, 2)
    os.close(sink)
    try:
        yield kept
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        if wait:
            os.waitpid(child, 0)


def _pass_on(source: int, sink: int, dropped: re.Pattern[bytes]) -> None:
    with os.fdopen(source, "rb") as lines, os.fdopen(sink, "wb", 0) as out:
        for line in lines:
            if not dropped.match(line.rstrip()):
                out.write(line)
