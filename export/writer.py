# SPDX-License-Identifier: Apache-2.0
"""Writes an encoder as a SavedModel version that TensorFlow Serving can load."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf
from numpy.typing import ArrayLike

from cl_keras import artifact, files, gnn
from cl_keras.export import images, signatures
from cl_keras.export.bundle.version_files import write_version_files
from cl_keras.export.conformance.loading import PATTERN
from cl_keras.export.provenance import checked_metadata, library_versions
from cl_keras.export.saving import save
from cl_keras.export.signatures import features
from cl_keras.export.signatures.graph_tensor import layout_for
from cl_keras.preprocessing.sample_rate import sample_rate_of
from cl_keras.specification import specification

_RANGES = {"image": [0, 1], "audio": [-1, 1]}


def saved_model(
    encoder: keras.Model,
    path: str | os.PathLike[str],
    *,
    bytes_input: bool = True,
    on_error: Literal["mask", "fail"] = "mask",
    max_pixels: int = images.MAX_PIXELS,
    sample_rate: int | None = None,
    samples: int | None = None,
    max_seconds: float = 60.0,
    graph_schema: gnn.Layout | gnn.Schema | None = None,
    index: tuple[ArrayLike, ArrayLike] | None = None,
    neighbors: int = 10,
    train: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Exports an encoder as the next version below a folder.

    Writes `path/<version>/`, the version being one more than the highest there.
    The folder appears complete, by rename, so a server that polls `path` never
    sees half a model, and exporters that run at once get a version each.

    Signatures, all with an open batch dimension (an empty batch works) and the
    encoder in inference mode:

    - `serving_default`: `images`, float32 `(batch, H, W, C)` in `[0, 1]` ->
      `embedding`, float32 `(batch, D)`. For an encoder of something else than
      images the input is called `inputs` and has the encoder's shape; the time axis
      of audio and other sequences stays open. For a graph encoder the inputs are
      `features`, float32 `(nodes, width)`, and `edges`, int32 `(edges, 2)`, of one
      graph, and a row of `embedding` is a node's: no server may batch it.
    - `image_bytes`: `image_bytes`, string `(batch,)`, encoded images ->
      `embedding`. Decoding, resizing and scaling are part of the graph and equal
      `cl_keras.export.images.decode_image`. Only for image encoders with 1 or 3
      channels.
    - `audio_bytes`: `audio_bytes`, string `(batch,)`, WAV files -> `embedding`, with
      `sample_rate`. Decoding, mixing down and resampling are part of the graph and
      equal `preprocessing.wav.decode_wav`. Where time stays open, each recording is
      encoded by itself, and one that is too short for the encoder gets zeros.
    - `examples`: `examples`, string `(batch,)`, serialized `tf.train.Example`s with
      one file in the feature `image_bytes` or `audio_bytes`, or else the numbers of
      the encoder's input in the feature `images` or `inputs` -> `embedding`.
    - `graph_tensor`: `graph_tensor`, string `(batch,)`, serialized GraphTensors
      (`tf.train.Example`s), a graph each -> `embedding`, float32 `(batch, nodes, D)`,
      filled up with zeros to the largest graph, `nodes`, int32 `(batch,)`, how many
      rows are real, and `graph_embedding`, float32 `(batch, D)`, their mean (zeros
      for a graph without nodes). Only for graph encoders, with `graph_schema`. Other
      fields of the examples may be there or not. Loading needs no TensorFlow GNN.
    - `neighbors` and, where files are read, `neighbors_bytes`: the inputs of
      `serving_default`, or the files, -> `ids`, `(batch, neighbors)`, and `scores`,
      their cosine similarities, the highest first. With `index`.

    All that take strings also give `valid`, bool `(batch,)`: a file that cannot be
    read, is too large or holds NaN has false there and zeros in all other outputs, and
    the other rows are as without it. The rows of a batch never change each other.

    With `train`, the loaded object has a function of that name, the encoder in
    training mode. It is no signature, as it draws random numbers and changes
    averages; `keras.layers.TFSMLayer(folder, call_endpoint="serving_default",
    call_training_endpoint="train")` finds it.

    `manifest.json` in the version folder holds the signatures, the input
    specification, library versions and the SHA-256 of every file.

    Args:
        encoder: Functional or sequential model with one output `(batch, D)` and one
            float input of known shape `(batch, ...)`, or of open length, `(batch,
            None)` or `(batch, None, channels)`; or a graph encoder.
        path: Folder of the versions; created if needed.
        bytes_input: Whether to add the signatures that take files.
        on_error: `"mask"`, or `"fail"`: one bad row fails its request, nothing says
            `valid`, and the graph needs no tf.data, which servers may be built without.
        max_pixels: Height x width of the largest image, by its header: what is larger
            is not decoded. The default, 2^26, is that of training; it takes 200 MB.
        sample_rate: Of the waveforms that the encoder knows, in Hz; adds `audio_bytes`.
            By default the rate that the encoder keeps (`encoders.with_sample_rate`).
        samples: Length to which recordings are brought, their centre or with zeros at
            the end; by default the encoder's, or their own where it is open.
        max_seconds: Longest recording.
        graph_schema: Adds the `graph_tensor` signature for GraphTensors of this
            schema: a `tensorflow_gnn.GraphSchema`, the path of its text form, or a
            `cl_keras.gnn.layout` where the schema leaves a choice. Needs the extra
            `graph`.
        index: Features `(n, D)` and n ids, strings or whole numbers, to search; they
            are stored with the weights.
        neighbors: How many are found.
        train: Whether to add the function for fine-tuning.
        metadata: JSON values to keep in the manifest, such as the run's method
            and seed.

    Returns:
        The version folder.

    Raises:
        TypeError: If `encoder` is not a Keras model or `metadata` not JSON.
        ValueError: If the encoder's inputs or outputs are not as above, or do not fit
            the schema, the index or the sample rate; or an option is out of range.
        ImportError: If TensorFlow GNN is needed and cannot be imported.

    Example:
    >>> import tempfile
    >>> encoder = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]
    ... )
    >>> saved_model(encoder, tempfile.mkdtemp()).name
    '1'
    """
    _check_path(path)
    spec = specification(encoder)
    sample_rate = _sample_rate(encoder, sample_rate)
    layout = None if graph_schema is None else layout_for(spec, graph_schema)
    notes = checked_metadata(metadata)
    options = signatures.Options(
        bytes_input=bytes_input,
        on_error=on_error,
        max_pixels=max_pixels,
        sample_rate=sample_rate,
        samples=samples,
        max_seconds=max_seconds,
        graph=layout,
        index=index,
        neighbors=neighbors,
    )
    offered = signatures.build(encoder, spec, options)
    functions = [features.train(encoder, spec)] if train else []
    facts: dict[str, Any] = {
        "signatures": {signature.name: signature.describe() for signature in offered},
        "input": {
            "modality": spec.modality,
            "shape": list(spec.shape),
            "dtype": "float32",
            "range": _RANGES.get(spec.modality or ""),
            "preprocessing": None,
            **({} if sample_rate is None else {"sample_rate": sample_rate}),
            **{key: value for s in offered for key, value in s.facts.items()},
        },
        "functions": [function.name for function in functions],
        "features": spec.features,
        "compute_dtype": encoder.compute_dtype,
        "library_versions": library_versions(),
        "metadata": notes,
    }

    def write(folder: Path) -> None:
        save(folder, encoder, offered, functions)
        write_version_files(folder, facts["signatures"], facts["input"])
        artifact.write_manifest(folder, **facts)

    return _next_version(Path(path), write)


