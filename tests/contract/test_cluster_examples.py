# SPDX-License-Identifier: Apache-2.0
"""The examples for clusters parse, and the command in each is one that exists."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from cl_keras.cli import app
from cl_keras.workers import Cluster

FOLDER = Path(__file__).parents[2] / "docs" / "cluster"


def parsed(words):
    """The options that `cl-keras train` understands these words as."""
    assert words[:2] == ["cl-keras", "train"]
    command = get_command(app).commands["train"]
    context = command.make_context("train", list(words[2:]), resilient_parsing=False)
    return context.params


def container(template):
    (only,) = template["spec"]["containers"]
    return only


def test_sbatch():
    path = FOLDER / "slurm.sbatch"
    subprocess.run(["bash", "-n", path], check=True)
    text = path.read_text()
    # `scontrol show hostnames` prints one name a line; the rest is the script's own.
    pipe = re.search(r"hostnames \"\$SLURM_JOB_NODELIST\" \| (.*)\)$", text, re.M)[1]
    listed = subprocess.run(
        ["bash", "-c", f'PORT=2222; printf "n1\\nn2\\n" | {pipe}'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    inner = re.search(r"exec (cl-keras .*)'", text, re.S)[1].replace("\\\n", " ")
    inner = inner.replace("$WORKERS", listed).replace("$SLURM_PROCID", "1")
    options = parsed(shlex.split(inner))
    assert Cluster.parse(options["workers"], options["task"]).workers == (
        "n1:2222",
        "n2:2222",
    )
    assert options["resume"]
    nodes = int(re.search(r"--nodes=(\d+)", text)[1])
    assert "--ntasks-per-node=1" in text and nodes == 2


def test_tfjob():
    job = yaml.safe_load((FOLDER / "tfjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "TFJob")
    worker = job["spec"]["tfReplicaSpecs"]["Worker"]
    only = container(worker["template"])
    assert only["name"] == "tensorflow"
    options = parsed([*only["command"], *only["args"]])
    assert options["resume"] and options["workers"] is None
    assert options["batch_size"] % worker["replicas"] == 0
    # What the operator sets in the second pod.
    hosts = [f"cl-keras-simclr-worker-{i}.ns.svc:2222" for i in range(3)]
    tf_config = {
        "cluster": {"worker": hosts},
        "task": {"type": "worker", "index": 1},
        "environment": "cloud",
    }
    cluster = Cluster.parse(environ={"TF_CONFIG": json.dumps(tf_config)})
    assert cluster == Cluster(tuple(hosts), 1)


def test_indexed_job():
    documents = yaml.safe_load_all((FOLDER / "job.yaml").read_text())
    service, job = documents
    assert service["spec"]["clusterIP"] == "None"
    spec, name = job["spec"], job["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert spec["completionMode"] == "Indexed"
    assert spec["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    only = container(spec["template"])
    words = [w.replace("$(JOB_COMPLETION_INDEX)", "2") for w in only["args"]]
    options = parsed([*only["command"], *words])
    cluster = Cluster.parse(options["workers"], options["task"])
    port = service["spec"]["ports"][0]["port"]
    assert only["ports"][0]["containerPort"] == port
    assert cluster.workers == tuple(
        f"{name}-{i}.{service['metadata']['name']}:{port}"
        for i in range(spec["completions"])
    )
    assert spec["parallelism"] == spec["completions"]
    assert options["batch_size"] % spec["completions"] == 0


@pytest.mark.parametrize("name", ["slurm.sbatch", "tfjob.yaml", "job.yaml"])
def test_the_page_names_every_example(name):
    assert f"cluster/{name}" in (FOLDER.parent / "guides" / "devices.md").read_text()
