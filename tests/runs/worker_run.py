# SPDX-License-Identifier: Apache-2.0
"""A training run, or one worker of it, without export and report.

    python tests/runs/worker_run.py OUT DATA '{"epochs": 2}' [WORKERS TASK] [--resume]

Prints the summary as JSON; the cluster may also come from TF_CONFIG.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from cl_keras import runs
from cl_keras.workers import Cluster

out, data, given, *rest = sys.argv[1:]
resume = "--resume" in rest
rest = [word for word in rest if word != "--resume"]
given = json.loads(given)
seconds = given.pop("checkpoint_seconds", 30.0)
devices = given.pop("devices", None)
config = runs.TrainConfig.for_method("simclr", data=data, out=out, **given)
cluster = Cluster.parse(rest[0], int(rest[1])) if rest else Cluster.parse()
summary = runs.train(
    config,
    finish=False,
    resume=resume,
    checkpoint_seconds=seconds,
    cluster=cluster,
    devices=devices,
)
print(json.dumps(summary))
