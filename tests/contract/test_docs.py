# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings run."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).parents[2]
# Their examples need files or minutes.
SKIPPED = {"cl_keras.runs.evaluate"}


def module_names():
    for folder, package in (
        ("cl_keras", "cl_keras"),
        ("zoo", "cl_keras.zoo"),
        ("export", "cl_keras.export"),
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if parts[-1] in ("__init__", "__main__") or ">>> " not in path.read_text():
                continue
            yield ".".join([package, *parts])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(module_names()) - SKIPPED))
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    from cl_keras import augment, data, encoders

    names = {"np": np, "tf": tf, "data": data, "augment": augment}
    names |= {"encoders": encoders}
    names |= {"images": np.zeros((256, 32, 32, 3), np.uint8)}
    names |= vars(module)
    result = doctest.testmod(
        module,
        extraglobs=names,
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert result.failed == 0
