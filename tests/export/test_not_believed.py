# SPDX-License-Identifier: Apache-2.0
"""Servers and bundles that are not believed."""

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import artifact
from cl_keras.export import conformance
from cl_keras.export.client import EmbeddingClient, ServingError, batches
from cl_keras.export.client.transport import Signature, Tensor

IMAGES = Signature({"images": Tensor(np.dtype("float32"), (None, 1, 1, 3))}, {})
METADATA = {
    "model_spec": {"name": "m", "version": "1"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "serving_default": {
                    "inputs": {
                        "images": {
                            "dtype": "DT_FLOAT",
                            "tensor_shape": {
                                "dim": [{"size": n} for n in (-1, 1, 1, 3)]
                            },
                        }
                    },
                    "outputs": {
                        "embedding": {
                            "dtype": "DT_FLOAT",
                            "tensor_shape": {"dim": [{"size": n} for n in (-1, 2)]},
                        }
                    },
                }
            }
        }
    },
}


def serve(answer, slow="", tls=None):
    """A server of the metadata, and of one answer to all requests.

    The answer's `slow`, head or body, comes byte by byte.
    """
    listening = socket.create_server(("127.0.0.1", 0))

    def talk(connection):
        # The client may hang up at any byte.
        with connection, contextlib.suppress(ConnectionError, ssl.SSLError):
            if tls:
                connection = tls.wrap_socket(connection, server_side=True)
            while head := connection.recv(10**6):
                body = json.dumps(METADATA) if head[:3] == b"GET" else answer
                status = b"400 Bad" if "Task size" in body else b"200 OK"
                body = body.encode()
                start = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n"
                parts = {"head": start % (status, len(body)), "body": body}
                for name, part in parts.items():
                    if name == slow and head[:3] != b"GET":
                        for byte in part:
                            time.sleep(0.2)
                            connection.sendall(bytes([byte]))
                    else:
                        connection.sendall(part)

    def accept():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    scheme = "https" if tls else "http"
    return listening, f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"outputs": [[1.0, 2.0]]}', r"shape \[5, 2\].*\[1, 2\]"),
        (json.dumps({"outputs": [[1.0]] * 5}), r"shape \[5, 2\].*\[5, 1\]"),
        (json.dumps({"outputs": [[1.0, None]] * 5}), "NoneType"),
        (json.dumps({"outputs": [[1.0, "2"]] * 5}), "received str"),
        (json.dumps({"outputs": [[1.0, float("nan")]] * 5}), "5 rows of 5"),
        ('{"outputs": [], "outputs": []}', "comes twice"),
        ('{"error": "out of memory"}', "out of memory"),
        ("[" * 100_000, "RecursionError"),
    ],
)
def test_answers_that_do_not_fit_their_request(answer, said):
    listening, url = serve(answer)
    with listening, EmbeddingClient(url, model="m", deadline=10) as client:
        with pytest.raises(ServingError, match=said):
            client.embed(np.zeros((5, 1, 1, 3), np.float32))


def test_no_rows_are_answered_without_a_request():
    listening, url = serve('{"outputs": "asked"}')
    none = np.zeros((0, 1, 1, 3), np.float32)
    with listening, EmbeddingClient(url, model="m", deadline=10) as client:
        for examples in ([], none, {"images": none}):
            embedding, valid = client.embed(examples)
            assert (embedding.shape, embedding.dtype) == ((0, 2), np.float32)
            assert valid is None


@pytest.mark.parametrize("slow", ["head", "body"])
def test_the_deadline_is_of_the_whole_call_also_of_a_trickle(slow):
    listening, url = serve('{"outputs": [[1.0, 2.0]]}', slow)
    start = time.monotonic()
    with listening, EmbeddingClient(url, model="m", deadline=1) as client:
        with pytest.raises(ServingError, match="no answer within"):
            client.embed(np.zeros((1, 1, 1, 3), np.float32))
    assert time.monotonic() - start < 3


def certificate(path):
    """Writes the key and the certificate of this machine to one file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, *plain) + signed.public_bytes(pem))


def test_over_tls(tmp_path, monkeypatch):
    certificate(tmp_path / "pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pem")
    image = np.zeros((1, 1, 1, 3), np.float32)

    def embed(slow):
        listening, url = serve('{"outputs": [[1.0, 2.0]]}', slow, tls)
        with listening, EmbeddingClient(url, model="m", deadline=1) as client:
            return client.embed(image).embedding.tolist()

    with pytest.raises(ServingError, match="CERTIFICATE_VERIFY_FAILED"):
        embed("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pem"))
    assert embed("") == [[1, 2]]
    with pytest.raises(ServingError, match="no answer within"):
        embed("body")


def test_pixels_follow_the_one_rule():
    def sent(value):
        return batches.feed(value, range(len(value)), "s", IMAGES)["images"]

    pixels = np.full((1, 1, 1, 3), 200, np.uint8)
    np.testing.assert_allclose(sent(pixels), 200 / 255, rtol=1e-6)
    np.testing.assert_allclose(sent([pixels[0]]), 200 / 255, rtol=1e-6)
    for wrong in (pixels.astype("f4"), pixels.astype("i8"), pixels * np.nan):
        with pytest.raises(ValueError, match=r"uint8 in 0..255 or floats in \[0, 1\]"):
            sent(wrong)


def test_short_answers_are_not_given_to_all():
    with pytest.raises(ServingError, match="Expected 5 rows of 'embedding'"):
        batches.together([{"embedding": np.ones((1, 2))}], [[0, 1, 2, 3, 4]])
    wide = [{"embedding": np.ones((2, 3))}, {"embedding": np.ones((1, 2))}]
    with pytest.raises(ServingError, match="of width 3"):
        batches.together(wide, [[0, 1], [2]])


def assert_never_run(folder, operation, write):
    """A graph that writes is named by the check, and not one of its files is there."""
    proof = folder / "written"

    class Evil(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "inputs")])
        def f(self, inputs):
            write(str(proof), inputs)
            return {"embedding": inputs}

    evil = Evil()
    version = folder / "1"
    tf.saved_model.save(evil, str(version), signatures={"serving_default": evil.f})
    rows = {name: (ok, detail) for name, ok, detail in conformance.examine(version)}
    for loader in ("saved_model", "session"):
        ok, detail = rows[f"{loader}: load"]
        assert not ok and operation in detail
    assert not list(folder.glob("written*"))


@pytest.mark.parametrize("how", ["directly", "in a loop"])
def test_a_graph_that_writes_files_is_never_run(tmp_path, how):
    def write(path, inputs):
        for _ in tf.range(1) if how == "in a loop" else range(1):
            tf.io.write_file(path, "x")

    assert_never_run(tmp_path, "WriteFile", write)


def test_only_the_saver_may_save(tmp_path):
    """Its operation is in every SavedModel, where no signature may reach it."""

    def write(path, inputs):
        tf.raw_ops.SaveV2(
            prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[inputs]
        )

    assert_never_run(tmp_path, "SaveV2", write)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"format": 1, "files": [], "a": NaN}']
)
def test_manifests_that_are_none(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(artifact.ManifestError):
        artifact.read_manifest(tmp_path)


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    import keras

    from cl_keras import export
    from cl_keras.export import writer

    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "x.data; No space left")

    monkeypatch.setattr(writer, "save", full)
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(OSError, match=r"MB are free; make room.*No space left"):
        export.saved_model(encoder, tmp_path)
    assert list(tmp_path.iterdir()) == []
