# SPDX-License-Identifier: Apache-2.0
"""What a bulk job is made of: sources, examples, and what all shards have in common."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cl_keras import artifact, extras
from cl_keras.export.bulk import files

PLAN, SHARDS, MODEL = "_plan", "_shards", "_model"
FORMATS = {"parquet": ".parquet", "tfrecord": ".tfrecord"}


class SourceFile(NamedTuple):
    """A file to embed.

    Attributes:
        path: Where workers find it.
        id: Its name among the results; of a file of records, what their names begin
            with.
        labels: Label by kind.
        records: Whether it is a TFRecord file, with an example in each record.
    """

    path: str
    id: str
    labels: Mapping[str, int] = {}
    records: bool = False


class RecordEntry(NamedTuple):
    """An example that a record holds.

    Attributes:
        content: The encoded image or recording.
        id: Its name, or None.
        labels: Its labels by kind, as far as they are known.
        classes: Their names by kind, as far as they are known.
    """

    content: bytes
    id: str | None = None
    labels: Mapping[str, int] = {}
    classes: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """What all shards have in common; small, as it travels to every worker.

    `shared` is Beam's handle, by which the model is loaded once a process; the rest is
    as `bulk_embedding` has it.
    """

    out: str
    shards: int
    output: str
    batch_size: int
    kinds: tuple[str, ...]
    class_names: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, Any]
    parse: Callable[[bytes], RecordEntry] | None
    decode: Callable[[bytes], np.ndarray] | None
    shared: Any

    @property
    def folder(self) -> Any:
        """The job's folder."""
        return files.open_folder(self.out)

    def file(self, shard: int) -> str:
        """Name of a shard's file."""
        return f"part-{shard:05d}-of-{self.shards:05d}{FORMATS[self.output]}"

    def note(self, shard: int) -> str:
        """Name of the note that says a shard is finished."""
        return f"{SHARDS}/{shard:05d}.json"

    def sources(self, shard: int) -> str:
        """Name of the list of a shard's files."""
        return f"{PLAN}/{shard:05d}.jsonl"

    @property
    def signature(self) -> str:
        """Name of the signature that is called."""
        by_bytes = self.decode is None
        return artifact.BYTES_SIGNATURE if by_bytes else artifact.FLOAT_SIGNATURE


class Row(NamedTuple):
    """An example of a shard, before its features are known; labels may be unknown."""

    id: str
    content: bytes
    labels: Mapping[str, int | None]
    classes: Mapping[str, str | None]


def beam(module: str = "apache_beam") -> Any:
    """Imports a module of Beam."""
    # On import, Beam warns of Google libraries that are not there, through the root
    # logger, which this would set up for the whole program.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        return extras.require(module, extra="beam")
    finally:
        logging.disable(before)
