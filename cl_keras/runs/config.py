# SPDX-License-Identifier: Apache-2.0
"""What a training run is made of, as one value that a file can hold."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import cl_keras.method_table as methods
from cl_keras import check, files, workers, zoo
from cl_keras.preprocessing.photos import MAX_PIXELS
from cl_keras.registry import unknown
from cl_keras.runs.run_files import read_json
from cl_keras.runs.settings import call_names, check_settings

SCHEDULES = ("cosine", "constant")
#: The batch of images above this side: training then fits into 2 GB of memory.
SMALL_IMAGE = 64
LARGE_IMAGE_BATCH = 64
#: Of a square of as many pixels as are decoded.
LARGEST_SIDE = math.isqrt(MAX_PIXELS)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A training run, fully named: the same value gives the same run.

    Args:
        method: A key of `cl_keras.methods.METHODS`.
        data: Data string of the images to train on.
        out: Run folder.
        test_data: Data string of the test images; by default what `data` itself
            offers, or a fifth of it that is held out of training.
        probe_data: Data string of a separate labelled set that the encoder is scored
            on, with a split of its own; by default the data itself. The settings
            `data.pattern`, `data.label` and `data.group` are then of this set.
        encoder: Name for `cl_keras.encoders.build`, or of weights to start from, as of
            `load_encoder`. A training on recordings takes `mel_conv` where the
            default is of images.
        epochs: Passes over the training images.
        batch_size: Images in a step; each gives two views. `for_method` takes 64 where
            `image_size` is above 64.
        learning_rate: Peak, reached after `warmup_epochs` and followed by a cosine.
        warmup_epochs: Epochs of linear warm-up.
        schedule: `"cosine"` to zero, or `"constant"` without warm-up.
        patience: Epochs without a lower training loss after which training stops
            and takes back the best weights; None or 0 trains all epochs.
        weight_decay: Decoupled for AdamW; added to the gradient for LARS and SGD.
        image_size: Side of the square images, or None for the data's own; for images
            that are only scored, also height and width.
        seed: Of weights, order and views.
        precision: Keras dtype policy, such as `"mixed_bfloat16"`.
        neighbors: k of the kNN evaluation.
        settings: Further parameters by name: `encoder.*`, `augment.*`,
            `projector.*`, `decoder.*`, `data.*` and `optimizer.*` go to these parts,
            other names to the method.

    Raises:
        ValueError: If a number is out of range, or a setting is of an unknown part.
    """

    method: str
    data: str
    out: str
    test_data: str | None = None
    probe_data: str | None = None
    encoder: str = "compact_resnet"
    epochs: int = 10
    batch_size: int = 256
    learning_rate: float = 2e-3
    warmup_epochs: float = 1.0
    schedule: str = "cosine"
    patience: int | None = None
    weight_decay: float = 1e-4
    image_size: int | tuple[int, int] | None = None
    seed: int = 0
    precision: str = "float32"
    neighbors: int = 200
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (kind, what) in _TYPES.items():
            value = getattr(self, name)
            fits = isinstance(value, kind | None) and not isinstance(value, bool)
            if fits and isinstance(value, int | float):
                fits = abs(value) < 2**63  # So no NaN, nor infinity.
            if not fits:
                raise ValueError(f"`{name}` must be {what}. Received: {name}={value!r}")
        check_settings(self.settings)
        if self.patience == 0:
            object.__setattr__(self, "patience", None)
        check.at_least(1, epochs=self.epochs, neighbors=self.neighbors)
        check.at_least(2, batch_size=self.batch_size)
        check.between(0, 2**32 - 1, seed=self.seed)
        size = self.image_size
        for side in size if isinstance(size, tuple | list) else (size or 1,):
            if not isinstance(side, numbers.Integral):
                raise ValueError(
                    "`image_size` must be a whole number, or height and width. "
                    f"Received: image_size={size!r}"
                )
            check.between(1, LARGEST_SIDE, image_size=side)
        check.one_of("schedule", self.schedule, SCHEDULES)
        check.not_negative(
            learning_rate=self.learning_rate,
            warmup_epochs=self.warmup_epochs,
            weight_decay=self.weight_decay,
        )

    @classmethod
    def for_method(cls, method: str, **given: Any) -> TrainConfig:
        """Takes what is given, else the method's defaults, else the general ones.

        Args:
            method: A key of `cl_keras.methods.METHODS`.
            **given: Fields of the class; those that are None count as not given.

        Returns:
            The configuration.

        Raises:
            ValueError: If the method is unknown or a number out of range.

        Example:
        >>> TrainConfig.for_method("simclr", data="digits", out="run").encoder
        'compact_resnet'
        """
        given = {name: value for name, value in given.items() if value is not None}
        chosen = _over(methods.get(method).defaults, given)
        check_options(chosen, "run", (field.name for field in dataclasses.fields(cls)))
        if np.max(chosen.get("image_size", 0)) > SMALL_IMAGE:
            chosen.setdefault("batch_size", LARGE_IMAGE_BATCH)
        return cls(method, **chosen)

    @classmethod
    def for_recipe(cls, name: str, **given: Any) -> TrainConfig:
        """Takes what is given, else what a recipe of the zoo says, else the defaults.

        Args:
            name: A name that `cl_keras.zoo.recipes` returns.
            **given: As for `for_method`; of `settings`, each by itself. Another
                `encoder` takes none of the settings of the recipe's.

        Returns:
            The configuration.

        Raises:
            ValueError: If there is no such recipe or a number is out of range.

        Example:
        >>> run = TrainConfig.for_recipe("simclr_compact_digits", out="run", epochs=2)
        >>> run.method, run.data, run.epochs
        ('simclr', 'digits', 2)
        """
        recipe = zoo.recipe(name)
        given = {name: value for name, value in given.items() if value is not None}
        own = {"data": recipe.data, **recipe.options, "settings": recipe.settings}
        usual = _over(methods.get(recipe.method).defaults, own)
        return cls.for_method(recipe.method, **_over(usual, given))

    def part(self, name: str) -> dict[str, Any]:
        """Returns the settings of one part, without its prefix.

        Args:
            name: `"encoder"` or another of `PARTS`, or `""` for the method.

        Returns:
            Keyword arguments.

        Example:
        >>> settings = {"augment.flip": 0}
        >>> TrainConfig("simclr", "digits", "run", settings=settings).part("augment")
        {'flip': 0}
        """
        if not name:
            return {k: v for k, v in self.settings.items() if "." not in k}
        prefix = name + "."
        return {
            key.removeprefix(prefix): value
            for key, value in self.settings.items()
            if key.startswith(prefix)
        }

    def differences(self, other: TrainConfig) -> list[str]:
        """Names what differs, but for what only evaluation uses.

        Args:
            other: Another run.

        Returns:
            A text for each field that differs; "there" is `self`, "now" is the other.

        Example:
        >>> run = TrainConfig("simclr", "digits", "run", epochs=10)
        >>> run.differences(dataclasses.replace(run, epochs=20))
        ['epochs: 10 there, 20 now']
        """
        # As files hold them: what was a tuple is a list there.
        old, new = (
            json.loads(json.dumps(dataclasses.asdict(x))) for x in (self, other)
        )
        return [
            f"{name}: {old[name]!r} there, {new[name]!r} now"
            for name in new
            if old[name] != new[name] and name not in EVALUATION
        ]

    def save(self, path: Path, **facts: Any) -> None:
        """Writes the resolved configuration as JSON, with further facts."""
        content = dataclasses.asdict(self) | facts
        files.write_text(path, json.dumps(content, indent=2) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainConfig:
        """Reads what `save` wrote; further facts are left out."""
        content = read_json(Path(path))
        fields = {field.name: field.default for field in dataclasses.fields(cls)}
        given = {name: content[name] for name in fields if name in content}
        try:
            for name, default in fields.items():
                if default is dataclasses.MISSING and name not in (*given, "settings"):
                    raise ValueError(f"`{name}` is missing")
            return cls(**given)
        except ValueError as error:
            raise ValueError(f"{path} is no run's configuration: {error}") from error


def _over(usual: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, else the usual; settings of the usual encoder are its own."""
    settings = usual.get("settings", {})
    if given.get("encoder", usual.get("encoder")) != usual.get("encoder"):
        settings = {k: v for k, v in settings.items() if not k.startswith("encoder.")}
    return {**usual, **given, "settings": {**settings, **given.get("settings", {})}}


_TEXT, _WHOLE = (str, "a text"), (numbers.Integral, "a whole number")
_NUMBER = (numbers.Real, "a number")
_TYPES: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("method", "data", "out", "test_data", "probe_data"), _TEXT),
    **dict.fromkeys(("encoder", "schedule", "precision"), _TEXT),
    **dict.fromkeys(("epochs", "batch_size", "seed", "neighbors", "patience"), _WHOLE),
    **dict.fromkeys(("learning_rate", "warmup_epochs", "weight_decay"), _NUMBER),
    "settings": (dict, "an object"),
}
# Fields that leave the trained weights as they are.
EVALUATION = ("out", "neighbors", "probe_data")


def pipeline_options(config: TrainConfig, start: int | None) -> dict[str, Any]:
    """Returns what all training pipelines take from a run."""
    options: dict[str, Any] = {"seed": config.seed}
    if start is not None:
        options |= {"repeat": True, "start": start}
        # Workers train on their own rows; whatever else reads data reads all of it.
        if (share := workers.own_share()) != (0, 1):
            options["worker"] = share
    return options


def check_options(options: Iterable[str], part: str, known: Iterable[str]) -> None:
    """Checks the names of settings, naming near ones where one is unknown."""
    known = list(known)
    for name in options:
        if name not in known:
            raise unknown(f"{part} setting", name, known)


def call_with(
    function: Callable[..., Any], part: str, options: dict[str, Any], *args: Any
) -> Any:
    """Calls a builder with settings, naming near ones where one is unknown."""
    check_options(options, part, call_names(function, len(args)))
    with types_explained(part, options):
        return function(*args, **options)


@contextlib.contextmanager
def types_explained(part: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Names settings that are of another type than a builder can use."""
    try:
        yield
    except TypeError as error:
        if not options:
            raise
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise ValueError(
            f"The {part} cannot use values of these types: {given}"
        ) from error
