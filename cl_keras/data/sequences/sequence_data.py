# SPDX-License-Identifier: Apache-2.0
"""What every source of recordings and other sequences returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from cl_keras.data.examples import Examples
from cl_keras.labels import labels_in_range
from cl_keras.registry import unknown

Labels = np.ndarray | Mapping[str, np.ndarray]
ClassNames = tuple[str, ...] | Mapping[str, tuple[str, ...] | None]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SequenceData(Examples):
    """Sequences of any length in memory, with labels where they are known.

    Sequences can have several kinds of labels, such as digit and speaker: `labels`
    and `class_names` are dicts then. `labelled` picks one kind.

    Args:
        name: Where the sequences come from, such as `"folder:speech"`.
        sequences: Waveforms `(samples,)` or vector sequences `(time, channels)`,
            float32, finite and not empty; all of the same kind.
        labels: One a sequence, as in `ImageData`, kept as `(count,)` int64; a dict of
            such labels; or None: unlabelled data is the normal case.
        class_names: Name of each label value, or a dict of such names, None for kinds
            without.
        skipped: Files that could not be used, each with the reason.
        sample_rate: Samples a second, or None where that means nothing.
        ids: Name of each sequence, such as the path of its file in the folder; or
            None where rows have only numbers.
        unserved: Files by format that an exported encoder's `audio_bytes` does not
            read, such as `{"FLAC": 20}`; of a part, those of the whole.

    Raises:
        ValueError: If there is no sequence, or shapes or names do not agree.
        TypeError: If the sequences are not float32.

    Example:
    >>> data = SequenceData("noise", (np.zeros(900, np.float32),) * 3)
    >>> len(data), data.shape
    (3, (None,))
    """

    name: str
    sequences: tuple[np.ndarray, ...]
    labels: Labels | None = None
    class_names: ClassNames | None = None
    skipped: tuple[str, ...] = ()
    sample_rate: int | None = None
    ids: tuple[str, ...] | None = None
    unserved: Mapping[str, int] = dataclasses.field(default_factory=dict)

    by_row = ("sequences", "labels", "ids")

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", tuple(self.sequences))
        if not self.sequences:
            raise ValueError("Expected at least one sequence. Received: none")
        first = self.sequences[0]
        for index, sequence in enumerate(self.sequences):
            _check_sequence(index, sequence, first)
        if self.sample_rate is not None and not self.sample_rate > 0:
            raise ValueError(
                "Expected a positive sample rate or None. "
                f"Received: sample_rate={self.sample_rate}"
            )
        if self.ids is not None and len(self.ids) != len(self):
            raise ValueError(
                f"Expected one id a sequence, {len(self)}. Received: {len(self.ids)}"
            )
        if isinstance(self.labels, Mapping):
            names = self.class_names
            if names is not None and (
                not isinstance(names, Mapping) or set(names) != set(self.labels)
            ):
                raise ValueError(
                    "Expected class names for the same kinds as labels, "
                    f"{sorted(self.labels)}. Received: {names!r}"
                )
            found = {
                kind: self._as_labels(labels, None if names is None else names[kind])
                for kind, labels in self.labels.items()
            }
            labels = {kind: pair[0] for kind, pair in found.items()}
            class_names = {kind: pair[1] for kind, pair in found.items()}
            self._keep(labels, class_names if any(class_names.values()) else names)
        elif self.labels is not None:
            self._keep(*self._as_labels(self.labels, self.class_names))

    def _keep(self, labels: Labels, names: ClassNames | None) -> None:
        # The only assignments after construction: the dataclass is frozen.
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "class_names", names)

    def _as_labels(
        self, labels: Any, names: Any
    ) -> tuple[np.ndarray, tuple[str, ...] | None]:
        return labels_in_range(labels, len(self), "a sequence", names)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of one sequence, as encoders take it: the length is None."""
        return (None, *self.sequences[0].shape[1:])

    @property
    def lengths(self) -> np.ndarray:
        """`(count,)` int64, samples or time steps of each sequence."""
        return np.array([len(sequence) for sequence in self.sequences], np.int64)

    def labelled(self, kind: str) -> SequenceData:
        """The same sequences with one kind of labels.

        Args:
            kind: A key of `labels`, such as `"speaker"`.

        Returns:
            A set whose `labels` are one array.

        Raises:
            ValueError: If there is no such kind.
        """
        kinds = self.labels if isinstance(self.labels, Mapping) else {}
        if kind not in kinds:
            raise unknown("kind of labels", kind, kinds)
        names = self.class_names
        return dataclasses.replace(
            self,
            labels=kinds[kind],
            class_names=names[kind] if isinstance(names, Mapping) else None,
        )


def _check_sequence(index: int, sequence: np.ndarray, first: np.ndarray) -> None:
    if not isinstance(sequence, np.ndarray) or sequence.dtype != np.float32:
        received = getattr(sequence, "dtype", type(sequence).__name__)
        raise TypeError(
            f"Expected float32 arrays. Received: {received} at sequence {index}"
        )
    alike = sequence.ndim in (1, 2) and sequence.shape[1:] == first.shape[1:]
    if not alike or not sequence.size or sequence.ndim != first.ndim:
        raise ValueError(
            "Expected sequences that are not empty, all (samples,) or all (time, "
            f"channels) with the same channels. Received: shape {sequence.shape} at "
            f"sequence {index}, {first.shape} first"
        )
    if not np.isfinite(sequence).all():
        raise ValueError(
            f"Expected finite values. Received: NaN or infinity in sequence {index}"
        )
