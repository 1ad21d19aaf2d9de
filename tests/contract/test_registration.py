# SPDX-License-Identifier: Apache-2.0
"""A saved model loads in a new process that imports `cl_keras` and no more of it."""

import subprocess
import sys

import pytest

from cl_keras import encoders, methods


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "model.keras"
    encoder = encoders.compact_resnet((16, 16, 3), width=4, blocks=1)
    methods.SimCLR(encoder).save(file)
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    ["import keras, cl_keras", "import cl_keras, keras", "import cl_keras.methods"],
)
def test_a_saved_model_loads(saved, imports):
    load = "import keras; print(type(keras.saving.load_model({!r})).__name__)"
    code = f"{imports}; {load.format(str(saved))}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["SimCLR"], done.stderr[-2000:]


def test_the_import_alone_stays_free_of_tensorflow():
    code = "import cl_keras, sys; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
