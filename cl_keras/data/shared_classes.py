# SPDX-License-Identifier: Apache-2.0
"""One numbering of the classes of a training part and a test part."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from cl_keras.data.images.image_data import ImageData
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.skipped import warn_caller
from cl_keras.labels import one_numbering

Part = TypeVar("Part", ImageData, SequenceData)
_Labels = tuple[np.ndarray, tuple[str, ...] | None]
_ONLY = "label"  # What the labels are called where there is one kind.


def share_classes(
    train: Part, test: Part, kind: str | None = None
) -> tuple[Part, Part]:
    """Gives both parts the same class names, and labels that number these.

    Training needs no classes, and parts may have others: speakers that were not heard
    before. Labels that only one part has are left out; a warning says so, and names
    the classes of which training has no example.
    """
    if train.class_names == test.class_names and (
        (train.labels is None) == (test.labels is None)
    ):
        return train, test
    of_train, of_test = label_kinds(train), label_kinds(test)
    for name in of_train.keys() ^ of_test.keys():
        owner = train if name in of_train else test
        warn_caller(f"Only {owner.name} has labels ({name}): they are left out.")
    shared = [name for name in of_train if name in of_test]
    for name in shared:
        (labels, names), (test_labels, test_names) = of_train[name], of_test[name]
        if (names is None) != (test_names is None):
            raise ValueError(
                "Expected names of the classes in both parts or in none. Received: "
                f"{names} in {train.name}, {test_names} in {test.name}"
            )
        if names is None or test_names is None or names == test_names:
            continue
        both, union = one_numbering([labels, test_labels], [names, test_names])
        of_train[name], of_test[name] = (both[0], union), (both[1], union)
        unseen = sorted(set(test_names) - set(names))
        if unseen and kind in (None, name):
            warn_caller(
                f"Training has no example of {len(unseen)} of the {len(test_names)} "
                f"classes in {test.name}, such as {', '.join(unseen[:5])}: no vote or "
                "probe can tell these."
            )
    return _with(train, of_train, shared), _with(test, of_test, shared)


def label_kinds(part: ImageData | SequenceData) -> dict[str, _Labels]:
    """Labels with their names, by kind."""
    labels, names = part.labels, part.class_names
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        return {_ONLY: (labels, None if isinstance(names, Mapping) else names)}
    named = names if isinstance(names, Mapping) else {}
    return {kind: (column, named.get(kind)) for kind, column in labels.items()}


def _with(part: Part, kinds: dict[str, _Labels], shared: list[str]) -> Part:
    if not shared:
        return dataclasses.replace(part, labels=None, class_names=None)
    if not isinstance(part.labels, Mapping):
        labels, names = kinds[_ONLY]
        return dataclasses.replace(part, labels=labels, class_names=names)
    return dataclasses.replace(
        part,
        labels={kind: kinds[kind][0] for kind in shared},
        class_names={kind: kinds[kind][1] for kind in shared},
    )
