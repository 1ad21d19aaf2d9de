# SPDX-License-Identifier: Apache-2.0
"""The client against a server whose answers come from the C++ loader."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from cl_keras.export.client import EmbeddingClient, ServingError
from cl_keras.export.client.rest_transport import RestTransport
from cl_keras.export.client.transport import Call, Model

INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE = 3, 8, 14
both = pytest.mark.parametrize("kind", ["grpc", "rest"])


@pytest.fixture
def client(server, bundle):
    """Makes clients of the tiny model's stable version."""
    made = []

    def make(kind, **options):
        options = {"model": bundle.name, "label": "stable", "deadline": 20, **options}
        made.append(EmbeddingClient(server[kind], **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
    server.control(delay=0.0)


@pytest.mark.slow
@both
def test_files_paths_and_arrays_give_the_encoders_features(
    client, bundle, kind, tmp_path
):
    one = client(kind, max_batch_size=32)
    expected = bundle.expected[0]
    # 70 examples are three requests, sent at once and put together in order.
    embedding, valid = one.embed(bundle.files)
    np.testing.assert_allclose(embedding, expected, atol=1e-5)
    assert embedding.dtype == np.float32
    assert valid is None or valid.all()
    paths = []
    for row, content in enumerate(bundle.files[:5]):
        paths.append(tmp_path / f"{row}.png")
        paths[-1].write_bytes(content)
    given = {
        "paths": paths,
        "text": [str(path) for path in paths],
        "array": bundle.floats[:5],
        "list": list(bundle.floats[:5]),
        "float64": bundle.floats[:5].astype(np.float64),
    }
    for what, examples in given.items():
        got = one.embed(examples).embedding
        np.testing.assert_allclose(got, expected[:5], atol=1e-5, err_msg=what)


@both
def test_no_examples_give_no_rows(client, kind):
    for signature in ("serving_default", "image_bytes"):
        embedding, valid = client(kind, signature=signature).embed([])
        assert embedding.shape == (0, 5)
        assert valid is None or valid.shape == (0,)


@both
def test_a_bad_file_is_reported_and_the_others_are_right(client, bundle, kind):
    cut = bundle.files[1][:-30]
    files = [bundle.files[0], b"no image", bundle.files[2], b"", cut, bundle.files[3]]
    embedding, valid = client(kind, max_batch_size=4).embed(files)
    assert valid.tolist() == [True, False, True, False, False, True]
    np.testing.assert_array_equal(embedding[~valid], 0)
    np.testing.assert_allclose(
        embedding[valid], bundle.expected[0][[0, 2, 3]], atol=1e-5
    )


@both
def test_versions_and_labels(client, bundle, kind):
    for choice, version in (
        ({"label": "stable"}, 1),
        ({"label": "canary"}, 2),
        ({"label": None, "version": 1}, 1),
        ({"label": None}, 2),
    ):
        got = client(kind, **choice).embed(bundle.floats).embedding
        wanted = bundle.expected[version - 1]
        np.testing.assert_allclose(got, wanted, atol=1e-5, err_msg=str(choice))


@both
def test_what_the_server_said_is_in_the_error(client, bundle, kind, server):
    for options, said in (
        ({"model": "other"}, "Servable not found for request: Latest(other)"),
        ({"label": "beta"}, "Unrecognized servable version label: beta"),
        ({"label": None, "version": 7}, "Specific(tiny, 7)"),
    ):
        with pytest.raises(ServingError) as caught:
            client(kind, **{"model": bundle.name, **options}).embed(bundle.files)
        assert said in str(caught.value)
        assert server[kind].partition("//")[2] in str(caught.value)
        assert not caught.value.transient
    with pytest.raises(ValueError, match="'image_bytes', 'serving_default'.*'em'"):
        client(kind, signature="em").embed(bundle.files)
    with pytest.raises(ValueError, match=r"\[8, 8, 3\].*\[8, 9, 3\]"):
        client(kind).embed(np.zeros((2, 8, 9, 3)))
    with pytest.raises(ValueError, match="bytes or paths"):
        client(kind, signature="image_bytes").embed(bundle.floats[:2])
    with pytest.raises(FileNotFoundError, match="gone.png"):
        client(kind).embed(["gone.png"])


@both
@pytest.mark.parametrize("code", [UNAVAILABLE, RESOURCE_EXHAUSTED])
def test_a_busy_server_is_asked_again(client, bundle, kind, code, server):
    one = client(kind)
    one.signatures()
    before = server.control(faults=[code] * 3)["requests"]
    got = one.embed(bundle.files[:1]).embedding
    np.testing.assert_allclose(got, bundle.expected[0][:1], atol=1e-5)
    assert server.control()["requests"] - before == 4


@both
def test_other_errors_are_final(client, bundle, kind, server):
    one = client(kind)
    one.signatures()
    before = server.control(faults=[INVALID_ARGUMENT])["requests"]
    with pytest.raises(ServingError, match="a fault that the test asked for"):
        one.embed(bundle.files[:1])
    assert server.control()["requests"] - before == 1


@pytest.mark.slow
@both
def test_the_deadline_holds_for_all_attempts(client, bundle, kind, server):
    one = client(kind, deadline=1.0)
    one.signatures()
    server.control(faults=[UNAVAILABLE] * 100)
    with pytest.raises(ServingError, match=r"given up after \d+ attempts in 1 s"):
        one.embed(bundle.files[:1])
    server.control(clear=True, delay=3.0)
    with pytest.raises(ServingError, match="DEADLINE_EXCEEDED|no answer within"):
        one.embed(bundle.files[:1])


def test_timeouts_of_new_and_of_kept_connections(server, bundle):
    def rest():
        return RestTransport(
            server["rest"], Model(bundle.name), max_message_bytes=10**6
        )

    kept = rest()
    signature = kept.describe(30).signatures["serving_default"]
    feed = {"images": bundle.floats[:1]}
    call = Call("serving_default", signature)
    kept.predict(call, feed, 30)
    server.control(delay=2.0)
    try:
        for transport in (kept, rest()):
            with pytest.raises(ServingError, match="no answer within 0.3 s"):
                transport.predict(call, feed, 0.3)
            transport.close()
    finally:
        server.control(delay=0.0)


@both
def test_message_limits(client, bundle, kind):
    small = client(kind, max_message_bytes=20_000)
    with pytest.raises(ServingError, match="max_message_bytes") as caught:
        small.embed(bundle.floats[:32])
    assert not caught.value.transient
    # An answer that is too long: the description of the signatures.
    with pytest.raises(ServingError, match="max_message_bytes") as caught:
        client(kind, max_message_bytes=100).signatures()
    assert not caught.value.transient


@pytest.mark.slow
def test_messages_beyond_grpcs_own_limit(client, bundle):
    # 4 MB, for what is received.
    rows = np.broadcast_to(bundle.floats[:1], (250_000, 8, 8, 3))
    embedding = client("grpc", max_batch_size=10**6).embed(rows).embedding
    assert embedding.nbytes > 4 << 20
    np.testing.assert_allclose(embedding[-1], bundle.expected[0][0], atol=1e-5)


@both
def test_requests_are_sent_at_a_time(client, bundle, kind, server):
    one = client(kind, max_batch_size=2, concurrency=8)
    one.embed(bundle.files[:16])
    server.control(delay=0.3, clear=True)
    one.embed(bundle.files[:16])
    assert server.control(delay=0.0)["at_a_time"] > 1


@both
def test_many_threads_may_use_one_client(client, bundle, kind):
    one = client(kind, max_batch_size=3)
    wrong = []

    def use(seed):
        rng = np.random.default_rng(seed)
        for _ in range(5):
            rows = rng.integers(0, 70, 7)
            got = one.embed([bundle.files[row] for row in rows]).embedding
            if not np.allclose(got, bundle.expected[0][rows], atol=1e-5):
                wrong.append(rows)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.slow
@both
def test_a_restart_of_the_server_is_survived(bundle, kind, start):
    with start(bundle.base) as first:
        ports = [first[k].rpartition(":")[2] for k in ("grpc", "rest")]
        one = EmbeddingClient(first[kind], model="tiny", label="stable", deadline=60)
        one.embed(bundle.files[:2])
    # It is asked while no server is there, and then one comes back.
    results = []
    asking = threading.Thread(target=lambda: results.append(one.embed(bundle.files)))
    asking.start()
    with one, start(bundle.base, **{"port": ports[0], "rest-port": ports[1]}):
        asking.join()
    (got, _) = results[0]
    np.testing.assert_allclose(got, bundle.expected[0], atol=1e-5)
