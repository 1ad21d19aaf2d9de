# SPDX-License-Identifier: Apache-2.0
"""What a worker of a bulk job does: the features of one shard, from files to a file."""

from __future__ import annotations

import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.bulk import files
from cl_keras.export.bulk.job import MODEL, Row, ShardJob, SourceFile, beam
from cl_keras.export.bulk.output import write_features
from cl_keras.operation_error import brief
from cl_keras.preprocessing.decoding import defect
from cl_keras.preprocessing.photos import served
from cl_keras.untuned import untuned

# What TensorFlow raises where an input is at fault. Anything else (no memory, a file
# system that does not answer) stops the shard, which the runner then tries again.
_BAD_INPUT = (
    tf.errors.InvalidArgumentError,
    tf.errors.InternalError,
    tf.errors.OutOfRangeError,
    tf.errors.UnimplementedError,
)
# Lines before the error itself.


class LoadedModel:
    """A signature of a SavedModel that takes one tensor."""

    def __init__(self, path: str, signature: str) -> None:
        with files.fetched(path) as local:
            self._loaded = tf.saved_model.load(local)
        signatures = self._loaded.signatures
        if signature not in signatures:
            raise ValueError(
                f"Expected the signature {signature!r} in the SavedModel. "
                f"Received: {sorted(signatures) or 'no signatures'}"
            )
        self._function = signatures[signature]
        inputs = self._function.structured_input_signature[1]
        outputs = self._function.structured_outputs
        if len(inputs) != 1 or artifact.OUTPUT not in outputs:
            raise ValueError(
                f"Expected one input and the output {artifact.OUTPUT!r} in signature "
                f"{signature!r}. Received: {sorted(inputs)} and {sorted(outputs)}"
            )
        ((self._name, self._spec),) = inputs.items()
        self.width = int(outputs[artifact.OUTPUT].shape[-1])

    def __call__(self, examples: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Computes features."""
        batch = tf.constant(
            list(examples) if self._spec.dtype == tf.string else np.stack(examples),
            self._spec.dtype,
        )
        outputs = self._function(**{self._name: batch})
        features = tf.cast(outputs[artifact.OUTPUT], tf.float32).numpy()
        if artifact.VALID not in outputs:
            return features, np.ones(len(features), bool)
        return features, outputs[artifact.VALID].numpy()


def embed_shard(job: ShardJob, shard: int) -> dict[str, Any]:
    """Makes one shard: reads, computes, writes, and notes what it has done.

    The features appear by rename, then the note; a shard with a note is finished.
    Made twice, as a runner may do, it is the same file again.
    """
    metrics = beam("apache_beam.metrics").Metrics
    start = time.perf_counter()
    folder, path = job.folder, f"{job.out}/{MODEL}"
    model = job.shared.acquire(lambda: LoadedModel(path, job.signature), tag=path)
    rejected: list[dict[str, str]] = []
    count = 0
    lines = folder.cat_file(job.sources(shard)).splitlines()
    sources = [SourceFile(**json.loads(line)) for line in lines]

    def blocks() -> Iterator[tuple[list[Row], np.ndarray]]:
        nonlocal count
        rows = _rows(job, sources, rejected)
        while batch := list(itertools.islice(rows, job.batch_size)):
            good, features = _features(job, model, batch, rejected)
            if good:
                count += len(good)
                metrics.counter("cl_keras", "embedded").inc(len(good))
                yield good, features

    files.publish(
        folder,
        job.file(shard),
        lambda file: write_features(job, file, blocks(), model.width),
    )
    metrics.counter("cl_keras", "rejected").inc(len(rejected))
    note = {
        "shard": shard,
        "file": job.file(shard),
        "rows": count,
        "dimensions": model.width,
        "seconds": round(time.perf_counter() - start, 3),
        "rejected": rejected,
    }
    files.publish_json(folder, job.note(shard), note)
    return note


def _rows(
    job: ShardJob, sources: Sequence[SourceFile], rejected: list[dict[str, str]]
) -> Iterator[Row]:
    """Everything in the sources that can be read, in order."""
    for source in sources:
        if source.records:
            yield from _record_rows(job, source, rejected)
            continue
        try:
            content = files.read_bytes(source.path)
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            reason = f"cannot be read: {error.strerror or error}"
            rejected.append({"id": source.id, "reason": reason})
            continue
        labels = {kind: source.labels.get(kind) for kind in job.kinds}
        yield Row(source.id, content, labels, _classes(job, labels, {}))


def _record_rows(
    job: ShardJob, source: SourceFile, rejected: list[dict[str, str]]
) -> Iterator[Row]:
    compression = "GZIP" if source.path.lower().endswith(".gz") else ""
    with files.fetched(source.path) as local:
        records = iter(untuned(tf.data.TFRecordDataset(local, compression)))
        for number in itertools.count():
            name = f"{source.id}:{number}"
            try:
                record = next(records, None)
            except (tf.errors.DataLossError, tf.errors.NotFoundError) as error:
                # Where a record ends is written in it: after a damaged one all is lost.
                reason = f"this and all later records of the file: {brief(error)}"
                rejected.append({"id": name, "reason": reason})
                return
            if record is None:
                return
            try:
                entry = job.parse(record.numpy())  # type: ignore[misc]
            except ValueError as error:
                rejected.append({"id": name, "reason": str(error)})
                continue
            labels = {kind: entry.labels.get(kind) for kind in job.kinds}
            classes = _classes(job, labels, entry.classes)
            yield Row(entry.id or name, entry.content, labels, classes)


def _classes(
    job: ShardJob, labels: Mapping[str, int | None], texts: Mapping[str, str]
) -> dict[str, str | None]:
    classes: dict[str, str | None] = {}
    for kind, label in labels.items():
        names = job.class_names.get(kind, ())
        named = label is not None and 0 <= label < len(names)
        classes[kind] = names[label] if named else texts.get(kind)  # type: ignore[index]
    return classes


def _features(
    job: ShardJob,
    model: LoadedModel,
    rows: list[Row],
    rejected: list[dict[str, str]],
) -> tuple[list[Row], np.ndarray]:
    """Features of the good rows of a batch, in order; the others are named."""
    examples: list[Any] = []
    reasons: dict[int, str] = {}
    for index, row in enumerate(rows):
        example: Any = row.content
        if not row.content:
            reasons[index] = "an empty file"
        else:
            try:
                example = (job.decode or served)(row.content)
            except (ValueError, ImportError) as error:
                reasons[index] = str(error)
        examples.append(example)
    # Examples of one shape go together: nothing is padded.
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        if index not in reasons:
            groups[np.shape(example) if job.decode else ()].append(index)
    features = np.full((len(rows), model.width), np.nan, np.float32)
    for indices in groups.values():
        try:
            features[indices], valid = model([examples[index] for index in indices])
            for index in np.array(indices)[~valid].tolist():
                # The model says which, and not why.
                reasons[index] = defect(examples[index]) or "the model cannot read it"
        except _BAD_INPUT as error:
            if len(indices) == 1:
                reasons[indices[0]] = brief(error)
                continue
            for index in indices:  # One of them is bad: each by itself.
                try:
                    features[index] = model([examples[index]])[0][0]
                except _BAD_INPUT as single:
                    reasons[index] = brief(single)
    for index in np.flatnonzero(~np.isfinite(features).all(axis=1)).tolist():
        reasons.setdefault(index, "the encoder's features are NaN or infinite")
    rejected += [{"id": rows[p].id, "reason": reasons[p]} for p in sorted(reasons)]
    good = [index for index in range(len(rows)) if index not in reasons]
    return [rows[index] for index in good], features[good]