def _check_path(path: str | os.PathLike[str]) -> None:
    # A backslash is part of a name except where it divides folders.
    whole = Path(os.path.abspath(path)).as_posix()
    if PATTERN.search(whole):
        raise ValueError(
            "Expected a folder without [...] and backslashes in its path, which "
            f"TensorFlow takes for a pattern when it loads. Received: {whole}"
        )


def _next_version(base: Path, write: Callable[[Path], None]) -> Path:
    """Publishes a folder as the next version, by rename, or leaves nothing there."""
    # Not tempfile.mkdtemp: its folders are closed to other users, and a server
    # often runs as one. A name that is no number is invisible to the server.
    building = files.draft_of(base / "version")
    building.mkdir()
    try:
        write(building)
        while True:
            # A fresh look each time: another exporter may have taken the number.
            used = [int(p.name) for p in base.iterdir() if p.name.isdecimal()]
            version = base / str(max(used, default=0) + 1)
            try:
                return building.rename(version)
            except OSError:
                if not version.exists():
                    raise
    except (OSError, tf.errors.OpError) as error:
        free = shutil.disk_usage(base).free / 1e6
        raise OSError(
            f"Cannot write the SavedModel below {base}, where {free:,.0f} MB are free; "
            "make room or export elsewhere. Nothing was left there. Received: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sample_rate(encoder: keras.Model, given: int | None) -> int | None:
    rate = sample_rate_of(encoder)
    if None not in (rate, given) and rate != given:
        raise ValueError(
            f"Expected the sample rate that the encoder knows, {rate} Hz, or none. "
            f"Received: sample_rate={given}"
        )
    return rate if given is None else given
