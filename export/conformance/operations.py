# SPDX-License-Identifier: Apache-2.0
"""Which operations a server would run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf import saved_model_pb2

from cl_keras.export.conformance.allowed_operations import ALLOWED
from cl_keras.export.conformance.report import Row

PYTHON = re.compile(r"(Eager)?PyFunc(Stateless)?$")
RANDOM = re.compile(
    r"Random|Rng|Multinomial|TruncatedNormal|CandidateSampler|"
    r"Stateful(Uniform|StandardNormal|Binomial)|StatelessParameterized|"
    r"SampleDistortedBoundingBox|ShuffleDataset|ShuffleAndRepeatDataset"
)


# Allowed for the saver alone, which no check calls: they write files.
WRITING = frozenset(("SaveV2", "MergeV2Checkpoints"))
# What functions for fine-tuning may have beside: they move averages.
TRAINING = frozenset(("AssignAddVariableOp", "AssignSubVariableOp"))


def harmful(folder: Path) -> list[str]:
    """Finds operations for which a folder may not be loaded and run.

    Loading runs functions that no signature reaches, such as those that fill tables:
    so all functions of the library are looked at, not only what signatures reach.
    """
    wrong: set[str] = set()
    for meta in _meta_graphs(folder):
        graph = meta.graph_def
        functions = _functions(graph)
        saver = meta.saver_def.save_tensor_name.partition(":")[0].lstrip("^")
        saving = _behind(graph, saver)
        free = meta.object_graph_def.concrete_functions.keys()
        places = [*((node, node.name in saving) for node in graph.node)]
        saves = _called((n for n, is_saver in places if is_saver), functions)
        others = _called((n for n, is_saver in places if not is_saver), functions)
        others |= _called(
            (node for name in free for node in functions.get(name, ())), functions
        ) | (set(free) & functions.keys())
        for name, nodes in functions.items():
            is_saver = name in saves and name not in others
            places += [(node, is_saver) for node in nodes]
        for node, is_saver in places:
            if node.op in functions:
                continue
            allowed = node.op in ALLOWED and (is_saver or node.op not in WRITING)
            random = RANDOM.search(node.op) and not PYTHON.match(node.op)
            if not (allowed or random or node.op in TRAINING):
                wrong.add(node.op)
    return sorted(wrong)


def _meta_graphs(folder: Path) -> Any:
    bundle = saved_model_pb2.SavedModel()
    bundle.ParseFromString((folder / "saved_model.pb").read_bytes())
    return bundle.meta_graphs


def _functions(graph: GraphDef) -> dict[str, Any]:
    """The nodes of a graph's functions, by name."""
    return {f.signature.name: f.node_def for f in graph.library.function}


def _behind(graph: GraphDef, name: str) -> set[str]:
    """Names of a node and of what it takes."""
    nodes = {node.name: node for node in graph.node}
    waiting, seen = [name], set()
    while waiting:
        here = waiting.pop()
        if here in seen or here not in nodes:
            continue
        seen.add(here)
        waiting += [x.lstrip("^").partition(":")[0] for x in nodes[here].input]
    return seen


def _called(nodes: Iterable[NodeDef], functions: Mapping[str, Any]) -> set[str]:
    """Names of the functions that nodes call, and that those call."""
    waiting, seen = list(nodes), set()
    while waiting:
        node = waiting.pop()
        names = [node.op]
        for value in node.attr.values():
            names += [value.func.name, *(f.name for f in value.list.func)]
        for name in names:
            if name in functions and name not in seen:
                seen.add(name)
                waiting += functions[name]
    return seen


def operation_rows(folder: Path) -> Iterator[Row]:
    """Looks at the operations that the signatures reach.

    What only Python can call, such as the function for fine-tuning, is not looked at:
    a server loads it and has no way to run it.
    """
    names = {n for meta in _meta_graphs(folder) for n in reachable(meta.graph_def)}
    python = sorted(filter(PYTHON.match, names))
    count = f"{len(names)} kinds of operations"
    detail = f"a server has no Python to run: {', '.join(python)}" if python else count
    yield "no Python operations", not python, detail
    random = sorted(filter(RANDOM.search, names))
    detail = f"answers would differ: {', '.join(random)}" if random else count
    yield "no random operations", not random, detail
    others = sorted(names - ALLOWED - set(python) - set(random))
    yield (
        "long-standing operations",
        not others,
        f"not in the list of those that servers have long had: {', '.join(others)}"
        if others
        else count,
    )


def reachable(graph: GraphDef) -> set[str]:
    """Finds the operations of a graph and of the functions it calls."""
    functions = _functions(graph)
    bodies = (functions[name] for name in _called(graph.node, functions))
    names = {node.op for nodes in (graph.node, *bodies) for node in nodes}
    return names - functions.keys()
