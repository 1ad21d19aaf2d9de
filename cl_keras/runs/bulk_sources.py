# SPDX-License-Identifier: Apache-2.0
"""Which files a bulk job reads, and how: from a data string to sources."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import data
from cl_keras.data.file_kinds import sorted_suffixes, text_of
from cl_keras.data.listing import find_files
from cl_keras.data.records.example import read_example
from cl_keras.data.records.files import checked_files, is_record_file
from cl_keras.data.sequences.recording import common_rate, decode_recording
from cl_keras.export.bulk import files as bulk_files
from cl_keras.export.bulk.job import RecordEntry, SourceFile
from cl_keras.labels import number_labels
from cl_keras.runs.targets import data_settings


@dataclasses.dataclass(frozen=True)
class Listing:
    """The files that a data string names.

    Args:
        sources: The files.
        skipped: Files left out, each with the reason.
        class_names: Names of the labels by kind.
        facts: `data`, `modality`, and `root` or `sample_rate` where there is one.
        decode: Makes an example of a file's bytes; None where the model does.
    """

    sources: list[SourceFile]
    skipped: list[str]
    class_names: Mapping[str, Sequence[str]]
    facts: Mapping[str, Any]
    decode: Callable[[bytes], np.ndarray] | None = None

    @property
    def parse(self) -> Callable[[bytes], RecordEntry] | None:
        """Takes records apart; None where the sources are plain files."""
        if not self.sources[0].records:
            return None
        return partial(read_entry, modality=self.facts["modality"])


def list_sources(
    spec: str,
    known: Mapping[str, Any],
    *,
    images: bool,
    least: int = 0,
    pattern: str | None = None,
    label: str | None = None,
) -> Listing:
    """Finds the files that a data string names, without reading them."""
    if "://" in spec:
        return _list_elsewhere(spec, known, images, least, pattern, label)
    rules = data_settings(spec, known, pattern=pattern, label=label)
    source = data.open(
        spec, **{x: rules.get(f"data.{x}") for x in ("pattern", "label")}
    )
    kind, found = source.kind, source.modality
    if kind not in ("folder", "tfrecord"):
        raise ValueError(
            "Expected a folder or TFRecords to embed in bulk. Received: "
            f"{spec}; without a runner, `cl-keras embed` takes it"
        )
    if found != ("image" if images else "audio"):
        wanted = "images" if images else "waveforms"
        raise ValueError(
            f"The encoder takes {wanted}. Received: {spec}, which is {found} data"
        )
    if kind != "folder" and label is not None:
        raise ValueError(f"`label` is of folders. Received: {label=} with {spec}")
    facts: dict[str, Any] = {"data": spec, "modality": found}
    rate = known.get("sample_rate")
    if kind == "tfrecord":
        listing = _list_records(source, facts)
        rate = rate or listing.facts.get("sample_rate")
    else:
        facts["root"] = str(source.path)
        listing = _list_folder(source, facts)
        if not images:
            rate = rate or common_rate(source.path for source in listing.sources)
    return listing if images else _heard(listing, rate, least)


def _heard(listing: Listing, rate: int | None, least: int) -> Listing:
    """The listing with the decoder of its recordings."""
    if not rate:
        raise ValueError(
            "Expected the sample rate of the recordings in the records' index or "
            "among what is known of the encoder. Received: neither, with "
            f"{listing.facts['data']}"
        )
    return dataclasses.replace(
        listing,
        facts={**listing.facts, "sample_rate": rate},
        decode=partial(decode_recording, sample_rate=rate, least=least),
    )


def _list_elsewhere(
    spec: str,
    known: Mapping[str, Any],
    images: bool,
    least: int,
    pattern: str | None,
    label: str | None,
) -> Listing:
    """What lies on another machine: `folder:gs://...` or `tfrecord:gs://...`."""
    kind, _, place = spec.partition(":")
    if kind not in ("folder", "tfrecord") or pattern is not None or label is not None:
        raise ValueError(
            "Expected folder:URL or tfrecord:URL, without `pattern` and `label`. "
            f"Received: {spec}, pattern={pattern!r}, label={label!r}"
        )
    facts = {"data": spec, "modality": "image" if images else "audio"}
    rate = known.get("sample_rate")
    if kind == "tfrecord":
        is_pattern = any(mark in place for mark in "*?[")
        files = bulk_files.matching(place if is_pattern else f"{place}/*")
        if not (files := [x for x in files if is_pattern or is_record_file(x)]):
            raise ValueError(f"Found no .tfrecord file at {place}.")
        listing = Listing(_records(files), [], {"label": ()}, facts)
        return listing if images else _heard(listing, rate, least)
    modality = "image" if images else "audio"
    below = bulk_files.open_folder(place).find("")
    files = [f"{place.rstrip('/')}/{name}" for name in below]
    found = find_files(Path(place), modality, listing=files)
    if not found.files:
        raise ValueError(f"Found no file ({sorted_suffixes(modality)}) in {place}.")
    start = len(place.rstrip("/")) + 1
    sources = [
        SourceFile(file, file[start:], {} if texts is None else {"label": int(texts)})
        for file, texts in zip(
            found.files,
            [None] * len(found.files) if found.labels is None else found.labels,
            strict=True,
        )
    ]
    names = {} if found.class_names is None else {"label": found.class_names}
    listing = Listing(sources, found.skipped, names, {**facts, "root": place})
    return listing if images else _heard(listing, rate, least)


def _records(files: Sequence[str]) -> list[SourceFile]:
    return [SourceFile(x, os.path.basename(x), records=True) for x in files]


def _list_records(source: data.Source, facts: Mapping[str, Any]) -> Listing:
    # Not their checksums: the workers will read them, and each record has its own.
    files = checked_files(source.path, checksums=False)
    sources = _records([os.path.abspath(file) for file in files])
    if source.index is None:
        return Listing(sources, [], {"label": ()}, facts)
    if source.index.sample_rate:
        facts = {**facts, "sample_rate": source.index.sample_rate}
    return Listing(sources, [], source.index.class_names, facts)


def _list_folder(source: data.Source, facts: Mapping[str, Any]) -> Listing:
    rows: list[tuple[str, dict[str, str]]] = []
    skipped: list[str] = []
    for part in source.folders:
        found = source.files(part or "train")
        rows += zip(found.files, found.label_texts(), strict=True)
        skipped += found.skipped
    # All parts under one numbering.
    labels, class_names = number_labels([texts for _, texts in rows])
    sources = [
        SourceFile(
            os.path.abspath(file),
            text_of(os.path.normpath(os.path.relpath(file, source.path))),
            {kind: int(labels[kind][row]) for kind in labels},
        )
        for row, (file, _) in enumerate(rows)
    ]
    return Listing(sources, skipped, class_names, facts)


def read_entry(serialized: bytes, modality: str) -> RecordEntry:
    """Takes a `tf.train.Example` apart, for workers of a bulk job."""
    return RecordEntry(*read_example(serialized, modality))
