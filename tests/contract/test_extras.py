# SPDX-License-Identifier: Apache-2.0
"""Each extra brings what its code and its tests import, and nothing else is needed.

An environment of its own is a folder of links to the installed files of what the extra
asks for, and of what that asks for in turn.
"""

import ast
import configparser
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg")
EXTRAS = CONFIG["options.extras_require"]
# Their modules are named by variables, or only tests import them.
FURTHER = {
    "audio": ["soxr"],
    "beam": ["apache_beam.io.tfrecordio", "pyarrow.parquet", "soundfile", "soxr"],
    "eval": ["PIL.Image"],
    "graph": ["tensorflow_gnn", "scipy.sparse"],
    "litert": ["ai_edge_litert.interpreter"],
    "onnx": ["onnx", "onnxruntime", "tf2onnx"],
    "photos": ["PIL.AvifImagePlugin"],
    "serving": ["tensorflow_serving.apis.predict_pb2", "grpc"],
}
TOOLS = {"all", "dev", "docs", "gpu"}
# Which no other code or test needs, most of them gigabytes.
APART = {"docs", "gpu", "torch"}


def required():
    """Modules by the extra that `extras.require` names for them."""
    modules = {extra: set(names) for extra, names in FURTHER.items()}
    for folder in ("cl_keras", "zoo", "export"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or len(node.args) != 1:
                    continue
                if ast.unparse(node.func) not in ("extras.require", "require"):
                    continue
                values = [node.args[0], *(k.value for k in node.keywords)]
                if all(isinstance(value, ast.Constant) for value in values):
                    module, extra = (value.value for value in values)
                    modules.setdefault(extra, set()).add(module)
    return modules


def closure(lines):
    """Names of the distributions that requirements bring."""
    names, waiting = set(), [Requirement(line) for line in lines.split()]
    while waiting:
        wanted = waiting.pop()
        known = wanted.name, frozenset(wanted.extras)
        if known in names:
            continue
        names.add(known)
        for line in metadata.requires(wanted.name) or ():
            further = Requirement(line)
            chosen = [{"extra": extra} for extra in ("", *wanted.extras)]
            if further.marker is None or any(map(further.marker.evaluate, chosen)):
                waiting.append(further)
    return {name for name, _ in names}


def link(names, folder):
    for name in names:
        installed = metadata.distribution(name)
        for top in {file.parts[0] for file in installed.files or ()} - {".."}:
            if not (folder / top).exists():
                (folder / top).symlink_to(installed.locate_file(top))


def import_all(modules, folder, **environment):
    # Without `site`, and away from the checkout, nothing else is found.
    done = subprocess.run(
        [sys.executable, "-S", "-c", "\n".join(f"import {name}" for name in modules)],
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{modules}: {done.stderr[-2000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - TOOLS - APART))
def test_an_extra_brings_what_it_is_needed_for(extra, tmp_path):
    link(closure(CONFIG["options"]["install_requires"] + EXTRAS[extra]), tmp_path)
    legacy = {"TF_USE_LEGACY_KERAS": "1"} if extra == "graph" else {}
    import_all(sorted(required()[extra]), tmp_path, **legacy)


@pytest.mark.slow
def test_the_package_alone_needs_no_extra(tmp_path):
    link(closure(CONFIG["options"]["install_requires"]), tmp_path)
    (tmp_path / "cl_keras").mkdir()
    for path in [*(ROOT / "cl_keras").iterdir(), ROOT / "zoo", ROOT / "export"]:
        (tmp_path / "cl_keras" / path.name).symlink_to(path)
    import_all(CONFIG["options"]["packages"].split(), tmp_path)


def test_every_extra_that_code_names_exists():
    assert set(required()) == set(EXTRAS) - TOOLS


def test_all_holds_every_extra_but_those_apart():
    names = re.findall(r"cl-keras\[(\w+)\]", EXTRAS["all"])
    assert sorted(names) == sorted(set(EXTRAS) - {"all"} - APART)


def test_the_lock_holds_what_is_asked_for():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {line.split("==")[0] for line in lines if "==" in line}
    asked = closure(
        CONFIG["options"]["install_requires"]
        + "".join(EXTRAS[name] for name in set(EXTRAS) - {"all", *APART} | {"docs"})
    )
    asked = {re.sub(r"[-_.]+", "-", name).lower() for name in asked}
    assert asked <= locked, asked - locked


def test_every_file_of_the_lock_has_a_hash():
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", "")
    locked = re.compile(r"[\w.\-]+==\S+( ; .+)?( +--hash=sha256:\w{64})+")
    assert all(map(locked.fullmatch, text.splitlines()))
