# SPDX-License-Identifier: Apache-2.0
"""The client's parts that need no server; tests/serving has the rest."""

from __future__ import annotations

import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from replica_processes import free_addresses

from cl_keras.export.client import EmbeddingClient, ServingError, batches, retrying
from cl_keras.export.client.retrying import retry
from cl_keras.export.client.transport import Signature, Tensor


def signature(dtype, *shape):
    return Signature({"x": Tensor(np.dtype(dtype), (None, *shape))}, {})


def test_each_example_is_in_one_request_with_others_of_its_shape():
    lengths = [3, 5, 3, 3, 5, 3, 7]
    examples = [np.full(length, row, np.float32) for row, length in enumerate(lengths)]
    plan = batches.plan(examples, 3)
    assert sorted(place for places in plan for place in places) == list(range(7))
    for places in plan:
        assert 1 <= len(places) <= 3
        assert len({lengths[place] for place in places}) == 1
    # Files are not looked into, and an array has one shape.
    assert batches.plan([b"", b"abc", b"d"], 2) == [[0, 1], [2]]
    assert batches.plan(np.zeros((5, 2)), 4) == [[0, 1, 2, 3], [4]]
    assert batches.plan([], 4) == []


def test_answers_come_back_in_order_and_are_filled_up():
    plan = [[0, 3], [2], [1]]
    answers = [
        {"e": np.array([[[1.0]], [[4.0]]]), "id": np.array([b"a", b"d"], object)},
        {"e": np.array([[[3.0], [3.5]]]), "id": np.array([b"c"], object)},
        {"e": np.zeros((1, 0, 1)), "id": np.array([b"b"], object)},
    ]
    whole = batches.together(answers, plan)
    assert whole["e"][..., 0].tolist() == [[1, 0], [0, 0], [3, 3.5], [4, 0]]
    assert whole["id"].tolist() == [b"a", b"b", b"c", b"d"]


def test_inputs_get_the_signatures_dtype(tmp_path):
    (tmp_path / "f").write_bytes(b"content")
    feed = batches.feed([b"a\0", tmp_path / "f"], [1, 0], "s", signature(object))
    assert feed["x"].dtype == object
    assert feed["x"].tolist() == [b"content", b"a\0"]
    feed = batches.feed([[1, 2], [3, 4]], [0, 1], "s", signature(np.float32, 2))
    assert feed["x"].dtype == np.float32
    with pytest.raises(ValueError, match=r"\[2\] for 's'. Received: \[3\]"):
        batches.feed(np.zeros((1, 3)), [0], "s", signature(np.float32, 2))
    with pytest.raises(ValueError, match="arrays for 's'. Received: bytes"):
        batches.feed([b"x"], [0], "s", signature(np.float32, 2))
    with pytest.raises(ValueError, match="bytes or paths for 's'. Received: int at 7"):
        batches.feed([0] * 8, [7], "s", signature(object))


def test_waits_double_are_random_and_bounded(monkeypatch):
    waits, bounds = [], []
    monkeypatch.setattr(retrying.time, "sleep", waits.append)

    def uniform(low, high):
        bounds.append(high)
        return high / 2

    monkeypatch.setattr(retrying.random, "uniform", uniform)
    left = []

    def call(seconds):
        left.append(seconds)
        if len(left) < 10:
            raise ServingError("busy", "UNAVAILABLE", transient=True)
        return "answer"

    assert retry(call, 1000.0) == "answer"
    assert bounds == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert waits == [bound / 2 for bound in bounds]
    assert all(0 < seconds <= 1000 for seconds in left)


def test_a_final_error_is_raised_at_once():
    calls = []

    def call(seconds):
        calls.append(seconds)
        raise ServingError("no", "INVALID_ARGUMENT")

    with pytest.raises(ServingError, match="^no$"):
        retry(call, 10)
    assert len(calls) == 1


