# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from cl_keras import artifact


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "variables").mkdir(parents=True)
    (folder / "model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights" * 10)
    artifact.write_manifest(folder, features=4, shape=(2, 3))
    return folder


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert artifact.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_manifest_lists_every_file_and_the_facts(folder):
    content = artifact.verify(folder)
    assert content["features"] == 4
    assert content["shape"] == [2, 3]
    assert content["files"] == [
        {
            "path": "model.pb",
            "size": 5,
            "sha256": hashlib.sha256(b"graph").hexdigest(),
        },
        {
            "path": "variables/data",
            "size": 70,
            "sha256": hashlib.sha256(b"weights" * 10).hexdigest(),
        },
    ]
    assert artifact.problems(folder) == []
    with pytest.raises(ValueError, match="files"):
        artifact.manifest(folder, files=[])


def test_written_and_read_manifest_agree(folder):
    written = artifact.write_manifest(folder, note="é", shape=(1,))
    assert artifact.read_manifest(folder) == written


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda f: (f / "model.pb").unlink(), artifact.MissingFileError),
        (lambda f: (f / "new").write_bytes(b""), artifact.ExtraFileError),
        (lambda f: (f / "model.pb").write_bytes(b"grap"), artifact.TruncatedFileError),
        (lambda f: (f / "model.pb").write_bytes(b"Graph"), artifact.ChangedFileError),
        (lambda f: (f / "model.pb").write_bytes(b"graph!"), artifact.ChangedFileError),
        (lambda f: (f / "manifest.json").unlink(), artifact.ManifestError),
        (lambda f: (f / "manifest.json").write_text("{"), artifact.ManifestError),
        (lambda f: (f / "manifest.json").write_text("[]"), artifact.ManifestError),
    ],
)
def test_damage_is_named(folder, damage, error):
    damage(folder)
    with pytest.raises(error):
        artifact.verify(folder)
    assert [type(p) for p in artifact.problems(folder)] == [error]


def test_another_format_is_refused(folder, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr(artifact, "MANIFEST_FORMAT", 2)
        artifact.write_manifest(folder)
        artifact.verify(folder)
    with pytest.raises(artifact.ManifestError, match="format 1. Received: 2"):
        artifact.verify(folder)


def test_every_flipped_byte_is_noticed(folder):
    for path in (f for f in folder.rglob("*") if f.is_file()):
        original = path.read_bytes()
        for i in range(len(original)):
            changed = bytearray(original)
            changed[i] ^= 1
            path.write_bytes(changed)
            assert artifact.problems(folder), (path.name, i)
        path.write_bytes(original)
    assert artifact.problems(folder) == []


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/etc/passwd", "a/../b", "a//b", "a/", "./a", "a\\b", "C:a"]
    + ["C:/a", "a\0b", "a\nb", None],
)
def test_unsafe_names_are_refused(name, tmp_path):
    with pytest.raises(artifact.UnsafeNameError, match="Received"):
        artifact.safe_name(name)
    with pytest.raises(artifact.UnsafeNameError):
        artifact.FileRecord(name, 0, "0" * 64)


def test_manifest_cannot_name_a_file_outside(folder):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    content["files"][0]["path"] = "../secret"
    path.write_text(json.dumps(content))
    with pytest.raises(artifact.UnsafeNameError, match="secret"):
        artifact.verify(folder)


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
    (tmp_path / "secret").write_bytes(b"graph")
    (folder / "model.pb").unlink()
    (folder / "model.pb").symlink_to(tmp_path / "secret")
    with pytest.raises(artifact.UnsafeNameError, match="secret"):
        artifact.verify(folder)
    with pytest.raises(artifact.UnsafeNameError, match="secret"):
        artifact.records(folder)


def test_linked_folders_are_refused(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(artifact.UnsafeNameError, match="more"):
        artifact.records(folder)


@pytest.mark.parametrize(
    ("size", "digest"), [(-1, "0" * 64), (True, "0" * 64), (0, "0" * 63), (0, "G" * 64)]
)
def test_bad_records_are_refused(size, digest):
    with pytest.raises(ValueError, match="Received"):
        artifact.FileRecord("a", size, digest)


def test_imports_the_standard_library_only():
    code = (
        "import sys, cl_keras.artifact\n"
        "assert not {'tensorflow', 'keras', 'numpy', 'pooch'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
