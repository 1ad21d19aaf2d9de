# SPDX-License-Identifier: Apache-2.0
"""A published entry written anew from its own encoder, without the run."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from cl_keras import artifact, zoo
from cl_keras.artifact import ENCODER_FILE, PROJECTOR_FILE
from cl_keras.export.provenance import written_options
from cl_keras.runs.checked_export import IN_THE_ENCODER, checked_export
from cl_keras.runs.encoder_names import load_encoder
from cl_keras.runs.evaluate import evaluate
from cl_keras.runs.report import load_run
from cl_keras.runs.rounding import round_weights
from cl_keras.runs.run_files import CONFIG_FILE
from cl_keras.runs.targets import target_job
from cl_keras.score_names import SCORES, baselines_of, metrics_of
from cl_keras.show.entry_figure import draw_entry
from cl_keras.zoo.row import PACKAGED, Row

# A recomputed score this near the old one is the same: its spread over seeds stays.
_ROUNDING = 1e-3
# What a new row says of itself.
_NEW = ("preprocessing", "library_versions", "scores", "baselines", "evaluation")


def renew_entry(
    name: str,
    *,
    registry: str | None = None,
    scores: bool = True,
    figure: bool = True,
    rounded: bool = False,
) -> Row:
    """Exports a published encoder anew and computes its card again.

    For an entry whose run is gone: the SavedModel is written from its encoder by
    today's code and checked, scores and baselines are computed on the entry's data as
    `evaluate(name)` does, the figure is drawn, and row, card and files replace the old
    ones. The hand-written part of the card stays; so do weights and version, unless the
    weights are rounded.

    Args:
        name: The entry.
        registry: Registry directory that it is in; by default where `zoo.info` finds
            it.
        scores: Whether to compute the numbers again; False keeps those of the row, and
            the figure, and needs no data.
        figure: Whether to draw the figure again, with `scores`.
        rounded: Whether to round the weights as `add_entry(round_weights=True)` does,
            which makes a new version.

    Returns:
        The new row. A score that has changed is that of this encoder alone: the spread
        over trainings with other seeds, which are not here, is left out.

    Raises:
        ValueError: If there is no such entry, its files lie outside of its registry, or
            the data has no labels.
        ArtifactError: If its encoder is not the published one.
        RuntimeError: If the new SavedModel fails its check; the entry stays as it was.

    Example:
    >>> renew_entry("simclr_compact_digits", scores=False)  # doctest: +SKIP
    """
    row = zoo.info(name, registry=registry)
    if row.source != PACKAGED or row.root is None:
        raise ValueError(
            f"Expected an entry whose files lie in its registry. Received: {name}, "
            f"with files at {row.source}"
        )
    encoder, known = load_encoder(name, registry)
    if rounded:
        round_weights(encoder)
    old = zoo.saved_model(name, registry=registry)
    with tempfile.TemporaryDirectory(prefix="cl-keras-renew-") as folder:
        work = Path(folder)
        encoder.save(work / ENCODER_FILE)
        projector = None
        if row.record(PROJECTOR_FILE) is not None:
            # A copy: publishing replaces the folder that it comes from.
            projector = work / PROJECTOR_FILE
            shutil.copyfile(zoo.fetch(row, PROJECTOR_FILE), projector)
        served = _export(row, encoder, work / "serving", written_options(old))
        # All that is known of the entry, whatever fields rows may have.
        facts = {
            key: getattr(row, key)
            for key in inspect.signature(zoo.publish).parameters
            if hasattr(row, key) and key not in _NEW
        }
        _, mark, within = row.preprocessing.partition(IN_THE_ENCODER)
        if mark:
            before = artifact.read_manifest(served)["input"]["preprocessing"]
            facts["preprocessing"] = before + mark + within
        if rounded:
            facts["version"] = str(int(row.version) + 1)
        numbers = {key: getattr(row, key) for key in ("scores", "baselines")}
        numbers["evaluation"] = row.evaluation
        metrics = metrics_of(row.scores)
        if scores and metrics and not rounded:
            found = evaluate(name, metrics=metrics, registry=registry)
            numbers = {
                "scores": _scores(row, found),
                "baselines": _baselines(row, found),
                "evaluation": {**row.evaluation, **settings_of(found)},
            }
            if figure:
                facts["figure"] = _draw(name, encoder, known, work)
        new = zoo.publish(
            work / ENCODER_FILE,
            served,
            row.root,
            projector_file=projector,
            overwrite=True,
            **facts,
            **numbers,
        )
    if rounded and scores:
        # Of the entry as it is now.
        return renew_entry(name, registry=registry, figure=figure)
    return new


def _export(
    row: Row, encoder: keras.Model, folder: Path, options: dict[str, Any]
) -> Path:
    """Writes the SavedModel anew, and checks it."""
    metadata = {"method": row.method, "data": row.data}
    served = checked_export(
        encoder, folder, name=row.name, metadata=metadata, **options
    )
    lost = set(row.signatures) - set(artifact.read_manifest(served)["signatures"])
    if lost:
        raise ValueError(
            f"Expected signatures that the encoder gives by itself. Received: "
            f"{row.name}, with {', '.join(sorted(lost))}; export it with `cl-keras "
            "export` and publish it with `zoo.publish(overwrite=True)`"
        )
    return served


def settings_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says of how its numbers came about."""
    return {key: found[key] for key in ("raw_inputs", "chosen") if key in found}


def _scores(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    """The new numbers; what was measured over several seeds only if it still holds."""
    kept: dict[str, Any] = dict(row.scores)
    for name, old in row.scores.items():
        new = found.get(name)
        if isinstance(new, float) and abs(new - float(old["value"] or 0)) > _ROUNDING:
            kept[name] = new
    return kept | {
        name: value
        for name, value in found.items()
        if name in SCORES and name not in kept
    }


def _baselines(row: Row, found: Mapping[str, Any]) -> dict[str, float]:
    """Baselines of other makers stay."""
    names = [key for name in row.scores for key in baselines_of(name)]
    return {**row.baselines, **{name: found[name] for name in names if name in found}}


def _draw(name: str, encoder: Any, known: dict[str, Any], work: Path) -> Path | None:
    """The figure of the card, on the entry's data."""
    run = work / "run"
    run.mkdir()
    job = target_job(encoder, known, name)
    dataclasses.replace(job.config, out=str(run)).save(run / CONFIG_FILE)
    job.draw(run, encoder)
    return draw_entry(load_run(run), work)
