# SPDX-License-Identifier: Apache-2.0
"""Puts an encoder into a registry directory."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_keras import artifact
from cl_keras.zoo import entry_files
from cl_keras.zoo.loading import describe, load_encoder
from cl_keras.zoo.registry import CARDS, ROWS
from cl_keras.zoo.row import PACKAGED, Row
from cl_keras.zoo.scores import Score, score

if TYPE_CHECKING:
    import keras


def publish(
    encoder_file: str | os.PathLike[str],
    saved_model: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    name: str,
    method: str,
    encoder: str,
    data: str,
    recipe: str,
    seed: int,
    epochs: int,
    version: str = "1",
    split: str = "train",
    modality: str | None = None,
    preprocessing: str | None = None,
    scores: Mapping[str, float | Sequence[float] | Score] | None = None,
    baselines: Mapping[str, float] | None = None,
    published: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    projector_file: str | os.PathLike[str] | None = None,
    figure: str | os.PathLike[str] | None = None,
    license_weights: str = "Apache-2.0",
    license_data: str = "unknown",
    library_versions: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Row:
    """Publishes a trained encoder into a registry directory.

    Copies both forms into `files/<name>/`, records their SHA-256 in
    `rows/<name>.json` and writes `cards/<name>.md`, whose prose is yours to fill in.
    The weights are stored once, as those of the SavedModel, with an `encoder.json`
    beside it. Where that would not restore the encoder bit for bit, as with variables
    that the SavedModel does not use, its `.keras` file is stored too.
    Input shape, feature width and number of parameters are read from the encoder,
    which is loaded in safe mode to see that others will be able to.

    One process at a time changes a registry, and an entry changes by one rename: it
    can be killed at any moment, and the entry is the old one or the new one.

    Args:
        encoder_file: The trainable encoder, a `.keras` file.
        saved_model: The servable encoder, a version folder that
            `export.saved_model` wrote.
        directory: The registry directory; created if needed.
        name: Name of the entry, `method_encoder_dataset`.
        method: Key of the training method.
        encoder: Name of the encoder.
        data: Training data, as a data string.
        recipe: Command that reproduces the run.
        seed: Seed of the run.
        epochs: Epochs trained.
        version: Version of the weights.
        split: Split it was trained on.
        modality: `"image"`, `"audio"`, `"sequence"` or `"graph"`; by default what the
            encoder's inputs say.
        preprocessing: In words; by default what the SavedModel's manifest says.
        scores: By metric, this encoder's number; or that, then the numbers of
            trainings with other seeds; or a score as a row has it.
        baselines: Numbers to compare with, by metric.
        published: Numbers from the literature.
        evaluation: What computing the scores again needs; see `Row`.
        projector_file: The projection head it was trained with, a `.keras` file, for
            later stages of training (`zoo.load(name, part="projector")`).
        figure: A PNG for the card.
        license_weights: SPDX identifier of the weights' licence.
        license_data: Licence of the data.
        library_versions: By default those in the SavedModel's manifest.
        overwrite: Whether to replace an entry of this name. The hand-written part
            of its card is kept.

    Returns:
        The row.

    Raises:
        FileExistsError: If the entry exists and `overwrite` is False.
        ValueError: If a field is not valid (see `Row`), the encoder cannot be loaded
            safely, the SavedModel is damaged, or the two differ in their shapes.

    Example:
    `zoo.publish("encoder.keras", "serving/1", "my_zoo", name="simclr_tiny_digits",
    method="simclr", encoder="tiny", data="digits", recipe="cl-keras demo", seed=0,
    epochs=10)`, then `zoo.load("simclr_tiny_digits", registry="my_zoo")`.
    """
    root = Path(directory).expanduser()
    check_new(root, name, overwrite)
    manifest = artifact.verify(saved_model)
    model = load_encoder(Path(encoder_file))
    facts = _facts(model, manifest, modality)
    with tempfile.TemporaryDirectory(prefix="cl-keras-publish-") as work:
        encoder_files = _encoder_files(model, Path(encoder_file), saved_model, work)
        files = _files(encoder_files, projector_file, saved_model, version)
        # All is known and valid before the registry is touched.
        row = Row(
            name=name,
            version=version,
            method=method,
            encoder=encoder,
            data=data,
            split=split,
            preprocessing=preprocessing or manifest["input"]["preprocessing"] or "none",
            scores={name: score(value) for name, value in (scores or {}).items()},
            baselines=dict(baselines or {}),
            published=dict(published or {}),
            license_weights=license_weights,
            license_data=license_data,
            seed=seed,
            epochs=epochs,
            recipe=recipe,
            evaluation=dict(evaluation or {}),
            library_versions=dict(library_versions or manifest["library_versions"]),
            files=tuple(files),
            root=root.resolve(),
            **facts,
        )
        with entry_files.changing(root):
            # Another process may have added it meanwhile.
            check_new(root, name, overwrite)
            if figure is not None:
                shutil.copyfile(figure, root / CARDS / f"{name}.png")
            entry_files.put(root, row, files)
    return row


def check_new(root: Path, name: str, overwrite: bool) -> None:
    """Refuses a name before it becomes part of any path, and one that is taken."""
    if re.fullmatch("[a-z0-9_]+", str(name)) is None:
        raise ValueError(
            "Expected a name of lower-case letters, digits and underscores. "
            f"Received: name={name!r}"
        )
    row_file = root / ROWS / f"{name}.json"
    if row_file.exists() and not overwrite:
        raise FileExistsError(
            f"{row_file} exists; pass overwrite=True to replace the entry."
        )


def _checked_rate(facts: Mapping[str, Any], manifest: Mapping[str, Any]) -> int | None:
    """Refuses a SavedModel of another encoder; gives the sample rate of the two."""
    expected = (list(facts["input_shape"]), facts["features"])
    received = (manifest["input"]["shape"], manifest["features"])
    if expected != received:
        raise ValueError(
            f"Expected a SavedModel of the same encoder: input shape and features "
            f"{expected}. Received: {received}"
        )
    rates = {facts["sample_rate"], manifest["input"].get("sample_rate")} - {None}
    if len(rates) > 1:
        raise ValueError(
            "Expected a SavedModel of the encoder's sample rate, "
            f"{facts['sample_rate']} Hz. Received: {manifest['input']['sample_rate']}"
        )
    return next(iter(rates), None)


def _encoder_files(
    model: keras.Model, file: Path, saved_model: str | os.PathLike[str], work: str
) -> dict[str, Path]:
    """The file that makes an encoder of the SavedModel's weights, or its own."""
    description = describe(model, Path(saved_model))
    if description is None:
        return {artifact.ENCODER_FILE: file}
    path = Path(work, artifact.ENCODER_CONFIG_FILE)
    path.write_text(description, "utf-8")
    return {path.name: path}


