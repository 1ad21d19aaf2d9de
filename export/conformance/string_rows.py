# SPDX-License-Identifier: Apache-2.0
"""Files give what the numbers in them give, and one that cannot be read harms none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cl_keras.export import probes
from cl_keras.export.conformance.loading import Bundle
from cl_keras.export.conformance.report import Arrays, Row, compare

_COUNT = sum(probes.PARTS)
# Rows of a batch that are replaced; the last by one that is cut off.
_NOISE, _CUT = 2, 5


def agreement_rows(bundle: Bundle) -> Iterator[Row]:
    """Compares each signature that takes strings with the one that takes numbers."""
    for name, key in bundle.takers_of_strings():
        is_search = "ids" in bundle.specs[name]["outputs"]
        reference = "neighbors" if is_search else "serving_default"
        if reference not in bundle.specs:
            continue
        if key == "graph_tensor":
            output, expected = _graphs(bundle, name, key)
        else:
            values, files = probes.numbers_and_strings(key, bundle.facts, _COUNT)
            output = dict(bundle.call(name, {key: files}))
            (float_input,) = bundle.specs[reference]["inputs"]
            expected = dict(bundle.call(reference, {float_input: values}))
        if "valid" in output:
            expected = {**expected, "valid": np.ones(len(output["valid"]), bool)}
        label = f"{bundle.loader}: {name}: equals {reference}"
        yield label, *compare(output, expected, bundle.tolerance)


def _graphs(bundle: Bundle, name: str, key: str) -> tuple[Arrays, Arrays]:
    """Serialized graphs give what each gives alone as tensors, and its mean."""
    graphs, files = probes.graphs(bundle.facts)
    rows = [bundle.call("serving_default", graph)["embedding"] for graph in graphs]
    means = [r.mean(axis=0) if len(r) else np.zeros(r.shape[1]) for r in rows]
    return bundle.call(name, {key: files}), {
        "embedding": probes.concatenate([r[np.newaxis] for r in rows]),
        "graph_embedding": np.stack(means),
        "nodes": np.array(probes.GRAPHS),
    }


def corrupt_rows(bundle: Bundle) -> Iterator[Row]:
    """Sends batches with bad rows to each signature that takes strings."""
    rule = bundle.facts.get("on_error")
    for name, key in bundle.takers_of_strings():
        if key not in probes.STRINGS:
            continue
        good = probes.strings(key, bundle.facts, _COUNT)
        bad = good.copy()
        bad[_NOISE], bad[_CUT] = b"\xffno file", good[_CUT][: len(good[_CUT]) // 2]
        label = f"{bundle.loader}: {name}: corrupt rows"
        if rule == "mask":
            if "valid" not in bundle.specs[name]["outputs"]:
                yield label, False, "the manifest says masked; there is no `valid`"
                continue
            yield label, *_masked(bundle, name, key, good, bad)
        elif rule == "fail":
            yield label, *_failing(bundle, name, key, bad)


def _masked(
    bundle: Bundle, name: str, key: str, good: np.ndarray, bad: np.ndarray
) -> tuple[bool, str]:
    expected = {k: v.copy() for k, v in bundle.call(name, {key: good}).items()}
    for value in expected.values():
        for row in (_NOISE, _CUT):
            value[row] = b"" if value.dtype.kind == "O" else 0
    try:
        output = bundle.call(name, {key: bad})
        nothing = bundle.call(name, {key: bad[[_NOISE, _CUT]]})
    except Exception as error:
        return False, f"a bad row fails its request: {type(error).__name__}"
    for row in (_NOISE, _CUT):
        if output["valid"][row]:
            return False, f"row {row} cannot be read, and is said to be valid"
    if nothing["valid"].any():
        return False, "of a batch of bad rows some are said to be valid"
    # The longest graph may be gone.
    sides = {k: tuple(slice(n) for n in v.shape) for k, v in output.items()}
    cut = {k: v[sides[k]] for k, v in expected.items()}
    ok, detail = compare(output, cut, bundle.tolerance)
    return ok, f"2 of {_COUNT} not valid and zero; others: {detail}"


def _failing(bundle: Bundle, name: str, key: str, bad: np.ndarray) -> tuple[bool, str]:
    try:
        bundle.call(name, {key: bad})
    except Exception as error:
        return True, f"fail their request, as the manifest says: {type(error).__name__}"
    return False, "the manifest says they fail their request; they do not"
