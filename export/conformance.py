# SPDX-License-Identifier: Apache-2.0
"""The part of `export.check` that runs in a process of its own.

    python -P conformance.py VERSION_FOLDER REPORT.jsonl [PROBE.npz]

Needs TensorFlow and NumPy only; Keras and cl_keras are made unimportable, since a
server has neither. Writes one JSON row `[name, ok, detail]` a line.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # TensorFlow itself imports Keras if it can; a missing one does not trouble it.
    for absent in ("keras", "tf_keras", "cl_keras", "tensorflow_gnn"):
        sys.modules[absent] = None  # type: ignore[assignment]

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import probes

    sys.path.pop(0)
else:
    from cl_keras.export import probes

Row = tuple[str, bool, str]
Arrays = Mapping[str, np.ndarray]
Specs = dict[str, dict[str, dict[str, dict[str, Any]]]]
Call = Callable[[str, Arrays], Arrays]

TOLERANCE = 1e-5
HALF_TOLERANCE = 2e-2
PYTHON_OPS = re.compile(r"(Eager)?PyFunc(Stateless)?$")
RANDOM_OPS = re.compile(
    r"Random|Rng|Multinomial|TruncatedNormal|CandidateSampler|"
    r"Stateful(Uniform|StandardNormal|Binomial)|StatelessParameterized|"
    r"SampleDistortedBoundingBox|ShuffleDataset|ShuffleAndRepeatDataset"
)


def examine(folder: Path, probe: Arrays | None = None) -> Iterator[Row]:
    """Checks a version folder.

    Args:
        folder: The folder.
        probe: The inputs of `serving_default` by name, as `input_<name>`, with what
            the exported encoder gives for them, `expected` (N, D), and `tolerance`;
            or None.

    Yields:
        Rows of name, whether it holds, and detail.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        wanted: Specs = manifest["signatures"]
        facts = manifest["input"]
        tuple(facts["shape"])
        half = manifest["compute_dtype"] not in ("float32", "float64")
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield "signatures", False, f"the manifest does not tell them: {error!r}"
        wanted, facts, half = {}, {"shape": []}, False
    yield from _guarded("graph", _graph_rows, folder)

    tolerance = HALF_TOLERANCE if half else TOLERANCE
    for loader, load in (("saved_model", _load_eager), ("session", _load_session)):
        try:
            specs, call = load(folder)
        except Exception as error:
            yield f"{loader}: load", False, _short(error)
            continue
        yield f"{loader}: load", True, f"signatures {', '.join(sorted(specs))}"
        yield from _signature_rows(loader, specs, wanted)
        for name in sorted(specs):
            label = f"{loader}: {name}"
            checks = _Signature(label, specs[name], name, call, tolerance)
            yield from _guarded(label, checks.rows, facts, probe)
        label = f"{loader}: encoded equals float"
        is_graph = facts.get("modality") == "graph"
        rows = _serialized_rows if is_graph else _encoded_rows
        yield from _guarded(label, rows, loader, specs, call, facts, tolerance)


def _guarded(
    name: str, rows: Callable[..., Iterator[Row]], *arguments: Any
) -> Iterator[Row]:
    try:
        yield from rows(*arguments)
    except Exception as error:
        yield name, False, _short(error)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _graph_rows(folder: Path) -> Iterator[Row]:
    bundle = saved_model_pb2.SavedModel()
    bundle.ParseFromString((folder / "saved_model.pb").read_bytes())
    ops: set[str] = set()
    for meta in bundle.meta_graphs:
        ops.update(node.op for node in meta.graph_def.node)
        for function in meta.graph_def.library.function:
            ops.update(node.op for node in function.node_def)
    for name, pattern in (
        ("no Python operations", PYTHON_OPS.match),
        ("no random operations", RANDOM_OPS.search),
    ):
        bad = sorted(filter(pattern, ops))
        yield name, not bad, ", ".join(bad) or f"{len(ops)} kinds of operations"


