# SPDX-License-Identifier: Apache-2.0
"""The encoders that travel with the package."""

import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cl_keras import artifact, runs, zoo
from cl_keras.specification import specification

ROOT = Path(__file__).resolve().parents[2]
NAMES = zoo.list()
# What a wheel may weigh.
LIMIT = 35e6


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_both_forms_are_what_the_row_says(name):
    assert all(check.ok for check in zoo.verify(name))
    row, encoder = zoo.info(name), zoo.load(name)
    spec = specification(encoder)
    assert (spec.modality, spec.shape) == (row.modality, row.input_shape)
    assert spec.features == row.features
    assert encoder.count_params() == row.parameters and encoder.trainable_variables
    manifest = artifact.read_manifest(zoo.saved_model(name))
    assert tuple(sorted(manifest["signatures"])) == row.signatures
    assert "license_data" not in row.license_data and row.license_data != "unknown"


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_written_to_their_end(name):
    cards = ROOT / "zoo" / "cards"
    text = (cards / f"{name}.md").read_text()
    assert not re.search(r"^Write (what|where|which)", text, re.MULTILINE)
    assert f"]({name}.png)" in text and (cards / f"{name}.png").is_file()


def test_the_readme_has_the_table():
    text = (ROOT / "README.md").read_text()
    assert zoo.table(cards="zoo/cards") in text


@pytest.mark.slow
def test_all_fits_into_a_wheel():
    # Deflated one by one, as in a wheel; test_wheel.py builds one, but takes minutes.
    files = [path for path in (ROOT / "zoo").rglob("*") if path.is_file()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) < LIMIT


@pytest.mark.slow
def test_features_in_a_fresh_process_without_network():
    code = (
        "from cl_keras import zoo; import numpy as np;"
        "encoder = zoo.load('simclr_compact_digits');"
        "print(encoder.predict(np.zeros((1, 16, 16, 1), 'f'), verbose=0).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    features = zoo.info("simclr_compact_digits").features
    assert done.stdout.strip().endswith(str((1, features)))


@pytest.mark.slow
def test_it_can_be_trained_further():
    encoder = zoo.load("simclr_compact_digits", trainable=True)
    before = [np.array(w) for w in encoder.trainable_variables]
    encoder.compile("sgd", "mse")
    images = np.random.default_rng(0).random((8, 16, 16, 1), np.float32)
    encoder.fit(images, np.ones((8, encoder.output_shape[1])), verbose=0)
    assert any(
        np.abs(np.array(w) - b).max() > 0
        for w, b in zip(encoder.trainable_variables, before, strict=True)
    )


@pytest.fixture(scope="module")
def zoo_data(real_data, tmp_path_factory):
    """A folder for CL_KERAS_DATA: data of the cards, under the cards' names."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "planetoid").symlink_to(real_data / "planetoid")
    with zipfile.ZipFile(real_data / "images" / "cifar10_jpeg.zip") as archive:
        archive.extractall(folder / "cifar10")
    with zipfile.ZipFile(real_data / "speech" / "fsdd_wav.zip") as archive:
        for name in archive.namelist():
            if number := re.search(r"_(\d+)\.wav$", name):
                part = "test" if int(number[1]) < 5 else "train"
                path = folder / "spoken_digits" / part / Path(name).name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
    with zipfile.ZipFile(real_data / "images" / "flowers_jpeg.zip") as archive:
        archive.extractall(folder)
    with zipfile.ZipFile(real_data / "speech" / "arabic_digits_wav.zip") as archive:
        archive.extractall(folder / "arabic")
    (folder / "arabic" / "recordings").rename(folder / "arabic_digits")
    shutil.rmtree(folder / "arabic_digits" / "val")
    with zipfile.ZipFile(real_data / "sensors" / "har_phone_watch_csv.zip") as archive:
        for name in archive.namelist():
            if found := re.search(r"/s(\d+)/.*_sp\.csv$", name):
                person = int(found[1])
                if 13 <= person <= 15:  # Settings were chosen on these.
                    continue
                part = "train" if person < 13 else "test"
                path = folder / "phone" / part / found[0].lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
    return folder


# Seconds; the others take minutes.
QUICK = ("planetoid:cora",)
DATA = sorted({zoo.info(name).data for name in NAMES})


@pytest.mark.parametrize(
    "data",
    [pytest.param(d, marks=[] if d in QUICK else pytest.mark.slow) for d in DATA],
)
def test_the_numbers_of_the_cards_come_again(data, request, monkeypatch):
    source = "real_data" if data in QUICK else "zoo_data"
    monkeypatch.setenv("CL_KERAS_DATA", str(request.getfixturevalue(source)))
    names = [name for name in NAMES if zoo.info(name).data == data]
    # Beside other tests: BLAS threads that wait for a core cost five times the time.
    with threadpool_limits(1):
        checks = runs.verify_scores(*names)
    for name in names:
        scores = {check.score for check in checks if check.name == name}
        assert {"knn_accuracy", "raw_knn_accuracy", "linear_accuracy"} <= scores
    assert all(check.ok for check in checks), checks
