# SPDX-License-Identifier: Apache-2.0
"""Imports point one way."""

import ast
from pathlib import Path

import pytest

from cl_keras.methods import METHODS

ROOT = Path(__file__).parents[2]
BASE = {"check", "files", "distribute", "artifact", "file_record", "registry", "extras"}
BASE |= {"address", "preprocessing", "specification", "workers", "replica_trainer"}
BASE |= {"no_rows", "seeds", "labels", "progress", "metrics", "rebuilding"}
BASE |= {"score_names", "operation_error", "taps", "unpacking", "untuned"}
PARTS = {"batch_norm", "losses", "estimators", "encoders", "heads", "augment"}
PARTS |= {"optimizers"}
ALLOWED = {
    **{name: BASE for name in BASE},
    "batch_norm": BASE,
    "gnn": BASE,
    "losses": BASE,
    "optimizers": BASE,
    "estimators": BASE | {"losses"},
    "augment": BASE,
    # An encoder may have layers that change its inputs at random in training.
    "encoders": BASE | {"batch_norm", "augment"},
    "heads": BASE | {"batch_norm"},
    "data": BASE | {"augment", "gnn"},
    "evaluate": BASE,
    # It names classes, which are imported on use.
    "method_table": {"registry", "methods"},
    # Methods take an encoder as an argument: they import neither encoders nor data.
    "methods": BASE
    | {"batch_norm", "losses", "estimators", "heads", "augment", "optimizers"}
    | {"method_table"},
    "checkpoints": BASE | {"encoders", "method_table"},
    # A serving host needs no training code.
    "zoo": BASE | {"encoders"},
    "export": BASE | {"gnn"},
    # What `import cl_keras` does with Keras: nothing imports it.
    "registration": PARTS | {"methods"},
    "show": BASE | {"method_table", "methods", "evaluate"},
    "runs": BASE
    | PARTS
    | {"data", "method_table", "methods", "evaluate", "zoo", "export", "show"}
    | {"checkpoints"},
    "cli": BASE | {"runs", "zoo", "export", "method_table"},
}

# Drawing is above; these names of it stay where users know them, loaded on use.
REACHED = {("evaluate", name) for name in ("image_plots", "plots", "score_plots")}


def modules():
    for folder, prefix in (
        ("cl_keras", ()),
        ("zoo", ("zoo",)),
        ("export", ("export",)),
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = (*prefix, *path.relative_to(ROOT / folder).with_suffix("").parts)
            if parts != ("__init__",):
                yield pytest.param(path, parts, id="/".join(parts))


def imported(path):
    """Names under cl_keras that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # importlib.import_module("cl_keras.encoders")
            names = [node.value] if node.value.startswith("cl_keras.") else []
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            if top == "cl_keras" and rest:
                yield rest.split(".")[0].split(":")[0].strip()


@pytest.mark.parametrize(("path", "parts"), list(modules()))
def test_imports_point_down(path, parts):
    package = parts[0]
    allowed = ALLOWED[package] | {package, "__version__"}
    if parts in REACHED:
        allowed |= {"show"}
    known = set(ALLOWED) | {"__version__"}
    wrong = {name for name in imported(path) if name in known} - allowed
    assert not wrong, f"{'.'.join(parts)} imports {sorted(wrong)}"


def test_methods_never_import_each_other():
    folder = ROOT / "cl_keras" / "methods"
    own = {row.path.partition(":")[0].split(".")[-1] for row in METHODS.values()}
    for name in own:
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                target = node.module.removeprefix("cl_keras.methods.")
                assert target not in own, f"{name} imports {target}"


def test_only_two_modules_talk_to_tf_distribute():
    for param in modules():
        path, parts = param.values
        if parts[0] in ("distribute", "workers"):  # In a step, and around it.
            continue
        attributes = (
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        )
        assert not any(a.startswith("tf.distribute") for a in attributes), parts
