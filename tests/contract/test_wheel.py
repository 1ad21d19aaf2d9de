# SPDX-License-Identifier: Apache-2.0
import configparser
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"cl_keras": "cl_keras", "zoo": "cl_keras.zoo", "export": "cl_keras.export"}


def test_setup_cfg_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = set()
    for folder, package in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *inner]))
    assert listed == found


@pytest.mark.slow
def test_wheel_installs_alone(tmp_path):
    for folder in ("once", "again"):
        subprocess.run(
            [sys.executable, "-m", "build", "-n", "--wheel", ROOT]
            + ["--outdir", tmp_path / folder],
            check=True,
            capture_output=True,
            env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
        )
    wheel, again = tmp_path.glob("*/*.whl")
    assert wheel.read_bytes() == again.read_bytes()
    names = zipfile.ZipFile(wheel).namelist()
    tops = {n.split("/")[0] for n in names if ".dist-info/" not in n}
    assert tops == {"cl_keras"}
    assert {"cl_keras/py.typed", "cl_keras/show/templates/run.html"} <= set(names)
    assert wheel.stat().st_size < 35e6
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        + ["--target", site, wheel],
        check=True,
    )
    code = (
        "import cl_keras, cl_keras.zoo, cl_keras.export; "
        "print(cl_keras.__file__, cl_keras.zoo.__file__, cl_keras.export.__file__)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
    )
    assert all(str(site) in place for place in result.stdout.split())
