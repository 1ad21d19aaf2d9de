# SPDX-License-Identifier: Apache-2.0
"""Features of data sets of any size, as folders of Parquet or TFRecord files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cl_keras import export
from cl_keras.data.spec import data_string
from cl_keras.evaluate.sequences import framing
from cl_keras.runs.bulk_sources import list_sources
from cl_keras.runs.encoder_names import load_target
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.runs.served_encoder import ServedEncoder
from cl_keras.specification import modality_of


def embed_in_bulk(
    target: str,
    source: str,
    *,
    out: str,
    runner: str = "direct",
    runner_options: Sequence[str] = (),
    output: str = "parquet",
    shards: int | None = None,
    batch_size: int = 256,
    registry: str | None = None,
    pattern: str | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """Writes the features of a data set of any size to a folder, on Apache Beam.

    The features are those of `embed`; the files are read where they lie, never all at
    once. Started again, a job that was killed goes on with the shards that are not
    finished; see `cl_keras.export.bulk_embedding`.

    Args:
        target: A run folder, a `.keras` file, a SavedModel folder or a zoo name, of
            images or waveforms.
        source: A folder of images or recordings, or TFRecords: a data string or a
            plain path. A folder with a training and a test part is embedded whole.
        out: The folder or, for other machines, a URL such as `gs://bucket/features`.
        runner: `"direct"`, `"flink"`, `"spark"` or `"dataflow"`.
        runner_options: Beam's own options, such as `"--flink_master=host:8081"`.
        output: `"parquet"` or `"tfrecord"`.
        shards: Number of files of features; by default one for 5,000 examples.
        batch_size: Examples in one call of the encoder.
        registry: Registry directory for zoo names.
        pattern: Labels in the names of a folder's files, as in `data.load`.
        label: The group of `pattern` that gives the labels, as in `data.load`.

    Returns:
        As `cl_keras.export.bulk_embedding`.

    Raises:
        ValueError: If data or encoder are not as above, or `out` holds something
            else.
        ImportError: If Apache Beam is not installed.

    Example:
    >>> embed_in_bulk("runs/photos", "photos", out="features")  # doctest: +SKIP
    {'features': 'features', 'rows': 60000, ...}
    """
    encoder, known = load_target(target, registry)
    shape = encoder.input_shape
    example = shape[1:] if isinstance(shape, tuple) else ()  # A graph's is a dict.
    images = modality_of(example) == "image"
    # Waveforms of a fixed length, too, though they could be any other vectors.
    if not images and len(example) != 1:
        raise ValueError(
            "Expected an encoder of images or waveforms. Received: one with the input "
            f"shape {shape}"
        )
    if not images:
        known = {**known, "sample_rate": rate_to_read(encoder, known)}
    listing = list_sources(
        data_string(source),
        known,
        images=images,
        least=0 if images else framing(encoder)[0],
        pattern=pattern,
        label=label,
    )
    served = isinstance(encoder, ServedEncoder)
    return export.bulk_embedding(
        encoder.name if served else encoder,
        listing.sources,
        out,
        runner=runner,
        runner_options=runner_options,
        output=output,
        shards=shards,
        batch_size=batch_size,
        class_names=listing.class_names,
        skipped=listing.skipped,
        facts={"encoder": target, **listing.facts},
        parse=listing.parse,
        decode=listing.decode,
    )
