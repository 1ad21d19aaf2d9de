# SPDX-License-Identifier: Apache-2.0
"""Types that an editor can show: all of the public signatures, and none is `Any`."""

import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import cl_keras

SYMBOLS = Path(__file__).with_name("symbols.txt").read_text().split()
# JSON: settings, summaries and what Keras keeps of an object.
JSON = re.compile(r"\b(dict|Mapping)\[str, (typing\.)?Any\]")


def functions(symbol):
    """What of a public name can be called, by how one writes it."""
    package, name = symbol.split(".")
    thing = getattr(getattr(cl_keras, package), name)
    if inspect.isclass(thing):
        for attribute, value in vars(thing).items():
            value = getattr(value, "__func__", getattr(value, "fget", value))
            shown = not attribute.startswith("_") or attribute in (
                "__init__",
                "__call__",
            )
            if shown and inspect.isfunction(value) and is_ours(value):
                yield f"{symbol}.{attribute}", value
    elif inspect.isfunction(thing):
        yield symbol, thing


def is_ours(function):
    # Not what `dataclass` and the like write.
    return Path(inspect.getsourcefile(function) or "").is_file()


def untyped(function):
    """Parameters without a type that says something, and `return`."""
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if name in ("self", "cls") or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if not says_something(parameter.annotation):
            yield f"{name}: {parameter.annotation}"
    if not says_something(signature.return_annotation):
        yield f"-> {signature.return_annotation}"


def says_something(annotation):
    if annotation is inspect.Parameter.empty:
        return False
    text = annotation if isinstance(annotation, str) else repr(annotation)
    return "Any" not in re.findall(r"\w+", JSON.sub("JSON", text))


@pytest.mark.parametrize("package", sorted({name.split(".")[0] for name in SYMBOLS}))
def test_public_signatures_name_their_types(package):
    found = {
        name: missing
        for symbol in SYMBOLS
        if symbol.startswith(f"{package}.")
        for name, function in functions(symbol)
        if (missing := list(untyped(function)))
    }
    assert not found


def test_what_says_nothing_is_noticed():
    def vague(a, b: list[Any], c: dict[str, Any], *d: Any, **e: Any) -> Any:
        """Two that are allowed: JSON, and options that go on to others."""

    assert [text.split(":")[0] for text in untyped(vague)] == [*"abd", "-> typing.Any"]


def test_the_package_says_that_it_is_typed():
    root = Path(importlib.util.find_spec("cl_keras").origin).parent
    assert (root / "py.typed").is_file()
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", cl_keras.__version__)
