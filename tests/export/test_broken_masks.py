# SPDX-License-Identifier: Apache-2.0
"""Models that mask bad rows by themselves, in a wrong way."""

import numpy as np
import pytest

from cl_keras.export.conformance.loading import Bundle
from cl_keras.export.conformance.string_rows import corrupt_rows


def masking(change):
    """A model that masks by itself, and of which one thing is changed."""

    def call(name, feed):
        (key,) = feed
        good = np.array([c.endswith(b"IEND\xaeB`\x82") for c in feed[key]])
        rows = [
            hash(c) % 97 if g else 0.0 for c, g in zip(feed[key], good, strict=True)
        ]
        return change(
            {"embedding": np.array(rows)[:, None] * np.ones(2), "valid": good}
        )

    spec = {"inputs": {"image_bytes": {"dtype": "string", "shape": [None]}}}
    spec["outputs"] = {"embedding": {}, "valid": {}}
    facts = {"shape": [16, 16, 3], "on_error": "mask"}
    return Bundle("session", {"image_bytes": spec}, call, facts, 1e-5, None)


def failing(outputs):
    if not outputs["valid"].all():
        raise ValueError("bad row")
    return outputs


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda o: o | {"valid": o["valid"] | True}, "and is said to be valid"),
        (lambda o: o | {"embedding": o["embedding"] + 1}, "difference"),
        (lambda o: o | {"embedding": o["embedding"] * o["valid"].all()}, "difference"),
        (failing, "fails its request"),
    ],
)
def test_masks_that_are_wrong(change, detail):
    assert next(corrupt_rows(masking(lambda o: o)))[1]
    ((_, ok, found),) = corrupt_rows(masking(change))
    assert not ok and detail in found