def _files(
    encoder_files: Mapping[str, Path],
    projector_file: str | os.PathLike[str] | None,
    saved_model: str | os.PathLike[str],
    version: str,
) -> dict[artifact.FileRecord, Path]:
    """Where each file of the entry comes from, by what the row says of it."""
    sources = dict(encoder_files)
    if projector_file is not None:
        load_encoder(Path(projector_file))
        sources[artifact.PROJECTOR_FILE] = Path(projector_file)
    # TensorFlow Serving wants a number, and takes the highest.
    number = version if version.isdecimal() else "1"
    for file in artifact.names(saved_model):
        target = f"{artifact.SAVED_MODEL_DIR}/{number}/{file}"
        sources[target] = Path(saved_model, file)
    return {
        artifact.FileRecord(target, path.stat().st_size, artifact.sha256(path)): path
        for target, path in sorted(sources.items())
    }


def _facts(
    model: keras.Model, manifest: Mapping[str, Any], modality: str | None
) -> dict[str, Any]:
    """What a row says of encoder and SavedModel, read from them as others will."""
    from cl_keras.preprocessing.sample_rate import sample_rate_of
    from cl_keras.specification import specification

    spec = specification(model)
    if modality is None and spec.modality is None:
        raise ValueError(
            "Expected `modality`: the encoder's inputs do not tell it. Received: "
            f"inputs of shape {spec.shape}"
        )
    facts = {
        "modality": modality or spec.modality,
        "input_shape": spec.shape,
        "features": spec.features,
        "parameters": model.count_params(),
        "sample_rate": sample_rate_of(model),
        "signatures": tuple(sorted(manifest["signatures"])),
        "source": PACKAGED,
    }
    return facts | {"sample_rate": _checked_rate(facts, manifest)}
