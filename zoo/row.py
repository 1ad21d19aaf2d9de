# SPDX-License-Identifier: Apache-2.0
"""A registry row: everything that is known about one published encoder."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cl_keras.artifact import (
    AUDIO_SIGNATURE,
    BYTES_SIGNATURE,
    ENCODER_FILE,
    FileRecord,
)
from cl_keras.zoo.addresses import is_source, without_secrets
from cl_keras.zoo.scores import Score, is_number, is_score_object

MODALITIES = ("image", "audio", "sequence", "graph")
PACKAGED = "packaged"
_NAME = re.compile(r"[a-z0-9_]+")
_RATE = re.compile(r"\bresample to (\d+) Hz\b")


@dataclass(frozen=True)
class Row:
    """One published encoder, as `rows/<name>.json` of a registry describes it.

    Args:
        name: `method_encoder_dataset`, such as `"simclr_compact_cifar10"`; lower-case
            letters, digits and underscores.
        version: Version of the weights, such as `"1"`.
        method: Key of the training method, such as `"simclr"`.
        encoder: Name of the encoder, such as `"compact_resnet"`.
        data: Training data as a data string, such as `"tfds:cifar10"`.
        split: Split it was trained on.
        modality: `"image"`, `"audio"`, `"sequence"` or `"graph"`.
        input_shape: Shape of one input; None for an open dimension.
        preprocessing: What is done to an input before the encoder, in words.
        features: Width of the embedding.
        parameters: Number of the encoder's parameters.
        scores: Measured here, by metric: `{"value": 0.71, "mean": 0.708, "spread":
            0.004, "runs": 5}`, the last three over trainings with different seeds,
            and the spread None for a single one; see `zoo.scores`.
        baselines: The same metrics of random-init encoders, raw inputs and the like.
        published: Numbers from the literature, each with its conditions.
        license_weights: SPDX identifier of the weights' licence.
        license_data: Licence of the training data, SPDX or in words.
        seed: Seed of the run.
        epochs: Epochs trained.
        recipe: The command that reproduces the run; with `--recipe`, by its file.
        evaluation: What `cl-keras evaluate` needs besides the data to compute the
            scores again: `data` (other than that of the training), `test_data`,
            `neighbors`, `settings`, `fine_tune_share`; and what the card says of them,
            `raw_inputs` and `chosen`.
        signatures: Names of the SavedModel's signatures.
        library_versions: Versions by library.
        source: Where the files are: `"packaged"` (in `files/<name>/` of the row's own
            registry), a `file://` or `https://` address, or a directory (relative
            to the registry).
        files: The published files, relative to the source.
        sample_rate: Rate of the recordings that the encoder knows, in Hz, or None. A
            row without it has that of its `preprocessing`.
        root: The registry's directory the row was read from; not written.

    Raises:
        ValueError: If a field is not as described; names the field.
    """

    name: str
    version: str
    method: str
    encoder: str
    data: str
    split: str
    modality: str
    input_shape: tuple[int | None, ...]
    preprocessing: str
    features: int
    parameters: int
    scores: Mapping[str, Score]
    baselines: Mapping[str, float]
    published: Mapping[str, Any]
    license_weights: str
    license_data: str
    seed: int
    epochs: int
    recipe: str
    evaluation: Mapping[str, Any]
    signatures: tuple[str, ...]
    library_versions: Mapping[str, str]
    source: str
    files: tuple[FileRecord, ...]
    sample_rate: int | None = None
    root: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for names, expected, valid in _RULES:
            for name in names.split():
                value = getattr(self, name)
                if not valid(value):
                    if name == "source" and isinstance(value, str):
                        value = without_secrets(value)
                    raise ValueError(
                        f"Row field `{name}` should be {expected}. "
                        f"Received: {name}={value!r}"
                    )

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Row:
        """Reads and validates `rows/<name>.json` of a registry.

        Args:
            path: The file. Its folder's parent is taken for the registry.

        Returns:
            The row.

        Raises:
            ValueError: Names the file, the field and what was received.
        """
        path = Path(path)
        try:
            content = json.loads(path.read_text("utf-8"), parse_constant=_no_constant)
            if not isinstance(content, dict):
                raise ValueError(f"Expected an object. Received: {content!r}")
            content.setdefault("sample_rate", _rate_in(content.get("preprocessing")))
            wanted = {f.name for f in dataclasses.fields(cls)} - {"root"}
            if missing := sorted(wanted - content.keys()):
                raise ValueError(f"Row fields are missing: {', '.join(missing)}")
            if extra := sorted(content.keys() - wanted):
                raise ValueError(f"Row fields are unknown: {', '.join(extra)}")
            if content["name"] != path.stem:
                raise ValueError(
                    f"Row field `name` should be the file's name, {path.stem!r}. "
                    f"Received: name={content['name']!r}"
                )
            content["files"] = _file_records(content["files"])
            if isinstance(content["signatures"], list):
                content["signatures"] = tuple(content["signatures"])
            if isinstance(content["input_shape"], list):
                content["input_shape"] = tuple(content["input_shape"])
            return cls(**content, root=path.resolve().parents[1])
        except RecursionError:
            raise ValueError(f"{path}: too deeply nested to be a row.") from None
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @property
    def bytes_input(self) -> bool:
        """Whether the SavedModel takes encoded images or recordings."""
        return not {BYTES_SIGNATURE, AUDIO_SIGNATURE}.isdisjoint(self.signatures)

    def to_json(self) -> str:
        """Returns the row as the text of its JSON file."""
        content = dataclasses.asdict(dataclasses.replace(self, root=None))
        del content["root"]
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    def record(self, file: str) -> FileRecord | None:
        """Returns the record of a file, or None if the row lists no such file."""
        return next((r for r in self.files if r.path == file), None)

    @property
    def weights(self) -> FileRecord | None:
        """The file with the weights: `encoder.keras`, or else the SavedModel's."""
        return self.record(ENCODER_FILE) or next(
            (r for r in self.files if "/variables/variables.data-" in r.path), None
        )


