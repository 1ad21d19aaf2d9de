# SPDX-License-Identifier: Apache-2.0
"""The guides have one form, and name commands and options that are there."""

import re
from pathlib import Path

import pytest
import typer

from cl_keras.cli import app

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = [x for x in sorted(DOCS.glob("guides/*.md")) if x.stem != "index"]
# Pages to look things up in.
REFERENCE = ("image_files", "runtimes", "which_method")
COMMANDS = typer.main.get_command(app)


def options(command):
    return {
        name for param in command.params for name in param.opts + param.secondary_opts
    }


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_says_what_one_gets_what_goes_wrong_and_where_next(page):
    text = page.read_text()
    assert "\n\n**You get** " in text
    assert f"\n{page.stem}\n" in (DOCS / "guides" / "index.md").read_text()
    parts = re.findall(r"^## (.+)", text, re.M)
    assert parts[-1] == "Next"
    assert page.stem in REFERENCE or "What goes wrong most often" in parts


@pytest.mark.parametrize(
    "page", [DOCS / "start.md", *GUIDES], ids=lambda page: page.stem
)
def test_commands_and_options_are_there(page):
    text = re.sub(r"\\\n\s*", " ", page.read_text())
    for line in re.findall(r"cl-keras (?!\[)([^`\n]+)", text):
        words = re.sub(r"#.*|2>.*", "", line).split()
        command = COMMANDS
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        if command is COMMANDS:
            assert words[0].startswith("-") or words[0] == "...", line
            continue
        # Options of other programs are in quotes.
        given = re.findall(r"--[a-z][\w-]+", re.sub(r"'[^']*'", "", " ".join(words)))
        assert set(given) <= options(command), line
