# SPDX-License-Identifier: Apache-2.0
"""What docstrings and pages show runs."""

import doctest
import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from typer.main import get_command

from cl_keras.cli import app

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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The linear probe reached its limit")
def test_the_readmes_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    for block in blocks:
        exec(block.replace("epochs=10", "epochs=1"), {})
    assert (tmp_path / "serving" / "digits" / "1" / "saved_model.pb").is_file()


COMING_FROM = sorted((ROOT / "docs" / "coming_from").glob("*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("page", COMING_FROM, ids=lambda page: page.stem)
def test_our_side_of_a_comparison_runs(page):
    # Theirs is in blocks of `py`.
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S):
        exec(block, names)


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_are_understood(page):
    text = page.read_text().replace("\\\n", " ")
    for line in re.findall(r"^[ !]*(?:\w+=\S+ )*cl-keras (.+)$", text, re.M):
        command, arguments = get_command(app), shlex.split(line, comments=True)
        while hasattr(command, "commands") and arguments[0] in command.commands:
            command, *arguments = command.commands[arguments[0]], *arguments[1:]
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        # One with a blank in it is a value: an option of a runner of Beam's.
        words = [w for w in arguments if w.startswith("--") and " " not in w]
        given = {word.split("=")[0] for word in words}
        assert given <= known | {"--help", "--version"}, line
