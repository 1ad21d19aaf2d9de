# SPDX-License-Identifier: Apache-2.0
"""Finds the data that strings name."""

from __future__ import annotations

from typing import Any

from cl_keras.data.file_groups import group_pattern
from cl_keras.data.source import Source
from cl_keras.data.spec import parse


def open(
    spec: str,
    *,
    pattern: str | None = None,
    label: str | None = None,
    group: str | None = None,
    **options: Any,
) -> Source:
    """Finds what a data string names, without reading it.

    Args:
        spec: The data string, as in `load`.
        pattern: Labels in the names of the files of a folder, as in `load`.
        label: The kind of labels to read, as in `load`.
        group: A group of `pattern`, such as the person: files of one value stay in one
            part when some are held out. Of `pairs:` as in `load_pairs`.
        **options: Of `csv:` and `pairs:`: the other arguments of `load_csv` and
            `load_pairs`.

    Returns:
        The source: its modality and parts, its files with their labels, and what
        reads or streams it.

    Raises:
        ValueError: If the string is not understood or names nothing that exists.

    Example:
    >>> open("digits").modality
    'image'
    """
    source = Source(spec, *parse(spec), pattern, label, group, options)
    if source.kind == "pairs":
        return source
    if group is not None and source.kind in ("csv", "folder"):
        group_pattern(pattern, group)
    if source.kind == "csv":
        return source
    if options:
        raise ValueError(
            f"`{next(iter(options))}` is of csv: and pairs:. Received: "
            f"{', '.join(options)}, and {spec}"
        )
    for name, value in (("pattern", pattern), ("label", label), ("group", group)):
        fits = source.kind == "folder" or (
            name == "label" and source.modality == "audio"
        )
        if value is not None and not fits:
            raise ValueError(
                f"`{name}` is of folders, and {spec} is {source.modality} data. "
                f"Received: {name}={value!r}"
            )
    return source


def modality(spec: str) -> str:
    """Tells what a data string names.

    Args:
        spec: As in `load`.

    Returns:
        `"image"`, `"audio"` (a folder with more recordings than images, or records
        packed of one; CSV files), `"graph"` or `"pair"`.

    Raises:
        ValueError: If the string is not understood or names nothing that exists.

    Example:
    >>> modality("digits")
    'image'
    """
    return open(spec).modality