def test_time_is_up_before_a_wait_that_would_be_too_long():
    def call(seconds):
        raise ServingError("busy", "UNAVAILABLE", transient=True)

    with pytest.raises(ServingError, match=r"\(given up after \d+ attempts in 0.3"):
        retry(call, 0.3)


def test_each_attempt_has_what_is_left_of_the_deadline(monkeypatch):
    now, left = [0.0], []

    def sleep(seconds):
        now[0] += seconds

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr(retrying, "time", clock)
    monkeypatch.setattr(retrying.random, "uniform", lambda low, high: 0.5)

    def call(seconds):
        left.append(seconds)
        now[0] += 1.0
        raise ServingError("busy", "UNAVAILABLE", transient=True)

    with pytest.raises(ServingError, match="given up after 3 attempts"):
        retry(call, 3.5)
    assert left == [3.5, 2.0, 0.5]


@pytest.mark.parametrize("url", ["localhost:8500", "ftp://a:1", "http://", "grpc:///"])
def test_urls_that_are_none(url):
    with pytest.raises(ValueError, match=r"grpc://host:port.*Received: "):
        EmbeddingClient(url, model="m")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_batch_size": 0}, "max_batch_size > 0"),
        ({"concurrency": 0}, "concurrency > 0"),
        ({"deadline": 0}, "deadline > 0"),
        ({"version": 1, "label": "stable"}, "version or label"),
    ],
)
def test_options_that_do_not_do(options, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingClient("http://localhost:1", model="m", **options)


@pytest.mark.parametrize("one", [b"content", "photo.png", Path("photo.png")])
def test_one_example_is_none(one):
    with EmbeddingClient("http://localhost:1", model="m") as client:
        with pytest.raises(ValueError, match="a list of paths or of bytes"):
            client.embed(one)


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_where_no_server_is(kind):
    if kind == "grpc":
        pytest.importorskip("tensorflow_serving.apis", reason="extra `serving`")
    port = free_addresses(1)[0].rpartition(":")[2]
    url = f"{kind}://127.0.0.1:{port}"
    with EmbeddingClient(url, model="m", deadline=0.5) as client:
        with pytest.raises(ServingError, match=f"127.0.0.1:{port}") as caught:
            client.embed([b"x"])
    assert caught.value.transient


def test_a_server_that_is_another_one():
    """Something that speaks HTTP, and is no TensorFlow Serving."""
    answers = [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ]
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        for answer in answers:
            connection, _ = listening.accept()
            connection.recv(10_000)
            connection.sendall(answer)
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    for said in ("HTTP 502: oops", "none of.*hello", "none of.*{}"):
        with EmbeddingClient(url, model="m", deadline=5) as client:
            with pytest.raises(ServingError, match=said) as caught:
                client.signatures()
        assert not caught.value.transient
    thread.join()
    listening.close()


def test_no_more_is_read_than_may_be():
    listening = socket.create_server(("127.0.0.1", 0))
    sent = []

    def serve():
        connection, _ = listening.accept()
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            for _ in range(10_000):
                sent.append(connection.send(b" " * 100_000))
        except OSError:
            pass
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with EmbeddingClient(url, model="m", max_message_bytes=10**6) as client:
        with pytest.raises(ServingError, match="max_message_bytes"):
            client.signatures()
    thread.join()
    listening.close()
    assert sum(sent) < 10**8


def test_callers_of_a_server_that_stalls_do_not_wait_for_each_other():
    listening = socket.create_server(("127.0.0.1", 0))  # Takes them, answers none.
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def ask(_):
        with pytest.raises(ServingError, match="no answer within|no time is left"):
            client.embed([b"x"])

    began = time.monotonic()
    with EmbeddingClient(url, model="m", timeout=0.5) as client:
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(ask, range(10)))
    listening.close()
    assert time.monotonic() - began < 3


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis.predict_pb2", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    with pytest.raises(ImportError, match=r'pip install "cl-keras\[serving\]"'):
        EmbeddingClient("grpc://localhost:1", model="m")
