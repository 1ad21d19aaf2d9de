# SPDX-License-Identifier: Apache-2.0
"""Servers that cut off, stall, lead elsewhere and lie: an error, and nothing kept."""

import threading

import pytest

from cl_keras import artifact, zoo
from cl_keras.zoo import cache

FILE = "encoder.json"


@pytest.fixture
def refused(serve, tmp_path):
    """What is said of a server, which has left nothing behind."""

    def fetch(answer, error=OSError):
        row = serve(answer)
        with pytest.raises(error) as caught:
            zoo.fetch(row, FILE)
        assert not [x for x in tmp_path.glob("cache/**/*") if x.name == FILE]
        assert FILE in str(caught.value) and "127.0.0.1" in str(caught.value)
        return str(caught.value)

    return fetch


def answering(body=b"", status=200, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def good(registry):
    return (registry / "files" / "simclr_tiny_digits" / FILE).read_bytes()


def test_less_than_it_says(refused, good):
    cut = answering(good[:-9], Content_Length=len(good))
    assert "could not be downloaded" in refused(cut)
    short = answering(good, Content_Length=len(good) - 9)
    assert "other bytes" in refused(short, artifact.ChangedFileError)


@pytest.mark.parametrize("length", ["-1", "many", "9" * 40, ""])
def test_lengths_that_are_none(serve, good, length):
    """The file is right, or nothing is kept: never another file."""
    row = serve(answering(good, Content_Length=length))
    try:
        assert zoo.fetch(row, FILE).read_bytes() == good
    except OSError as error:
        assert "could not be downloaded" in str(error)


def test_other_bytes_of_the_right_length(refused, good):
    body = good[:-1] + bytes([good[-1] ^ 1])
    said = refused(answering(body), artifact.ChangedFileError)
    assert "were published" in said


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file:///etc/passwd", "leads on to file:///etc/passwd"),
        ("ftp://example.org/x", "leads on to ftp://example.org/x"),
        ("http://example.org/x", "leads on to http://example.org/x"),
        ("http://169.254.169.254/x", "leads on to"),
        ("javascript:alert(1)", "leads on to"),
        ("//example.org/x", "leads on to http://example.org/x"),
        ("http://[::1", "could not be downloaded"),
        ("/a/encoder.json", "Exceeded 30 redirects"),
    ],
)
def test_where_it_leads(refused, place, said):
    assert said in refused(answering(status=302, Location=place))


@pytest.mark.parametrize("status", [204, 206, 401, 404, 418, 500, 503])
def test_states_without_the_file(refused, status):
    refused(answering(b"<html>", status), (OSError, artifact.ChangedFileError))


@pytest.mark.parametrize("how", ["gzip", "br", "deflate", "nonsense"])
def test_packed_as_it_is_not(serve, good, how):
    row = serve(answering(good, Content_Encoding=how))
    try:
        assert zoo.fetch(row, FILE).read_bytes() == good
    except OSError as error:
        assert "could not be downloaded" in str(error)


def test_a_thousand_headers(refused):
    many = {f"X-{number}": "x" for number in range(1000)}
    refused(answering(**many))


@pytest.mark.parametrize("when", ["before the head", "in the body"])
def test_a_server_that_stalls_or_trickles(refused, monkeypatch, when):
    monkeypatch.setattr(cache, "WAIT", 0.5)
    monkeypatch.setattr(cache, "SLOWEST", 1e9)
    over = threading.Event()

    def stall(handler):
        if when == "in the body":
            handler.send_response(200)
            handler.end_headers()
        try:
            while not over.wait(0.1):
                if when == "in the body":
                    handler.wfile.write(b"x")
        except OSError:
            pass

    try:
        assert "could not be downloaded" in refused(stall)
    finally:
        over.set()