def _file_records(entries: Any) -> tuple[FileRecord, ...]:
    if not isinstance(entries, list):
        raise ValueError(f"Row field `files` should be a list. Received: {entries!r}")
    found = []
    for entry in entries:
        try:
            found.append(FileRecord(**entry))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Row field `files`: {error} (entry {entry!r})") from error
    return tuple(found)


def _rate_in(preprocessing: object) -> int | None:
    """The rate that the rows of earlier releases have in words only."""
    found = _RATE.search(preprocessing) if isinstance(preprocessing, str) else None
    return int(found[1]) if found else None


def _no_constant(text: str) -> float:
    raise ValueError(f"Expected finite numbers. Received: {text}")


def _is_text(value: object) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    # Half of a letter, as JSON may have it, can be neither printed nor written.
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_int(low: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and value >= low


def _is_mapping(of: Callable[[Any], bool]) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, Mapping)
        and all(_is_text(k) and of(v) for k, v in value.items())
    )


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _is_shape(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and bool(value)
        and all(n is None or (type(n) is int and n > 0) for n in value)
    )


def _is_files(value: object) -> bool:
    if not isinstance(value, tuple) or not value:
        return False
    if not all(isinstance(record, FileRecord) for record in value):
        return False
    return len({record.path for record in value}) == len(value)


_RULES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    (
        "name",
        "lower-case letters, digits and underscores, `method_encoder_dataset`",
        lambda v: isinstance(v, str) and _NAME.fullmatch(v) is not None,
    ),
    (
        "version method encoder data split preprocessing license_weights "
        "license_data recipe",
        "a text",
        _is_text,
    ),
    ("modality", f"one of {', '.join(MODALITIES)}", lambda v: v in MODALITIES),
    ("input_shape", "a list of positive sizes or null", _is_shape),
    ("features parameters", "a positive integer", _is_int(1)),
    ("seed epochs", "an integer of at least 0", _is_int(0)),
    (
        "sample_rate",
        "a positive integer or null",
        lambda v: v is None or _is_int(1)(v),
    ),
    (
        "scores",
        'an object of {"value": number, "mean": number, "spread": number or null, '
        '"runs": integer} by metric',
        _is_mapping(is_score_object),
    ),
    ("baselines", "an object of numbers", _is_mapping(is_number)),
    ("published evaluation", "an object of JSON values", _is_mapping(_is_json)),
    (
        "signatures",
        "a list of different texts",
        lambda v: (
            isinstance(v, tuple) and all(map(_is_text, v)) and len({*v}) == len(v)
        ),
    ),
    ("library_versions", "an object of texts", _is_mapping(_is_text)),
    (
        "source",
        '"packaged", a file:// or https:// address, or a directory',
        is_source,
    ),
    ("files", "a list of different files, at least one", _is_files),
)
