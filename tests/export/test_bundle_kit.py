# SPDX-License-Identifier: Apache-2.0
"""The files beside the versions: each is read by what it is for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import keras
import pytest
import yaml
from google.protobuf import text_format

from cl_keras import export

# Of TensorFlow Serving's main.cc.
FLAGS = {
    *("port", "rest_api_port", "rest_api_timeout_in_ms", "enable_model_warmup"),
    *("model_config_file", "model_config_file_poll_wait_seconds"),
    *("allow_version_labels_for_unavailable_models", "monitoring_config_file"),
    *("enable_batching", "enable_per_model_batching_parameters"),
    *("tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism"),
}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    layers = keras.layers
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D()]
    )
    return export.saved_model(encoder, tmp_path_factory.mktemp("once"))


@pytest.fixture
def model(version, tmp_path):
    """A model folder, and a function that adds a version to it."""
    base = tmp_path / "My_photos.v2"

    def add(number):
        shutil.copytree(version, base / str(number))

    add(1)
    return base, add


def configured(base):
    config = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2", reason="extra `serving`"
    )
    text = (base / "models.config").read_text()
    parsed = text_format.Parse(text, config.ModelServerConfig())
    (only,) = parsed.model_config_list.config
    return only


def labels(base):
    return dict(configured(base).version_labels)


def test_models_config(model):
    base, _ = model
    export.serving_kit(base)
    only = configured(base)
    assert only.name == "My_photos.v2"
    assert only.base_path == "/models/My_photos.v2"
    assert only.model_platform == "tensorflow"
    assert only.model_version_policy.WhichOneof("policy_choice") == "all"
    assert dict(only.version_labels) == {"stable": 1, "canary": 1}


def test_labels_move_as_versions_come_and_go(model):
    base, add = model
    export.serving_kit(base)
    add(2)
    assert export.serving_kit(base) == [base / "models.config"]
    assert labels(base) == {"stable": 1, "canary": 2}
    add(10)
    export.serving_kit(base, stable=2)
    assert labels(base) == {"stable": 2, "canary": 10}
    export.serving_kit(base, canary=1)
    assert labels(base) == {"stable": 2, "canary": 1}
    shutil.rmtree(base / "2")
    export.serving_kit(base)
    assert labels(base) == {"stable": 10, "canary": 10}
    for label in ("stable", "canary"):
        with pytest.raises(ValueError, match=rf"\[1, 10\] for '{label}'.*Received: 2"):
            export.serving_kit(base, **{label: 2})
    assert labels(base) == {"stable": 10, "canary": 10}


def test_what_was_edited_is_kept(model):
    base, add = model
    export.serving_kit(base)
    (base / "compose.yaml").write_text("services: {}\n")
    config = base / "models.config"
    edited = config.read_text() + "# and ours\n"
    config.write_text(edited)
    add(2)
    assert export.serving_kit(base) == []
    assert config.read_text() == edited
    with pytest.raises(ValueError, match="changed by hand"):
        export.serving_kit(base, stable=2)
    assert config.read_text() == edited
    written = export.serving_kit(base, stable=2, overwrite=True)
    assert {config, base / "compose.yaml"} <= set(written)
    assert labels(base) == {"stable": 2, "canary": 2}
    assert len(yaml.safe_load((base / "compose.yaml").read_text())["services"]) == 1


def test_the_name_is_one_in_all_files(model):
    base, _ = model
    export.serving_kit(base, name="photos")
    export.serving_kit(base)
    assert configured(base).name == "photos"
    with pytest.raises(ValueError, match="'photos'.*Received: 'other'"):
        export.serving_kit(base, name="other")
    export.serving_kit(base, name="other", overwrite=True)
    for path in base.rglob("*"):
        if path.is_file() and "1" not in path.relative_to(base).parts:
            assert "photos" not in path.read_text().replace("My_photos", ""), path


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".a", "a:predict", "ü"])
def test_names_that_do_not_do(model, name):
    with pytest.raises(ValueError, match="letters, digits"):
        export.serving_kit(model[0], name=name)


def test_a_folder_without_versions(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(FileNotFoundError, match="version folders"):
        export.serving_kit(tmp_path)


def test_no_placeholder_is_left(model):
    base, _ = model
    for path in export.serving_kit(base):
        assert not re.search(r"@\w+@", path.read_text()), path
        assert os.access(path, os.X_OK) == path.read_text().startswith("#!"), path


def entry_point(base):
    text = (base / "Dockerfile").read_text().replace("\\\n", " ")
    (words,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.M)
    return json.loads(words), text


def test_dockerfile(model):
    base, _ = model
    export.serving_kit(base)
    (program, *flags), text = entry_point(base)
    assert program == "tensorflow_model_server"
    given = dict(flag.removeprefix("--").split("=") for flag in flags)
    assert given.keys() <= FLAGS
    (place,) = re.findall(r"^COPY \. (.*)$", text, re.M)
    assert place == configured(base).base_path
    for flag in ("model_config_file", "monitoring_config_file"):
        # Each is a file that the image gets: not one that is left out of it.
        file = given[flag].removeprefix(f"{place}/")
        assert (base / file).is_file()
        assert file not in (base / ".dockerignore").read_text().splitlines()
    # The one needs the other.
    assert given["enable_batching"] == "true"
    assert given["enable_per_model_batching_parameters"] == "true"
    # Without it, labels keep a server from starting.
    assert given["allow_version_labels_for_unavailable_models"] == "true"


def test_compose(model):
    base, _ = model
    export.serving_kit(base)
    compose = yaml.safe_load((base / "compose.yaml").read_text())
    ((name, service),) = compose["services"].items()
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", name)
    assert service["volumes"] == [f".:{configured(base).base_path}:ro"]
    inside = {port.rpartition(":")[2] for port in service["ports"]}
    assert inside == {"8500", "8501"}
    # Not for all the world: there is no access control.
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert {flag[2:].split("=")[0] for flag in service["command"]} <= FLAGS
    assert "/8501" in service["healthcheck"]["test"][-1]
    script = service["healthcheck"]["test"][-1]
    subprocess.run(["bash", "-n", "-c", script], check=True)


def test_kubernetes(model):
    base, _ = model
    export.serving_kit(base)
    text = (base / "kubernetes.yaml").read_text()
    deployment, service, pods = yaml.safe_load_all(text)
    for document in (deployment, service, pods):
        # RFC 1035, as names of services are.
        assert re.fullmatch(
            r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", document["metadata"]["name"]
        )
    assert (deployment["apiVersion"], deployment["kind"]) == ("apps/v1", "Deployment")
    template = deployment["spec"]["template"]
    wanted = deployment["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= template["metadata"]["labels"].items()
    assert service["spec"]["selector"] == pods["spec"]["selector"] == wanted
    assert pods["spec"]["clusterIP"] == "None"
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "http": 8501}
    for offered in (*service["spec"]["ports"], *pods["spec"]["ports"]):
        assert ports[offered["targetPort"]] == offered["port"]
    name = configured(base).name
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {
            "path": f"/v1/models/{name}",
            "port": "http",
        }
    assert container["livenessProbe"]["tcpSocket"]["port"] in ports
    assert {flag[2:].split("=")[0] for flag in container["args"]} <= FLAGS
    assert container["resources"].keys() == {"requests", "limits"}
    # A pod that ends answers what it has, and gets no more.
    grace = template["spec"]["terminationGracePeriodSeconds"]
    assert grace > int(container["lifecycle"]["preStop"]["exec"]["command"][1])


@pytest.mark.parametrize(
    ("name", "label"),
    [("My_photos.v2", "my-photos-v2"), ("3d", "model-3d"), ("A" * 80, "a" * 50)],
)
def test_names_in_kubernetes(model, name, label):
    base, _ = model
    export.serving_kit(base, name=name)
    for document in yaml.safe_load_all((base / "kubernetes.yaml").read_text()):
        assert document["metadata"]["labels"] == {"app": label}
        assert document["metadata"]["name"] in (label, f"{label}-pods")


def test_monitoring(model):
    base, _ = model
    export.serving_kit(base)
    text = (base / "monitoring.config").read_text()
    # The proto is not in the package: two fields of one message.
    plain = " ".join(re.sub("#.*", "", text).split())
    assert re.fullmatch(r'prometheus_config \{ enable: true path: "(/\S+)" \}', plain)
    scraped = yaml.safe_load_all((base / "kubernetes.yaml").read_text())
    notes = next(scraped)["spec"]["template"]["metadata"]["annotations"]
    assert f'"{notes["prometheus.io/path"]}"' in plain


def test_clients_are_programs(model, tmp_path):
    base, _ = model
    export.serving_kit(base)
    subprocess.run(["bash", "-n", base / "clients" / "predict.sh"], check=True)
    for path in (base / "clients").glob("*.py"):
        compile(path.read_text(), str(path), "exec")
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", path],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_clients_send_what_the_model_takes(model, tmp_path):
    base, _ = model
    export.serving_kit(base)
    assert (
        '"image_bytes", "image_bytes"' in (base / "clients/rest_client.py").read_text()
    )
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    other = export.saved_model(encoder, tmp_path / "vectors").parent
    export.serving_kit(other)
    text = (other / "clients" / "rest_client.py").read_text()
    assert '"serving_default", "inputs"' in text
