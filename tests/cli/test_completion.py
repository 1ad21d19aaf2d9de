# SPDX-License-Identifier: Apache-2.0
"""What the command line offers on a Tab, in a fraction of a second."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cl_keras import augment, zoo
from cl_keras.cli.setting_names import setting_names
from cl_keras.data.kinds import KINDS
from cl_keras.encoders import ENCODERS
from cl_keras.methods import METHODS
from cl_keras.runs.settings import call_names


def environment(**more):
    ours = ("CL_KERAS_DATA", "CL_KERAS_ZOO")
    return {k: v for k, v in os.environ.items() if k not in ours} | more


def complete(line, cwd=None, shell="bash", **more):
    """What the shell gets for a line whose last word is being typed."""
    code = "import sys; sys.argv = ['cl-keras']; from cl_keras.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(
            _CL_KERAS_COMPLETE=f"complete_{shell}",
            COMP_WORDS=line,
            COMP_CWORD=str(line.count(" ")),
            _TYPER_COMPLETE_ARGS=line,
            **more,
        ),
    )
    assert result.stderr == ""
    return result.stdout.split("\n")[:-1] if shell == "bash" else result.stdout


def test_names_complete(tmp_path):
    assert set(complete("cl-keras train ")) == set(METHODS)
    assert complete("cl-keras train simc") == ["simclr"]
    assert complete("cl-keras compare simclr cp") == ["cpc"]
    data = complete("cl-keras train simclr --data ")
    assert [word.rstrip(":") for word in data] == list(KINDS)
    assert complete("cl-keras train simclr --data plan") == ["planetoid:"]
    pairs = complete("cl-keras train clip --data pairs:t")
    assert pairs == ["pairs:table:"]
    assert {"doctor", "embed", "neighbors", "zoo"} <= set(complete("cl-keras "))

    (tmp_path / "photos").mkdir()
    (tmp_path / "encoder.keras").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    pairs = complete("cl-keras train clip --data pairs:folder:a,ph", tmp_path)
    assert pairs == ["pairs:folder:a,photos/"]
    names = [*zoo.list(), "encoder.keras", "photos/"]
    assert sorted(complete("cl-keras evaluate ", tmp_path)) == sorted(names)
    (tmp_path / "zoo" / "rows").mkdir(parents=True)
    (tmp_path / "zoo" / "rows" / "simclr_compact_pets.json").write_text("{}")
    registry = {"CL_KERAS_ZOO": str(tmp_path / "zoo")}
    for command in ("evaluate", "embed", "export", "zoo info"):
        line = f"cl-keras {command} simclr_compact_p"
        assert complete(line, tmp_path, **registry) == ["simclr_compact_pets"]
    words = complete("cl-keras train simclr --data folder:ph", tmp_path, shell="zsh")
    assert words.count("folder") == 1 and ":photos/" in words


def test_encoders_recipes_and_settings_complete(tmp_path):
    offered = complete("cl-keras train simclr --encoder ")
    assert {*ENCODERS, "zoo:"} <= set(offered)
    assert complete("cl-keras train simclr --encoder zoo:dim") == [
        f"zoo:{name}" for name in zoo.list("dim*")
    ]
    assert complete("cl-keras train --recipe cpc_mel") == ["cpc_mel_arabic_digits"]
    assert complete("cl-keras train simclr --set temp") == ["temperature="]
    depth = "cl-keras train simclr --encoder vit_tiny --set encoder.de"
    assert complete(depth) == ["encoder.depth="]
    assert complete("cl-keras train simclr --set augment.bl") == ["augment.blur="]


@pytest.mark.parametrize("method", METHODS)
def test_settings_that_are_offered_are_taken(method):
    row = METHODS[method]
    encoder = ENCODERS[row.defaults.get("encoder", "compact_resnet")]
    views = getattr(augment, row.view_maker)
    taken = {"": call_names(row.model, 1), "encoder": call_names(encoder, 1)}
    taken["augment"] = call_names(views)
    offered = setting_names(method, None)
    assert offered
    for name in offered:
        part, _, setting = name.rpartition(".")
        assert setting in taken[part], name


def test_a_tab_does_not_load_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('loaded')")
    words = complete("cl-keras train ", PYTHONPATH=str(tmp_path))
    assert set(words) == set(METHODS)
    for option in ("--encoder", "--set", "--recipe", "--data"):
        line = f"cl-keras train simclr {option} "
        assert complete(line, PYTHONPATH=str(tmp_path)), option


def test_completion_installs_itself_and_works_in_bash(tmp_path):
    program = Path(sys.executable).with_name("cl-keras")
    if not program.is_file() or shutil.which("bash") is None:
        pytest.skip("needs bash and an installed cl-keras")
    script = (
        "cl-keras --install-completion >&2; source ~/.bashrc\n"
        "press() { COMP_WORDS=($*); COMP_CWORD=$(($# - 1)); "
        '_cl_keras_completion cl-keras; echo "${COMPREPLY[@]}"; }\n'
        "press cl-keras train simc\n"
        "press cl-keras zoo info dim\n"
        "press cl-keras train --recipe cpc_mel\n"
        "press cl-keras train simclr --data plan\n"
        "press cl-keras train simclr --set temp\n"
    )
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env=environment(HOME=str(tmp_path), PATH=path),
    )
    assert result.stdout.split() == [
        *("simclr", *zoo.list("dim*"), "cpc_mel_arabic_digits"),
        *("planetoid:", "temperature="),
    ], result.stderr
