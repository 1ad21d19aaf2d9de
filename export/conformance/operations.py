# SPDX-License-Identifier: Apache-2.0
"""Which operations a server would run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf import saved_model_pb2

from cl_keras.export.conformance.allowed_operations import ALLOWED
from cl_keras.export.conformance.report import Row

PYTHON = re.compile(r"(Eager)?PyFunc(Stateless)?$")
RANDOM = re.compile(
    r"Random|Rng|Multinomial|TruncatedNormal|CandidateSampler|"
    r"Stateful(Uniform|StandardNormal|Binomial)|StatelessParameterized|"
    r"SampleDistortedBoundingBox|ShuffleDataset|ShuffleAndRepeatDataset"
)


def operation_rows(folder: Path) -> Iterator[Row]:
    """Looks at the operations that the signatures reach.

    What only Python can call, such as the function for fine-tuning, is not looked at:
    a server loads it and has no way to run it.

    Args:
        folder: The version folder.

    Yields:
        Rows.
    """
    bundle = saved_model_pb2.SavedModel()
    bundle.ParseFromString((folder / "saved_model.pb").read_bytes())
    found: set[str] = set()
    for meta in bundle.meta_graphs:
        found |= reachable(meta.graph_def)
    python = sorted(filter(PYTHON.match, found))
    count = f"{len(found)} kinds of operations"
    detail = f"a server has no Python to run: {', '.join(python)}" if python else count
    yield "no Python operations", not python, detail
    random = sorted(filter(RANDOM.search, found))
    detail = f"answers would differ: {', '.join(random)}" if random else count
    yield "no random operations", not random, detail
    others = sorted(found - ALLOWED - set(python) - set(random))
    yield (
        "long-standing operations",
        not others,
        f"not in the list of those that servers have long had: {', '.join(others)}"
        if others
        else count,
    )


def reachable(graph: GraphDef) -> set[str]:
    """Finds the operations of a graph and of the functions it calls.

    Args:
        graph: The graph.

    Returns:
        Names of operations; functions that are called are not among them.
    """
    functions = {f.signature.name: f.node_def for f in graph.library.function}
    waiting, seen, found = [graph.node], set(), set()
    while waiting:
        for node in waiting.pop():
            called = [node.op] if node.op in functions else []
            if not called:
                found.add(node.op)
            for value in node.attr.values():
                called += [value.func.name, *(f.name for f in value.list.func)]
            for name in called:
                if name in functions and name not in seen:
                    seen.add(name)
                    waiting.append(functions[name])
    return found
