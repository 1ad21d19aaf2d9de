# SPDX-License-Identifier: Apache-2.0
"""What encoders are tested with: data of its own, or a fifth that is held out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from cl_keras.data.file_groups import groups_of
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.opening import open
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.skipped import warn_caller
from cl_keras.data.source import Source
from cl_keras.data.spec import parse

_CUT = ("window", "hop", "purity")  # What cuts series into windows.
Part = TypeVar("Part", ImageData, SequenceData, EncodedSource)


def read_test_part(
    source: Source, test_spec: str | None, read: Callable[[Source, str], Any]
) -> Any:
    """Reads the test data that is named, or that the data has; None if neither."""
    test = _test_part(source, test_spec, read)
    if test is not None and source.group is not None:
        warn_caller(
            f"`group` says how a fifth is held out, and {source.spec} has a test part: "
            f"group={source.group!r} is not used."
        )
    return test


def hold_out_fifth(source: Source, whole: Part, seed: int) -> tuple[Part, Part]:
    """Holds a fifth out: whole values of the group that the source names, if any."""
    groups = None
    if source.group is not None:
        files = list(whole.ids or ())
        if source.kind == "csv" and source.options.get("window"):
            files = [name.rpartition("@")[0] for name in files]
        paths = source.kind == "csv"
        groups = groups_of(files, source.pattern, source.group, paths=paths)
    return whole.split(0.2, seed, groups=groups)


def uncut(source: Source) -> Source:
    """Series that are not cut into windows."""
    options = {k: x for k, x in source.options.items() if k not in _CUT}
    if len(options) == len(source.options):
        return source
    return dataclasses.replace(source, options=options)


def _test_part(
    source: Source, test_spec: str | None, read: Callable[[Source, str], Any]
) -> Any:
    if test_spec is None:
        return read(source, "test")
    other = _open_test(source, test_spec)
    test = read(other, "test")
    if test is not None:
        return test
    if (other.kind, other.path.resolve()) == (source.kind, source.path.resolve()):
        raise ValueError(
            "Expected test data other than the training data. Leave `test_spec` out to "
            f"hold 20 % out. Received: {test_spec!r} for both"
        )
    return read(other, "train")


def _open_test(source: Source, test_spec: str) -> Source:
    """Opens test data, whose labels stand where those of the training data do."""
    kind = parse(test_spec)[0]
    is_alike = kind in ("folder", "csv")
    return open(
        test_spec,
        pattern=source.pattern if is_alike else None,
        label=source.label if is_alike or source.modality == "audio" else None,
        **(source.options if kind == source.kind else {}),
    )
