# SPDX-License-Identifier: Apache-2.0
"""A kind of malformed input, and what may come of it."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

# What only TensorFlow's insides, or Python's, say.
INSIDES = re.compile(
    r"\{\{|\[\[|\[Op:|Graph execution|InvalidArgument|DataLoss|tensorflow/core"
    r"|__wrapped__|Iterator::|Traceback|\.cc:\d+|0x[0-9a-f]{6}|NoneType|<class '"
    r"|KeyError|AttributeError"
    r"|object has no attribute|is not (iterable|subscriptable|callable)|unhashable"
    r"|unsupported operand|not supported between|positional argument|KerasTensor"
)
# What users can mend: `cl_keras.cli` prints these as one line.
CLEAR = (ValueError, TypeError, OSError, ImportError)


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of input.

    Args:
        format: What the file or text would be, were it right.
        damage: What is wrong with it.
        make: Writes its files into an empty folder.
        read: Gives them to the library, and says in words what came of it.
        names: What an error must name: the file, or a part of what was typed.
    """

    format: str
    damage: str
    make: Callable[[Path], object]
    read: Callable[[Path], str]
    names: str | tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.format}: {self.damage}"


def files(
    format: str,
    file: str,
    contents: Mapping[str, bytes | Callable[[], bytes]],
    read: Callable[[Path], str],
    *,
    beside: Callable[[Path], object] = lambda place: None,
    names: str | tuple[str, ...] = "",
) -> list[Kind]:
    """Kinds that differ by the bytes of one file."""

    def kind(damage: str, content: bytes | Callable[[], bytes]) -> Kind:
        def make(place: Path) -> None:
            beside(place)
            path = place / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content())

        return Kind(format, damage, make, read, names or Path(file).name)

    return [kind(*item) for item in contents.items()]


def damaged(content: bytes) -> dict[str, bytes]:
    """What befalls files of any format."""
    half = len(content) // 2
    return {
        "empty": b"",
        "one byte": content[:1],
        "cut after 10 bytes": content[:10],
        "cut in half": content[:half],
        "last byte gone": content[:-1],
        "zeros from the middle on": content[:half] + bytes(len(content) - half),
        "a flipped byte in the middle": flipped(content, half),
        "first byte flipped": flipped(content, 0),
        "line ends changed as FTP did": content.replace(b"\n", b"\r\n"),
        "a web page under this name": b"<!DOCTYPE html>\n<title>404 Not Found</title>",
    }


def flipped(content: bytes, place: int) -> bytes:
    """The content with all bits of one byte turned over."""
    changed = bytearray(content)
    changed[place] ^= 0xFF
    return bytes(changed)


def patched(content: bytes, place: int, value: bytes) -> bytes:
    """The content with other bytes from a place on."""
    return content[:place] + value + content[place + len(value) :]
