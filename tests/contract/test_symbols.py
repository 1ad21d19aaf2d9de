# SPDX-License-Identifier: Apache-2.0
"""Public names, pinned: whoever changes one changes this list on purpose."""

import subprocess
import sys
from pathlib import Path

import cl_keras

SYMBOLS = Path(__file__).with_name("symbols.txt")


def public_names():
    for package in sorted(set(cl_keras.__all__) - {"__version__", "distribute"}):
        module = getattr(cl_keras, package)
        if package in ("cli",):
            continue
        for name in sorted(module.__all__):
            getattr(module, name)
            yield f"{package}.{name}"


def test_public_names_are_those_written_down():
    assert list(public_names()) == SYMBOLS.read_text().splitlines()


def test_every_public_thing_is_documented():
    for line in SYMBOLS.read_text().splitlines():
        package, name = line.split(".")
        thing = getattr(getattr(cl_keras, package), name)
        assert thing.__doc__ or not callable(thing), line


def test_import_and_help_do_not_load_tensorflow():
    code = (
        "import sys, cl_keras, cl_keras.zoo, cl_keras.cli; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
