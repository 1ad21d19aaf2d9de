# SPDX-License-Identifier: Apache-2.0
"""TensorFlow GNN beside Keras 3. What `tf.keras` is, is decided once a process."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
needs_gnn = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_gnn") is None,
    reason="extra `graph`: tensorflow_gnn is not installed",
)


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


class Running(ast.NodeTransformer):
    """Leaves out what only type checkers read."""

    def visit_If(self, node):
        self.generic_visit(node)
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


def test_only_one_file_imports_it():
    for folder in ("cl_keras", "zoo", "export"):
        for path in (ROOT / folder).rglob("*.py"):
            # The second makes it unimportable.
            if path.parts[-2:] in {
                ("gnn", "library.py"),
                ("conformance", "__main__.py"),
            }:
                continue
            for node in ast.walk(Running().visit(ast.parse(path.read_text()))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module]
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names = [node.value]
                elif isinstance(node, ast.Attribute):
                    # Reading it once would decide it for the whole process.
                    assert ast.unparse(node) != "tf.keras", path
                    continue
                else:
                    continue
                assert not {"tensorflow_gnn", "tf_keras"} & set(names), path


@needs_gnn
def test_it_comes_late_and_leaves_keras_and_the_environment_alone():
    run(
        """
import os, sys
import tensorflow as tf, keras, numpy as np
import cl_keras
from cl_keras import data, export, gnn, encoders, methods, runs
import tempfile

def train():
    model = methods.SimCLR(encoders.compact_resnet((8, 8, 1), width=4))
    model.compile(keras.optimizers.SGD(0.1))
    view = np.zeros((4, 8, 8, 1), "float32")
    model.fit(tf.data.Dataset.from_tensors((view, view)), verbose=0)
    folder = tempfile.mkdtemp()
    model.encoder.save(folder + "/encoder.keras")
    keras.saving.load_model(folder + "/encoder.keras")
    export.saved_model(model.encoder, folder, bytes_input=False)

train()
# Nobody used tf.keras, so that it still can become Keras 2.
assert not {"tensorflow_gnn", "tf_keras"} & set(sys.modules)
assert not vars(vars(tf)["keras"])["_tfll_initialized"]
for before in (None, "0"):
    if before:
        os.environ["TF_USE_LEGACY_KERAS"] = before
    tfgnn = gnn.load()
    assert os.environ.get("TF_USE_LEGACY_KERAS") == before
assert tfgnn.__name__ == "tensorflow_gnn" and gnn.load() is tfgnn
assert tf.keras.layers.Layer.__module__.startswith("tf_keras")
assert keras.__version__.startswith("3.")
import keras as again
assert again is keras
train()
"""
    )


@needs_gnn
def test_tf_keras_already_in_use():
    run(
        """
import os
import tensorflow as tf
tf.keras.layers.Dense(1)
from cl_keras import gnn
for _ in range(2):
    try:
        gnn.load()
    except ImportError as error:
        message = str(error)
        for words in ("already used `tf.keras` as Keras 3.", "TF_USE_LEGACY_KERAS=1",
                      "gnn.load()", "`import keras`", "process of their own"):
            assert words in message, message
    else:
        raise SystemExit("loaded")
assert "TF_USE_LEGACY_KERAS" not in os.environ
assert tf.keras.version().startswith("3.")
"""
    )


@needs_gnn
def test_environment_variable_set_from_the_start():
    code = """
import tensorflow as tf, keras, os
tf.keras.layers.Dense(1)
from cl_keras import gnn
gnn.load()
assert keras.__version__.startswith("3.")
assert os.environ["TF_USE_LEGACY_KERAS"] == "1"
"""
    run(code, TF_USE_LEGACY_KERAS="1")


@pytest.mark.parametrize(
    "absent", ["tensorflow_gnn", pytest.param("tf_keras", marks=needs_gnn)]
)
def test_absent_package_gives_the_pip_line_and_breaks_nothing(absent):
    run(
        f"""
import sys
sys.modules[{absent!r}] = None
import tensorflow as tf
from cl_keras import gnn
try:
    gnn.load()
except ImportError as error:
    assert 'pip install "cl-keras[graph]"' in str(error), error
    assert {absent!r} in str(error), error
else:
    raise SystemExit("loaded")
assert tf.keras.version().startswith("3.")
"""
    )
