# SPDX-License-Identifier: Apache-2.0
"""Features of any number of files, on Apache Beam: local, Flink, Spark or Dataflow."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras import check, extras
from cl_keras.artifact import (
    BYTES_SIGNATURE,
    FLOAT_SIGNATURE,
    MANIFEST_FILE,
    read_manifest,
)
from cl_keras.export.bulk import files
from cl_keras.export.bulk.files import SUCCESS, TEMPORARY
from cl_keras.export.bulk.job import (
    FORMATS,
    MODEL,
    PLAN,
    RecordEntry,
    ShardJob,
    SourceFile,
    beam,
)
from cl_keras.export.bulk.plan import begin, digest_of_encoder, digest_of_sources
from cl_keras.export.bulk.shard import embed_shard
from cl_keras.registry import unknown
from cl_keras.specification import specification

REJECTED = "_rejected.jsonl"
#: Runners by name. `direct` is Beam's local runner: called by its class, as the name
#: DirectRunner would look for a program of another project on the network first.
RUNNERS = {
    "direct": "apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "flink": "FlinkRunner",
    "spark": "SparkRunner",
    "dataflow": "DataflowRunner",
}
_FILES_A_SHARD = 5_000
_MOST_SHARDS = 1_000


def bulk_embedding(
    encoder: keras.Model | str | os.PathLike[str],
    sources: Sequence[SourceFile],
    out: str | os.PathLike[str],
    *,
    runner: str = "direct",
    runner_options: Sequence[str] = (),
    output: str = "parquet",
    shards: int | None = None,
    batch_size: int = 256,
    class_names: Mapping[str, Sequence[str]] | None = None,
    skipped: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    parse: Callable[[bytes], RecordEntry] | None = None,
    decode: Callable[[bytes], np.ndarray] | None = None,
) -> dict[str, Any]:
    """Computes the features of many files with an exported encoder, shard by shard.

    The sources are cut into shards, in their order. A shard is one element of the
    pipeline: a worker reads its files, calls the model (loaded once a process), and
    writes `part-00000-of-00016.parquet` under a temporary name that becomes this one
    when all of it is there. So a shard that a runner makes twice is there once, and a
    job that was killed goes on with the shards that are not finished, when it is
    started again. Examples that cannot be used are left out and named, each with the
    reason; where one spoils a batch, the others of the batch are done one by one.

    `out` holds the parts and, under names that readers of Parquet folders pass over:
    `_SUCCESS` (JSON, the summary; only of a finished job), `_rejected.jsonl` (`id`
    and `reason` a line), `_shards/` (a note for each finished shard), `_plan.json`
    (what the job is), and while it runs `_plan/`, `_model/` and `_temporary/`.
    Workers must reach `out` and the sources: on several machines, a shared folder or
    a URL such as `gs://bucket/features`.

    Args:
        encoder: Local version folder of a SavedModel, as
            `cl_keras.export.saved_model` writes it, or a model, which is exported
            first. While the job runs, `out` has a copy.
        sources: The files, with names that differ.
        out: Folder or URL of the results.
        runner: A key of `RUNNERS`.
        runner_options: Beam's own options, such as `"--flink_master=host:8081"`.
        output: `"parquet"` or `"tfrecord"` (tf.train.Examples).
        shards: Number of shards; by default one for 5,000 files, at most 1,000; of
            record files never more than files.
        batch_size: Examples in one call of the model.
        class_names: Names of the labels by kind. An empty tuple where records bring
            the names along.
        skipped: Files left out before, each with the reason in brackets; listed with
            the rejected.
        facts: JSON values to keep with the features.
        parse: Takes records apart, importable on workers; needed for record files.
        decode: Makes arrays of files' bytes, importable on workers. If None, the
            signature `image_bytes` is called, else `serving_default`, with examples
            of one shape together.

    Returns:
        The summary: `features` (the folder), `rows`, `rejected_rows`,
        `skipped_files`, `dimensions`, `shards`, `resumed_shards` (finished before),
        `seconds`, `rows_per_second` (both of this start).

    Raises:
        ValueError: For an argument out of range, a folder that holds anything else,
            or nothing that can be used.
        ImportError: If Apache Beam or pyarrow is not installed.
        RuntimeError: If the runner has failed.

    Example:
    >>> bulk_embedding("serving/photos/1", [SourceFile("a.jpg", "a.jpg")], "features")
    ... # doctest: +SKIP
    {'features': 'features', 'rows': 1, ...}
    """
    start = time.perf_counter()
    shared = beam("apache_beam.utils.shared").Shared()
    _check_choices(runner, output, batch_size, shards)
    _check_sources(sources, parse)
    names = {kind: tuple(x) for kind, x in (class_names or {}).items()}
    job = ShardJob(
        files.location(out),
        _shard_count(sources, shards),
        output,
        batch_size,
        tuple(dict.fromkeys([*names, *(k for s in sources for k in s.labels)])),
        names,
        dict(facts or {}),
        parse,
        decode,
        shared,
    )
    _check_signature(encoder, job.signature)
    plan = {
        "format": 1,
        "model": digest_of_encoder(encoder),
        "output": output,
        "shards": job.shards,
        "sources": digest_of_sources(sources),
        "kinds": list(job.kinds),
        "class_names": {kind: list(x) for kind, x in names.items()},
        "facts": job.facts,
    }
    finished = begin(plan, encoder, sources, job)
    if finished is not None:
        return finished
    there = set(job.folder.find(""))
    waiting = [
        shard
        for shard in range(job.shards)
        if not {job.note(shard), job.file(shard)} <= there
    ]
    if waiting:
        _run(job, waiting, runner, runner_options)
    return _finish(job, waiting, skipped, time.perf_counter() - start)


def _check_choices(
    runner: str, output: str, batch_size: int, shards: int | None
) -> None:
    if runner not in RUNNERS:
        raise unknown("runner", runner, RUNNERS)
    if output not in FORMATS:
        raise unknown("format of features", output, FORMATS)
    if output == "parquet":
        extras.require("pyarrow.parquet", extra="parquet")
    check.at_least(1, batch_size=batch_size)
    if shards is not None:
        check.at_least(1, shards=shards)


def _check_signature(encoder: Any, signature: str) -> None:
    """Finds out here, and not on a worker, where the encoder is known well enough."""
    if isinstance(encoder, keras.Model):
        spec = specification(encoder)
        takes_bytes = spec.modality == "image" and spec.shape[-1] in (1, 3)
        signatures = {FLOAT_SIGNATURE} | ({BYTES_SIGNATURE} if takes_bytes else set())
    elif Path(encoder, MANIFEST_FILE).is_file():
        signatures = set(read_manifest(encoder).get("signatures", ()))
    else:
        return
    if signature not in signatures:
        raise ValueError(
            f"Expected an encoder with the signature {signature!r}"
            + (
                ", which image encoders of 1 or 3 channels have when exported"
                if signature == BYTES_SIGNATURE
                else ""
            )
            + f". Received: one with {', '.join(sorted(signatures))}"
        )


def _check_sources(
    sources: Sequence[SourceFile], parse: Callable[[bytes], RecordEntry] | None
) -> None:
    if not sources:
        raise ValueError("Expected at least one file to embed. Received: none")
    if len({source.records for source in sources}) > 1:
        raise ValueError("Expected files of records or plain files. Received: both")
    counts = Counter(source.id for source in sources)
    if len(counts) < len(sources):
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"Expected names that differ. Received twice: {twice!r}")
    if sources[0].records and parse is None:
        raise ValueError("Expected `parse` with files of records. Received: None")


def _shard_count(sources: Sequence[SourceFile], wanted: int | None) -> int:
    if sources[0].records:
        return min(wanted or _MOST_SHARDS, len(sources))
    usual = min(-(-len(sources) // _FILES_A_SHARD), _MOST_SHARDS)
    return min(wanted or usual, len(sources))


def _run(
    job: ShardJob, waiting: list[int], runner: str, options: Sequence[str]
) -> None:
    library, settings = beam(), beam("apache_beam.options.pipeline_options")
    for option in options:
        if not option.startswith("--"):
            raise ValueError(
                f"Expected Beam's options as --name=value. Received: {option!r}"
            )
    given = settings.PipelineOptions([f"--runner={RUNNERS[runner]}", *options])
    pipeline = library.Pipeline(options=given)
    (
        pipeline
        | "Shards" >> library.Create(waiting)
        # Else a runner may give all shards to one worker.
        | "Spread" >> library.Reshuffle()
        | "Embed" >> library.Map(partial(embed_shard, job))
    )
    state = str(pipeline.run().wait_until_finish())
    if state != "DONE":
        raise RuntimeError(f"The runner {runner} ended in the state {state}.")


def _finish(
    job: ShardJob, waiting: list[int], skipped: Sequence[str], seconds: float
) -> dict[str, Any]:
    folder = job.folder
    notes = [files.read_json(folder, job.note(shard)) for shard in range(job.shards)]
    rejected = [row for note in notes for row in note["rejected"]]
    earlier = [_as_row(text) for text in skipped]
    files.publish_lines(folder, REJECTED, [*earlier, *rejected])
    rows = sum(note["rows"] for note in notes)
    if not rows:
        first = f": {rejected[0]['id']} ({rejected[0]['reason']})" if rejected else ""
        raise ValueError(f"None of the examples can be used. First{first}")
    made = sum(notes[shard]["rows"] for shard in waiting)
    summary = {
        "features": job.out,
        "rows": rows,
        "rejected_rows": len(rejected),
        "skipped_files": len(skipped),
        "dimensions": notes[0]["dimensions"],
        "shards": job.shards,
        "resumed_shards": job.shards - len(waiting),
        "seconds": round(seconds, 1),
        "rows_per_second": round(made / seconds, 1),
    }
    files.publish_json(folder, SUCCESS, summary)
    files.remove(folder, PLAN, MODEL, TEMPORARY)
    return summary


def _as_row(text: str) -> dict[str, str]:
    """A skipped file, `PATH (REASON)`, as `_rejected.jsonl` has it."""
    path, _, reason = text.partition(" (")
    return {"id": path, "reason": reason.removesuffix(")")}
