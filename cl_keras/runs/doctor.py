# SPDX-License-Identifier: Apache-2.0
"""What this machine has, and what is missing, in one report.

Everything is imported inside the functions, and of the package only what needs no
TensorFlow: the report is needed most where an import fails.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

# The folder of each kind of named data below $CL_KERAS_DATA, and what is found there.
_FOUND = {
    "planetoid": ("ind.*.graph", lambda name: name.split(".")[1]),
    "tu": ("*.txt", lambda name: name.removesuffix(".txt")),
    "tfds": ("*", lambda name: name),
    "npz": ("*.npz", lambda name: name),
    "tfrecord": ("*", lambda name: name),
    "folder": ("*", lambda name: name),
}
_ESSENTIAL = ("tensorflow", "keras", "numpy", "pooch", "rich", "typer")


class Check(NamedTuple):
    """One line of the report.

    Attributes:
        name: What was looked at.
        state: `"ok"`, `"missing"` (something optional), or `"broken"`.
        detail: What was found, and what to do where it is not right.
    """

    name: str
    state: str
    detail: str


def doctor() -> list[Check]:
    """Looks at versions, devices, extras, data, cache, `tf.keras`, memory and cores.

    Returns:
        The checks; only what training cannot do without is ever `"broken"`.

    Example:
    >>> {check.name: check.state for check in doctor()}["python"]
    'ok'
    """
    return [
        Check("python", "ok", f"{platform.python_version()} on {platform.platform()}"),
        *_packages(),
        _keras_backend(),
        _devices(),
        _gpus(),
        _legacy_keras(),
        *_extras(),
        *_data(),
        _cache(),
        _zoo(),
        _cores(),
        _memory(),
    ]


def _packages() -> list[Check]:
    wanted = {name: text for name, extra, text in _requirements() if not extra}
    checks = [Check("cl-keras", "ok", _version("cl-keras") or "not installed")]
    for name in _ESSENTIAL:
        try:
            importlib.import_module(name)
        except Exception as error:  # Whatever it is: it is what the user must see.
            fix = f'pip install "{wanted.get(name, name)}"'
            backend = os.environ.get("KERAS_BACKEND", "tensorflow")
            if name == "keras" and backend != "tensorflow":
                fix = "KERAS_BACKEND=tensorflow, the only backend here"
            checks.append(Check(name, "broken", f"{_line(error)}; try: {fix}"))
            continue
        version = _version(name) or "unknown version"
        fits = _fits(version, wanted.get(name, ""))
        detail = version if fits else f'{version}; try: pip install "{wanted[name]}"'
        checks.append(Check(name, "ok" if fits else "broken", detail))
    return checks


def _keras_backend() -> Check:
    try:
        import keras

        backend = keras.backend.backend()
    except Exception as error:
        return Check("keras backend", "broken", _line(error))
    if backend == "tensorflow":
        return Check("keras backend", "ok", backend)
    advice = "set KERAS_BACKEND=tensorflow or unset it"
    return Check("keras backend", "broken", f"{backend}; {advice}")


def _devices() -> Check:
    try:
        import tensorflow as tf

        devices = tf.config.list_physical_devices()
    except Exception as error:
        return Check("devices", "broken", _line(error))
    kinds = [device.device_type for device in devices]
    text = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    return Check("devices", "ok" if "CPU" in kinds else "broken", text)


def _gpus() -> Check:
    """Each GPU, or what keeps TensorFlow from one."""
    try:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        build = tf.sysconfig.get_build_info()
        found = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    except Exception as error:
        return Check("gpus", "missing", _line(error))
    if gpus:
        names = []
        for details in found:
            major, minor = details.get("compute_capability", (0, 0))
            # Below 8.0 there are no bfloat16 units, below 7.0 none for float16.
            best = "bfloat16" if major >= 8 else "float16" if major >= 7 else ""
            names.append(
                f"{details.get('device_name', 'unknown')} (compute capability "
                f"{major}.{minor}{', --precision mixed_' + best if best else ''})"
            )
        return Check("gpus", "ok", "; ".join(names) + "; all are used in training")
    driver = Path("/proc/driver/nvidia").exists()
    if not build.get("is_cuda_build"):
        missing = "this TensorFlow is built without CUDA: install `tensorflow`"
    elif driver:
        missing = 'an NVIDIA driver is there: pip install "cl-keras[gpu]"'
    else:
        missing = (
            f"no NVIDIA driver; this TensorFlow takes CUDA {build['cuda_version']} and "
            f"cuDNN {build['cudnn_version']}, which cl-keras[gpu] brings"
        )
    return Check("gpus", "missing", f"none: training runs on CPU; {missing}")


def _legacy_keras() -> Check:
    flag = os.environ.get("TF_USE_LEGACY_KERAS")
    there = _version("tf-keras")
    state = f"tf_keras {there} is installed" if there else "tf_keras is not installed"
    if flag not in (None, "0", "False", "false"):
        advice = "" if there else "; unset TF_USE_LEGACY_KERAS"
        text = f"Keras 2, because TF_USE_LEGACY_KERAS={flag}; {state}. "
        text += f"cl_keras itself uses Keras 3 all the same{advice}"
        return Check("tf.keras", "ok" if there else "broken", text)
    text = f"Keras 3; {state}, which only GraphTensor records need"
    return Check("tf.keras", "ok", text)


def _extras() -> list[Check]:
    by_extra: dict[str, list[str]] = {}
    for name, extra, _ in _requirements():
        if extra and not name.startswith("cl-keras"):
            by_extra.setdefault(extra, []).append(name)
    checks = []
    for extra, names in by_extra.items():
        if extra == "gpu":
            continue  # Of TensorFlow's own; see the devices.
        missing = [name for name in names if _version(name) is None]
        if missing:
            detail = f'{", ".join(missing)}; pip install "cl-keras[{extra}]"'
            checks.append(Check(f"extra {extra}", "missing", detail))
        else:
            found = ", ".join(f"{name} {_version(name)}" for name in names)
            checks.append(Check(f"extra {extra}", "ok", found))
    return checks


def _data() -> list[Check]:
    root = os.environ.get("CL_KERAS_DATA")
    if not root:
        hint = "not set: named data is looked for in the working folder only"
        return [Check("CL_KERAS_DATA", "ok", hint)]
    folder = Path(root).expanduser()
    if not folder.is_dir():
        return [Check("CL_KERAS_DATA", "missing", f"{folder} is no folder")]
    found = []
    for kind, (pattern, name) in _FOUND.items():
        below = folder / kind
        names = sorted({name(p.name) for p in below.glob(pattern)} - {""})
        if names:
            shown = ", ".join(f"{kind}:{n}" for n in names[:8])
            found.append(shown + (" ..." if len(names) > 8 else ""))
    others = sorted(
        p.name for p in folder.iterdir() if p.is_dir() and p.name not in _FOUND
    )
    if others:
        found.append("folders: " + ", ".join(others[:8]))
    return [Check("CL_KERAS_DATA", "ok", f"{folder}: {'; '.join(found) or 'empty'}")]


def _cache() -> Check:
    try:
        from cl_keras.zoo.cache import cache_folder

        folder = cache_folder()
    except ImportError as error:
        return Check("cache", "missing", _line(error))
    # The nearest folder that exists is where it would be made.
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        text = f"{folder} cannot be written ({error.strerror}); set CL_KERAS_CACHE"
        return Check("cache", "missing", text)
    offline = os.environ.get("CL_KERAS_OFFLINE")
    return Check("cache", "ok", f"{folder}" + (", no downloads" if offline else ""))


def _zoo() -> Check:
    try:
        from cl_keras import zoo

        names = zoo.list()
    except ValueError as error:
        return Check("zoo", "missing", _line(error))
    return Check("zoo", "ok", f"{len(names)} encoders: {', '.join(names[:8])}")


def _cores() -> Check:
    cores = f"{os.cpu_count() or 1}"
    if hasattr(os, "sched_getaffinity"):
        cores = f"{len(os.sched_getaffinity(0))} of {cores}"
    facts = Path("/proc/cpuinfo")
    narrow = facts.is_file() and "_bf16" in facts.read_text()
    return Check("cores", "ok", cores + "; --precision mixed_bfloat16" * narrow)


def _memory() -> Check:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total = page * os.sysconf("SC_PHYS_PAGES")
        free = page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return Check("memory", "ok", "unknown")
    limit = ""
    group = Path("/sys/fs/cgroup/memory.max")
    if group.is_file() and (text := group.read_text().strip()).isdecimal():
        limit = f", {int(text) / 2**30:.1f} GiB allowed to this container"
    text = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free{limit}"
    return Check("memory", "ok", text)


def _requirements() -> list[tuple[str, str, str]]:
    """Name, extra (or nothing) and the requirement of all that cl-keras asks for."""
    try:
        lines = importlib.metadata.requires("cl-keras") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        text, _, marker = line.partition(";")
        name = re.match(r"[\w.-]+", text.strip())
        extra = re.search(r"""extra == ['"]([\w-]+)['"]""", marker)
        if name:
            found.append((name[0], extra[1] if extra else "", text.strip()))
    return found


def _fits(version: str, requirement: str) -> bool:
    """Whether a version is in the range that a requirement names."""
    numbers = _numbers(version)
    for sign, bound in re.findall(r"(>=|<)\s*([\d.]+)", requirement):
        if (numbers >= _numbers(bound)) != (sign == ">="):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