def _load_eager(folder: Path) -> tuple[Specs, Call]:
    loaded = tf.saved_model.load(str(folder))
    specs: Specs = {}
    for name, function in loaded.signatures.items():
        specs[name] = {
            "inputs": {
                k: {"dtype": s.dtype.name, "shape": s.shape.as_list()}
                for k, s in function.structured_input_signature[1].items()
            },
            "outputs": {
                k: {"dtype": s.dtype.name, "shape": s.shape.as_list()}
                for k, s in function.structured_outputs.items()
            },
        }

    def call(name: str, feed: Arrays) -> Arrays:
        # `loaded` has to stay alive: the signatures hold its variables weakly.
        out = loaded.signatures[name](**{k: tf.constant(v) for k, v in feed.items()})
        return {k: v.numpy() for k, v in out.items()}

    return specs, call


def _load_session(folder: Path) -> tuple[Specs, Call]:
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    signatures = {
        name: definition
        for name, definition in meta.signature_def.items()
        if not name.startswith("__")
    }

    def side(tensors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return {
            k: {
                "dtype": tf.dtypes.as_dtype(t.dtype).name,
                "shape": tf.TensorShape(t.tensor_shape).as_list(),
            }
            for k, t in tensors.items()
        }

    def call(name: str, feed: Arrays) -> Arrays:
        definition = signatures[name]
        fetches = {k: t.name for k, t in definition.outputs.items()}
        feeds = {definition.inputs[k].name: v for k, v in feed.items()}
        return session.run(fetches, feeds)

    specs = {
        name: {"inputs": side(d.inputs), "outputs": side(d.outputs)}
        for name, d in signatures.items()
    }
    return specs, call


def _signature_rows(loader: str, specs: Specs, wanted: Specs) -> Iterator[Row]:
    name = f"{loader}: signatures"
    if "serving_default" not in specs:
        yield name, False, "serving_default is missing"
    for signature in sorted(wanted.keys() | specs.keys()):
        label = f"{loader}: {signature}: specification"
        if signature not in specs:
            yield label, False, "the manifest lists it, the SavedModel lacks it"
            continue
        if wanted and specs[signature] != wanted.get(signature):
            expected = json.dumps(wanted.get(signature))
            received = json.dumps(specs[signature])
            yield label, False, f"expected {expected}, received {received}"
            continue
        tensors = [s for side in specs[signature].values() for s in side.values()]
        shut = [s for s in tensors if not s["shape"] or s["shape"][0] is not None]
        detail = f"batch dimension not open: {shut}" if shut else "as the manifest"
        yield label, not shut, detail


class _Signature:
    def __init__(
        self,
        label: str,
        spec: dict[str, dict[str, dict[str, Any]]],
        name: str,
        call: Call,
        tolerance: float,
    ) -> None:
        self.label = label
        self._spec = spec
        self._name = name
        self._call = call
        self._tolerance = tolerance

    def rows(self, facts: Mapping[str, Any], probe: Arrays | None) -> Iterator[Row]:
        inputs = self._spec["inputs"]
        parts = probes.parts(inputs, facts)
        if parts is None:
            yield self.label, False, f"no probe for the inputs {inputs}"
            return
        batch = probes.join(parts)
        empty = {key: value[:0] for key, value in batch.items()}
        count = sum(probes.PARTS)
        sizes = (probes.PARTS[0], count, 0)
        results = {}
        for size, feed in zip(sizes, (parts[0], batch, empty), strict=True):
            label = f"{self.label}: batch of {size}"
            try:
                results[size] = self._call(self._name, feed)
            except Exception as error:
                yield label, False, _short(error)
                continue
            yield label, *self._output(results[size], size)
        if count not in results:
            return
        whole = results[count]

        again = self._call(self._name, batch)
        yield f"{self.label}: repeatable", *_compare(again, whole, self._tolerance)
        answers = [self._call(self._name, part) for part in parts]
        joined = {k: probes.concatenate([a[k] for a in answers]) for k in whole}
        label = f"{self.label}: rows independent"
        yield label, *_compare(joined, whole, self._tolerance)
        ((key, spec), *others) = inputs.items()
        if None in spec["shape"][1:] and not others:
            half = {key: batch[key][:, : batch[key].shape[1] // 2]}
            label = f"{self.label}: half the length"
            yield label, *self._output(self._call(self._name, half), count)
        if probe is not None and all(f"input_{key}" in probe for key in inputs):
            feed = {key: probe[f"input_{key}"] for key in inputs}
            output = self._call(self._name, feed)
            expected = {key: probe["expected"] for key in output}
            ok, detail = _compare(expected, output, float(probe["tolerance"]))
            yield f"{self.label}: equals the encoder", ok, detail

    def _output(self, output: Arrays, size: int) -> tuple[bool, str]:
        for key, spec in self._spec["outputs"].items():
            value = output[key]
            # Open sides other than the first may have any length.
            shape = (size, *spec["shape"][1:])
            fits = len(shape) == value.ndim and all(
                n in (None, m) for n, m in zip(shape, value.shape, strict=True)
            )
            if value.dtype.name != spec["dtype"] or not fits:
                return False, (
                    f"{key}: expected {spec['dtype']} {shape}, "
                    f"received {value.dtype.name} {value.shape}"
                )
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                return False, f"{key}: not all values are finite"
        return True, ", ".join(f"{k} {v.shape}" for k, v in output.items())


def _encoded_rows(
    loader: str, specs: Specs, call: Call, facts: Mapping[str, Any], tolerance: float
) -> Iterator[Row]:
    """Encoded pictures give what the same pictures give as floats."""
    inputs = {name: tuple(spec["inputs"].items()) for name, spec in specs.items()}
    encoded = [n for n, i in inputs.items() if i[0][1]["dtype"] == "string"]
    if not encoded or "serving_default" not in specs:
        return
    pixels, files = probes.pictures(sum(probes.PARTS), facts["shape"])
    values = pixels.astype(np.float32) / 255
    floats = call("serving_default", {inputs["serving_default"][0][0]: values})
    for name in encoded:
        output = call(name, {inputs[name][0][0]: files})
        ok, detail = _compare(output, floats, tolerance)
        yield f"{loader}: {name}: equals serving_default", ok, detail


def _serialized_rows(
    loader: str, specs: Specs, call: Call, facts: Mapping[str, Any], tolerance: float
) -> Iterator[Row]:
    """Serialized graphs give what each gives alone as tensors, and its mean."""
    name = "graph_tensor"
    if name not in specs or "serving_default" not in specs:
        return
    graphs, files = probes.graphs(facts)
    ((key, _),) = specs[name]["inputs"].items()
    output = call(name, {key: files})
    rows = [call("serving_default", graph)["embedding"] for graph in graphs]
    means = [r.mean(axis=0) if len(r) else np.zeros(r.shape[1]) for r in rows]
    expected = {
        "embedding": probes.concatenate([r[np.newaxis] for r in rows]),
        "graph_embedding": np.stack(means),
        "nodes": np.array(probes.GRAPHS),
    }
    ok, detail = _compare(output, expected, tolerance)
    yield f"{loader}: {name}: equals serving_default", ok, detail


def _compare(left: Arrays, right: Arrays, tolerance: float) -> tuple[bool, str]:
    if left.keys() != right.keys():
        return False, f"outputs differ: {sorted(left)} and {sorted(right)}"
    worst = 0.0
    for key in left:
        if left[key].shape != right[key].shape:
            return False, f"{key}: shapes {left[key].shape} and {right[key].shape}"
        gap = np.abs(np.subtract(left[key], right[key], dtype=np.float64))
        gap = gap / (1.0 + np.abs(right[key]))
        worst = max(worst, float(gap.max(initial=0.0)))
    # Written so that NaN fails.
    return bool(worst <= tolerance), f"largest difference {worst:.1e}"


def main(folder: str, report: str, probe: str | None = None) -> None:
    """Writes the rows of a folder, each as soon as it is known.

    Args:
        folder: The version folder.
        report: JSON Lines file to write.
        probe: NPZ file of probe inputs and expected embeddings.
    """
    arrays = dict(np.load(probe, allow_pickle=False)) if probe else None
    with open(report, "w", encoding="utf-8") as file:
        for row in examine(Path(folder), arrays):
            print(json.dumps(row), file=file, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
