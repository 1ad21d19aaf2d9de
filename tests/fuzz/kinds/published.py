# SPDX-License-Identifier: Apache-2.0
"""What others publish: rows of registries, manifests, encoders and their weights."""

import json
from collections.abc import Callable
from pathlib import Path

from cl_keras import artifact, zoo
from fuzz.kind import Kind, damaged, files

NAME = "simclr_tiny_digits"


SCORE = {"value": 0.9, "mean": 0.9, "spread": None, "runs": 1}


ROW = {
    **{"name": NAME, "version": "1", "method": "simclr", "encoder": "tiny"},
    **{"data": "digits", "split": "train", "modality": "image"},
    **{"input_shape": [8, 8, 3], "preprocessing": "scale to [0, 1]", "features": 5},
    **{"parameters": 100, "scores": {"knn_accuracy": SCORE}, "baselines": {}},
    **{"published": {}, "license_weights": "MIT", "license_data": "MIT", "seed": 0},
    **{"epochs": 3, "recipe": "cl-keras train", "evaluation": {}, "signatures": []},
    **{"library_versions": {}, "source": "packaged", "sample_rate": None},
    "files": [{"path": "encoder.keras", "size": 3, "sha256": "a" * 64}],
}


FILE = f"rows/{NAME}.json"


def read_row(place: Path) -> str:
    return f"an entry of {zoo.info(NAME, registry=place).features} features"


def rows() -> dict[str, bytes]:
    def row(**changes: object) -> bytes:
        kept = {k: v for k, v in (ROW | changes).items() if v is not ...}
        return json.dumps(kept).encode()

    def file(**changes: object) -> bytes:
        return row(files=[ROW["files"][0] | changes])

    def of_path(path: str) -> bytes:
        return file(path=path)

    return damaged(row()) | {
        "brackets 100,000 deep": b"[" * 100_000,
        "objects 100,000 deep": b'{"a":' * 100_000,
        "a list": b"[]",
        "a number of 10,000 digits": row().replace(
            b'"seed": 0', b'"seed": ' + b"9" * 10_000
        ),
        "NaN": row(baselines={"a": float("nan")}),
        "a field twice": row().replace(b'{"name"', b'{"name": "other", "name"'),
        "UTF-16": row().decode().encode("utf-16"),
        "half of a letter": row(recipe="\ud800"),
        "a field missing": row(seed=...),
        "a field more": row(colour="red"),
        "another name": row(name="other"),
        "a name that leads out": row(name="../../x"),
        "a method that is a number": row(method=3),
        "a shape of text": row(input_shape="8x8"),
        "a shape of 2 to the 70": row(input_shape=[2**70]),
        "no features": row(features=0),
        "features that are true": row(features=True),
        "scores that are text": row(scores="high"),
        "a score beyond all numbers": row().replace(b'"value": 0.9', b'"value": 1e999'),
        "signatures twice": row(signatures=["a", "a"]),
        "an ftp address": row(source="ftp://example.org/x"),
        "a plain http address": row(source="http://example.org/x"),
        "an address without a host": row(source="https:///x"),
        "files of another machine": row(source="file://server/share"),
        "an address of code": row(source="javascript://x/%0aalert(1)"),
        "an address that breaks the line": row(source="https://a\r\nHost: b/x"),
        "an address of a broken port": row(source="https://a:99999/x"),
        "an address of a broken host": row(source="https://[::1/x"),
        "no files": row(files=[]),
        "files that are a number": row(files=3),
        "a file that is text": row(files=["encoder.keras"]),
        "a file twice": row(files=ROW["files"] * 2),
        "a file that leads out": of_path("../encoder.keras"),
        "a file that leads out in the middle": of_path("a/../../b"),
        "an absolute file": of_path("/etc/passwd"),
        "a file of another drive": of_path("C:\\x"),
        "a file of another drive, relative": of_path("C:x"),
        "a file with a backslash": of_path("..\\x"),
        "a file with a NUL": of_path("a\0b"),
        "a file of a stream": of_path("a:b"),
        "a file of no name": of_path(""),
        "a file in its own folder": of_path("./a"),
        "a file of two slashes": of_path("a//b"),
        "a negative size": file(size=-1),
        "a size that is a fraction": file(size=0.5),
        "a checksum in capitals": file(sha256="A" * 64),
        "a checksum that is too short": file(sha256="a" * 63),
    }


def manifests() -> list[Kind]:
    def kind(
        damage: str, change: Callable[[Path], object], names: str = "manifest.json"
    ) -> Kind:
        def make(place: Path) -> None:
            (place / "in").mkdir()
            (place / "in" / "a.txt").write_text("weights")
            artifact.write_manifest(place / "in", features=3)
            change(place / "in")

        def read(place: Path) -> str:
            return f"a manifest of {len(artifact.verify(place / 'in')['files'])} files"

        return Kind("manifest", damage, make, read, names)

    def text(content: bytes) -> Callable[[Path], object]:
        return lambda place: (place / "manifest.json").write_bytes(content)

    def edited(**changes: object) -> Callable[[Path], object]:
        def change(place: Path) -> None:
            path = place / "manifest.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | changes))

        return change

    def listed(**changes: object) -> Callable[[Path], object]:
        entry = {"path": "a.txt", "size": 7, "sha256": "a" * 64} | changes
        return edited(files=[entry])

    def link(to: str) -> Callable[[Path], object]:
        def change(place: Path) -> None:
            (place / "a.txt").unlink()
            (place / "a.txt").symlink_to(to)

        return change

    def hard(place: Path) -> None:
        (place.parent / "other").write_text("another")
        (place / "a.txt").unlink()
        (place / "a.txt").hardlink_to(place.parent / "other")

    def linked_folder(place: Path) -> None:
        (place / "b").symlink_to(place.parent)

    return [
        kind("empty", text(b"")),
        kind("brackets 100,000 deep", text(b"[" * 100_000)),
        kind("not UTF-8", text(b"\xff\xfe{}")),
        kind("a list", text(b"[]")),
        kind("another format", text(b'{"format": 2}')),
        kind("a format that is true", text(b'{"format": true, "files": []}')),
        kind("no files", text(b'{"format": 1}')),
        kind("files that are a number", text(b'{"format": 1, "files": 3}')),
        kind("NaN", text(b'{"format": 1, "files": [], "a": NaN}')),
        kind("edited", edited(features=4)),
        kind("a file that leads out", listed(path="../x")),
        kind("an absolute file", listed(path="/etc/passwd")),
        kind("a file with fields that nobody has", listed(mode=0o777)),
        kind("a file missing", lambda p: (p / "a.txt").unlink(), "a.txt"),
        kind("a file cut", lambda p: (p / "a.txt").write_text("w"), "a.txt"),
        kind("a file changed", lambda p: (p / "a.txt").write_text("weightz"), "a.txt"),
        kind("a file more", lambda p: (p / "b.txt").write_text("x"), "b.txt"),
        kind("a link out of the folder", link("/etc/passwd"), "a.txt"),
        kind("a link to itself", link("a.txt"), "a.txt"),
        kind("a link to nowhere", link("nowhere"), "a.txt"),
        kind("a file that is also elsewhere", hard, "a.txt"),
        kind("a linked folder", linked_folder, "b"),
        kind(
            "a folder of this name",
            lambda p: ((p / "manifest.json").unlink(), (p / "manifest.json").mkdir()),
        ),
    ]


def kinds() -> list[Kind]:
    return [*files("registry row", FILE, rows(), read_row), *manifests()]
