# SPDX-License-Identifier: Apache-2.0
"""Servers, folders and rows that are not what they should be."""

from __future__ import annotations

import base64
import json
import logging
import resource
import signal
import warnings
import zlib

import pytest
from typer.testing import CliRunner

from cl_keras import artifact, zoo
from cl_keras.cli import app
from cl_keras.zoo import cache

NAME = "simclr_tiny_digits"


@pytest.mark.slow
def test_no_more_is_downloaded_than_the_row_says(serve, tmp_path):
    sent = []

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while sum(sent) < 2**28:
                handler.wfile.write(bytes(2**16))
                sent.append(2**16)
        except OSError:
            pass

    row = serve(endless)
    with pytest.raises(artifact.ChangedFileError, match=r"other bytes than the \d+"):
        zoo.fetch(row, "encoder.json")
    assert sum(sent) < 2**24
    assert not [p for p in tmp_path.glob("cache/**/*") if p.name == "encoder.json"]


def test_nor_is_more_unpacked(serve, tmp_path, monkeypatch):
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(pack.compress(bytes(2**20)) for _ in range(64)) + pack.flush()

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(bomb)))
        handler.end_headers()
        handler.wfile.write(bomb)

    written = []
    write = cache._Bounded.write
    monkeypatch.setattr(
        cache._Bounded, "write", lambda f, x: written.append(write(f, x)) or written[-1]
    )
    row = serve(answer)
    with pytest.raises(artifact.ChangedFileError, match="other bytes"):
        zoo.fetch(row, "encoder.json")
    assert sum(written) <= row.record("encoder.json").size


def test_passwords_are_sent_and_not_shown(serve, registry, caplog, made):
    caplog.set_level(logging.DEBUG)
    wanted = "Basic " + base64.b64encode(b"me@home:se:cret").decode()
    asked = []

    def answer(handler):
        asked.append((handler.path, handler.headers["Authorization"] == wanted))
        path = registry / "files" / NAME / handler.path.removeprefix("/a/")
        handler.send_response(200 if path.name == "encoder.json" else 404)
        handler.end_headers()
        handler.wfile.write(path.read_bytes())

    row = serve(answer, "me%40home:se%3Acret@")
    zoo.fetch(row, "encoder.json")
    with pytest.raises(OSError, match="404") as caught:
        zoo.fetch(row, "saved_model/1/manifest.json")
    assert asked == [
        ("/a/encoder.json", True),
        ("/a/saved_model/1/manifest.json", True),
    ]
    said = caplog.text + str(caught.value) + capture_offline(row)
    assert "cret" not in said and "me%40home" not in said


def capture_offline(row):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CL_KERAS_OFFLINE", "1")
        with pytest.raises(cache.OfflineError) as caught:
            zoo.fetch(row, "saved_model/1/manifest.json")
    return str(caught.value)


def test_refused_addresses_are_named_without_password_or_query(change_row):
    for source in ("http://me:secret@example.org/x", "ftp://example.org/x?key=secret"):
        with pytest.raises(ValueError, match="`source`.*example.org/x") as caught:
            change_row(source=source)
        assert "secret" not in str(caught.value)


def test_a_query_follows_the_path(serve, registry):
    asked = []

    def answer(handler):
        asked.append(handler.path)
        handler.send_response(403)
        handler.end_headers()

    row = serve(answer)
    row = zoo.Row(**{**vars(row), "source": row.source + "?key=secret"})
    with pytest.raises(OSError, match="403") as caught:
        zoo.fetch(row, "encoder.json")
    assert asked == ["/a/encoder.json?key=secret"]
    assert "secret" not in str(caught.value)


def test_a_full_disk_names_the_file(serve, registry, monkeypatch):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write((registry / "files" / NAME / "encoder.json").read_bytes())

    row = serve(answer)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"could not be written to .*encoder\.json"):
            zoo.fetch(row, "encoder.json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


def test_home_in_settings(serve, registry, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CL_KERAS_CACHE", "~/kept")
    monkeypatch.setenv("CL_KERAS_ZOO", "~/registry")
    assert cache.cache_folder() == tmp_path / "kept"
    assert NAME in zoo.list() and zoo.info(NAME, registry="~/registry").name == NAME


@pytest.mark.parametrize("place", ["files", "cache"])
def test_a_version_folder_planted_beside(serve, registry, tmp_path, place):
    if place == "cache":
        files = registry / "files" / NAME

        def answer(handler):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write((files / handler.path[3:]).read_bytes())

        serve(answer)
    folder = zoo.saved_model(NAME, registry=registry)
    (folder.parent / "2").mkdir()
    (folder.parent / "2" / "saved_model.pb").write_bytes(b"planted")
    with pytest.raises(
        artifact.ExtraFileError, match=r"saved_model/2 is not in the row"
    ):
        zoo.saved_model(NAME, registry=registry)
    bad = [c for c in zoo.verify(NAME, registry=registry) if not c.ok]
    assert [c.path for c in bad] == ["saved_model/2/saved_model.pb"]


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 100_000, "{", "", "\xff", '{"name": 1}', "[]"]
)
def test_a_bad_row_stops_no_other(registry, content):
    (registry / "rows" / "other.json").write_text(content, encoding="latin-1")
    (registry / "rows" / "gone.json").symlink_to(registry / "nowhere")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert zoo.list(modality="image", registry=registry)
    assert len([w for w in caught if "Left out" in str(w.message)]) == 2
    with pytest.raises(ValueError, match=r"other\.json"):
        zoo.info("other", registry=registry)
    with pytest.raises(ValueError, match=r"gone\.json.*No such file"):
        zoo.info("gone", registry=registry)
    with pytest.warns(UserWarning, match="Left out"):
        answer = CliRunner().invoke(
            app, ["zoo", "list", "--registry", str(registry), "--json"]
        )
    names = [row["name"] for row in json.loads(answer.stdout)["encoders"]]
    assert NAME in names and "simclr_compact_digits" in names
    (check,) = zoo.verify("other", registry=registry)
    assert not check.ok and check.path == "rows/other.json"


def test_leftovers_of_earlier_versions_are_swept(registry, made, facts):
    for name in (".building-0f", ".retired-0f"):
        (registry / "files" / name).mkdir()
    (registry / "rows" / ".draft-0f-row.json").write_text("{")  # As a kill leaves it.
    zoo.publish(made[0], made[1], registry, overwrite=True, **facts)
    assert [p.name for p in (registry / "files").iterdir()] == [NAME]
    assert all(not p.name.startswith(".") for p in (registry / "rows").iterdir())


def test_files_without_a_row_are_no_entry(registry, made, facts):
    (registry / "rows" / f"{NAME}.json").unlink()
    (registry / "files" / NAME / "encoder.json").write_bytes(b"half")
    zoo.publish(made[0], made[1], registry, **facts)
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
