# SPDX-License-Identifier: Apache-2.0
"""What a bulk job is, written down, so that a later start goes on with it."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras.export.bulk.files import (
    SUCCESS,
    TEMPORARY,
    publish_json,
    publish_lines,
    read_json,
    remove,
)
from cl_keras.export.bulk.job import MODEL, PLAN, ShardJob, SourceFile
from cl_keras.export.writer import saved_model
from cl_keras.file_record import names, records
from cl_keras.specification import specification

PLAN_FILE = "_plan.json"
READY = f"{PLAN}/ready"  # The workers' files are there; they go when all is done.


def digest_of_encoder(encoder: keras.Model | str | os.PathLike[str]) -> str:
    """Tells an encoder from others."""
    digest = hashlib.sha256()
    if not isinstance(encoder, keras.Model):
        for record in records(encoder):
            digest.update(f"{record.path} {record.sha256}\n".encode())
        return digest.hexdigest()
    # Not of its export: two exports of one model differ in the names of functions.
    spec = specification(encoder)
    kinds = [type(layer).__name__ for layer in encoder.layers]
    digest.update(repr((spec, kinds)).encode())
    for weight in encoder.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()


def digest_of_sources(sources: Sequence[SourceFile]) -> str:
    """Tells a list of files from others, by names and labels."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(json.dumps([source.id, dict(source.labels)]).encode())
    return digest.hexdigest()


def begin(
    plan: Mapping[str, Any],
    encoder: keras.Model | str | os.PathLike[str],
    sources: Sequence[SourceFile],
    job: ShardJob,
) -> dict[str, Any] | None:
    """Writes down what is to be done, or finds it written down, or even done."""
    folder = job.folder
    there = folder.find("")
    if PLAN_FILE in there:
        earlier = read_json(folder, PLAN_FILE)
        if other := [key for key in plan if earlier.get(key) != plan[key]]:
            what = {"model": "another encoder", "sources": "other files or labels"}
            raise ValueError(
                f"{job.out} holds a job that differs in: "
                f"{', '.join(what.get(key, key) for key in other)}. Choose another "
                "folder, or delete this one."
            )
        parts = {job.file(shard) for shard in range(job.shards)}
        if SUCCESS in there and parts <= set(there):
            summary = read_json(folder, SUCCESS)
            return {**summary, "resumed_shards": summary["shards"]}
        if READY in there:
            return None
    else:
        ours = (PLAN, MODEL, TEMPORARY)
        if foreign := [name for name in there if name.partition("/")[0] not in ours]:
            raise ValueError(
                "Expected a folder that does not exist or is empty. Received: "
                f"{job.out}, with {foreign[0]} ({len(foreign)} files)"
            )
    remove(folder, PLAN, MODEL, TEMPORARY)
    _copy_model(encoder, folder)
    bounds = np.linspace(0, len(sources), job.shards + 1).round().astype(int).tolist()
    for shard, (first, last) in enumerate(itertools.pairwise(bounds)):
        rows = [source._asdict() for source in sources[first:last]]
        publish_lines(folder, job.sources(shard), rows)
    publish_json(folder, PLAN_FILE, plan)
    publish_json(folder, READY, {})
    return None


def _copy_model(encoder: keras.Model | str | os.PathLike[str], folder: Any) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        is_model = isinstance(encoder, keras.Model)
        exported = saved_model(encoder, scratch) if is_model else Path(encoder)
        for name in names(exported):
            copy = f"{MODEL}/{name}"
            folder.makedirs(copy.rpartition("/")[0], exist_ok=True)
            folder.put_file(str(exported / name), copy)
