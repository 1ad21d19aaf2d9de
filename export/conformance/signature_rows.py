# SPDX-License-Identifier: Apache-2.0
"""What holds for each signature by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from cl_keras.export import probes
from cl_keras.export.conformance.loading import Bundle, Specs
from cl_keras.export.conformance.report import Arrays, Row, compare, short

_COUNT = sum(probes.PARTS)


def specification_rows(bundle: Bundle, wanted: Specs) -> Iterator[Row]:
    """Compares the signatures with the manifest's."""
    specs = bundle.specs
    if "serving_default" not in specs:
        yield (
            f"{bundle.loader}: signatures",
            False,
            "serving_default is missing: it is what clients call that name none",
        )
    for signature in sorted(wanted.keys() | specs.keys()):
        label = f"{bundle.loader}: {signature}: specification"
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


def signature_rows(bundle: Bundle, name: str, probe: Arrays | None) -> Iterator[Row]:
    """Calls a signature with batches of several sizes."""
    label = f"{bundle.loader}: {name}"
    inputs = bundle.specs[name]["inputs"]
    parts = probes.parts(inputs, bundle.facts)
    if parts is None:
        yield label, False, f"no probe for the inputs {inputs}"
        return
    batch = probes.join(parts)
    feeds: dict[int, Any] = {
        probes.PARTS[0]: parts[0],
        _COUNT: batch,
        0: {key: value[:0] for key, value in batch.items()},
    }
    if bundle.largest is not None and bundle.largest not in feeds:
        feeds[bundle.largest] = probes.rows(inputs, bundle.facts, bundle.largest)
    results = {}
    for size, feed in feeds.items():
        try:
            results[size] = bundle.call(name, feed)
        except Exception as error:
            yield f"{label}: batch of {size}", False, short(error)
            continue
        yield f"{label}: batch of {size}", *_output(bundle, name, results[size], size)
    if _COUNT not in results:
        return
    whole = results[_COUNT]
    again = bundle.call(name, batch)
    yield f"{label}: repeatable", *compare(again, whole, bundle.tolerance)
    answers = [bundle.call(name, part) for part in parts]
    joined = {k: probes.concatenate([a[k] for a in answers]) for k in whole}
    yield f"{label}: rows independent", *compare(joined, whole, bundle.tolerance)
    ((key, spec), *others) = inputs.items()
    if None in spec["shape"][1:] and not others:
        half = {key: batch[key][:, : batch[key].shape[1] // 2]}
        output = bundle.call(name, half)
        yield f"{label}: half the length", *_output(bundle, name, output, _COUNT)
    if probe is not None and name == "serving_default":
        yield f"{label}: equals the encoder", *_equals_encoder(bundle, inputs, probe)


def _equals_encoder(
    bundle: Bundle, inputs: dict[str, Any], probe: Arrays
) -> tuple[bool, str]:
    sent = {f"input_{key}" for key in inputs}
    made = {key for key in probe if key.startswith("input_")}
    if sent != made:
        return (
            False,
            f"the encoder's inputs are others: {sorted(made)}, not {sorted(sent)}",
        )
    output = bundle.call(
        "serving_default", {key: probe[f"input_{key}"] for key in inputs}
    )
    expected = {key: probe["expected"] for key in output}
    return compare(expected, output, float(probe["tolerance"]))


def _output(bundle: Bundle, name: str, output: Arrays, size: int) -> tuple[bool, str]:
    for key, spec in bundle.specs[name]["outputs"].items():
        value = output[key]
        # Open sides other than the first may have any length.
        shape = (size, *spec["shape"][1:])
        dtype = "string" if value.dtype.kind in "OSU" else value.dtype.name
        if dtype != spec["dtype"] or not probes.fits(shape, value.shape):
            return False, (
                f"{key}: expected {spec['dtype']} {shape}, "
                f"received {dtype} {value.shape}"
            )
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return False, f"{key}: not all values are finite"
        if key == "valid" and not value.all():
            return False, f"{int((~value).sum())} of {size} good rows are not valid"
    return True, ", ".join(f"{k} {v.shape}" for k, v in output.items())
