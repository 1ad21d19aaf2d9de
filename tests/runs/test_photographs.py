# SPDX-License-Identifier: Apache-2.0
"""A folder of photographs as cameras make them: begun soon, in little memory."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("PIL", reason="Pillow makes the photographs")
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "photographs.py"


def flowers(archive, folder, count):
    with zipfile.ZipFile(archive) as files:
        names = sorted(x for x in files.namelist() if x.endswith(".jpg"))
        for name in names[:: len(names) // count]:
            files.extract(name, folder)


@pytest.mark.slow
@pytest.mark.long
def test_twenty_thousand_photographs_of_12_megapixels(real_data, tmp_path):
    flowers(real_data / "images" / "flowers_jpeg.zip", tmp_path, 24)
    command = [sys.executable, str(BENCHMARK), "--images", str(tmp_path)]
    done = subprocess.run(
        [*command, "--distinct", "24"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["count"] == 20_000 and (found["width"], found["height"]) == (
        4000,
        3000,
    )
    assert found["first_batch"] < 30
    assert found["peak_mb"] < 2000
