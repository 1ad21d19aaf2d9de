# SPDX-License-Identifier: Apache-2.0
"""`/v1/models/...`, and `/control` for tests."""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from prediction_server import grpc_api
from prediction_server.models import INVALID_ARGUMENT, Refused

PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/(versions/(?P<version>\d+)|labels/(?P<label>\w+)))?"
    r"(?P<rest>/metadata|:predict)?"
)
HTTP = {3: 400, 4: 504, 5: 404, 8: 429, 9: 412, 12: 501, 14: 503}


def handler(models):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # With two writes an answer, the second would wait for the first's receipt.
        wbufsize = -1

        def log_message(self, *args):
            pass

        def do_GET(self):
            self.answer(None)

        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            self.answer(self.rfile.read(length))

        def answer(self, body):
            try:
                status, content = 200, respond(models, self.path, body)
            except Refused as error:
                status = HTTP.get(error.code, 500)
                content = {"error": error.reason}
            encoded = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

    return Handler


def respond(models, path, body):
    if path == "/control":
        return models.control(json.loads(body))
    match = PATH.fullmatch(path)
    if not match:
        raise Refused(INVALID_ARGUMENT, f"Malformed request: {path}")
    version = int(match["version"]) if match["version"] else None
    found = models.find(match["name"], version, match["label"])
    if match["rest"] == ":predict" and body is not None:
        return predict(models, found, body)
    if match["rest"] == "/metadata" and body is None:
        return metadata(match["name"], found)
    if match["rest"] is None and body is None:
        one = version is not None or match["label"]
        states = grpc_api.status([found] if one else models.versions.values())
        return as_json(states)
    raise Refused(INVALID_ARGUMENT, f"Malformed request: {path}")


def as_json(message):
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def metadata(name, found):
    spec = {"name": name, "signature_name": "", "version": str(found.number)}
    return {
        "model_spec": spec,
        "metadata": {"signature_def": as_json(grpc_api.signature_map(found))},
    }


def predict(models, found, body):
    try:
        request = json.loads(body)
        by_rows = "instances" in request
        given = request["instances"] if by_rows else request["inputs"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(INVALID_ARGUMENT, f"JSON Parse error: {error!r}") from error
    name = request.get("signature_name", "serving_default")
    signature = found.signature(name)
    (first, *more) = signature.inputs
    if by_rows and given and isinstance(given[0], dict) and set(given[0]) != {"b64"}:
        columns = {key: [row[key] for row in given] for key in given[0]}
    elif not by_rows and isinstance(given, dict) and set(given) != {"b64"}:
        columns = given
    elif more:
        raise Refused(INVALID_ARGUMENT, "Missing named inputs")
    else:
        columns = {first: given}
    feed = {}
    for key, value in columns.items():
        if key not in signature.inputs:
            raise Refused(INVALID_ARGUMENT, f"Unknown input: {key}")
        feed[key] = from_json(value, signature.inputs[key])
    outputs = {
        key: to_json(key, value)
        for key, value in models.predict(found, name, feed).items()
    }
    if len(outputs) == 1:
        (answer,) = outputs.values()
    elif by_rows:
        rows = zip(*outputs.values(), strict=True)
        answer = [dict(zip(outputs, row, strict=True)) for row in rows]
    else:
        answer = outputs
    return {"predictions" if by_rows else "outputs": answer}


def from_json(value, info):
    dtype = tf.dtypes.as_dtype(info.dtype)
    if dtype == tf.string:
        array = np.empty(len(value), dtype=object)
        for place, item in enumerate(value):
            coded = isinstance(item, dict)
            array[place] = base64.b64decode(item["b64"]) if coded else item.encode()
        return array
    try:
        array = np.array(value, dtype.as_numpy_dtype)
    except (ValueError, TypeError) as error:
        raise Refused(INVALID_ARGUMENT, f"JSON Value: {error}") from error
    return array  # `[]` has the shape (0), as in TensorFlow Serving.


def to_json(key, value):
    if value.dtype != object:
        return value.tolist()
    coded = key.endswith("_bytes")

    def encoded(item):
        if isinstance(item, list):
            return [encoded(one) for one in item]
        return {"b64": base64.b64encode(item).decode()} if coded else item.decode()

    return encoded(value.tolist())


def serve(models, port):
    """Starts to serve; returns the server and its port."""
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(models))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_address[1]
