# SPDX-License-Identifier: Apache-2.0
"""A fifth that is held out by `data.group`: all files of a person in one part."""

import numpy as np
import pytest

from cl_keras import data
from cl_keras.runs import TrainConfig
from cl_keras.runs.jobs.job import make_job

PEOPLE = ("ann", "bob", "cid", "dot", "eve")
BY_PERSON = {
    "data.pattern": r"(?P<word>no|yes)_(?P<person>[a-z]+)",
    "data.label": "word",
    "data.group": "person",
}


@pytest.fixture
def files(tmp_path, paint):
    """Two images, recordings and series of each word by each of five people."""
    soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
    rng = np.random.default_rng(0)
    for folder in ("images", "recordings", "series"):
        (tmp_path / folder).mkdir()
    for number, person in enumerate(PEOPLE * 4):
        name = f"{('no', 'yes')[number // 10]}_{person}_{number}"
        paint(tmp_path / "images" / f"{name}.png", number)
        wave = rng.normal(size=400) / 9
        soundfile.write(tmp_path / "recordings" / f"{name}.wav", wave, 8000)
        np.savetxt(tmp_path / "series" / f"{name}.csv", wave, header="x", comments="")
    (tmp_path / "recordings" / "no_ann_bad.wav").write_bytes(b"")
    return tmp_path


@pytest.mark.filterwarnings("ignore:Skipped 1 of")
@pytest.mark.parametrize(
    ("method", "spec", "settings"),
    [
        ("simclr", "folder:images", {}),
        ("simclr", "folder:images", {"data.stream": True}),
        ("cpc", "folder:recordings", {}),
        ("cpc", "csv:series", {"data.columns": "x"}),
        ("cpc", "csv:series", {"data.columns": "x", "data.cut": 100}),
    ],
)
def test_all_files_of_a_person_are_in_one_part(files, method, spec, settings):
    if spec.startswith("csv"):
        pytest.importorskip("pyarrow", reason="needs the extra [tables]")
    spec = spec.replace(":", f":{files}/")
    given = {"image_size": 8} if method == "simclr" else {}
    both = []
    for seed in range(2):
        config = TrainConfig.for_method(
            method, data=spec, out="", seed=seed, settings=BY_PERSON | settings, **given
        )
        job = make_job(config)
        train, test = ({x.split("_")[1] for x in part.ids} for part in _parts(job))
        assert len(test) == 1 and train == {*PEOPLE} - test
        assert {*job.own_labels()[1].tolist()} == {0, 1}
        both.append(test)
    assert both[0] != both[1]


def _parts(job):
    if hasattr(job, "_held_out"):
        return job.images, job._held_out
    return job.train, job.test


def test_a_group_that_cannot_be_used_is_said(files):
    spec, pattern = f"folder:{files}/images", BY_PERSON["data.pattern"]
    with pytest.raises(ValueError, match=r"group of `pattern` 'persn'.*person"):
        data.open(spec, pattern=pattern, group="persn")
    with pytest.raises(ValueError, match="`group` as a group of `pattern`.*not given"):
        data.open(spec, group="person")
    with pytest.raises(ValueError, match="`group` is of folders"):
        data.load_splits("digits", group="word")
    rules = {"pattern": pattern, "label": "word", "group": "person"}
    (files / "images" / "test").mkdir()
    for path in files.glob("images/*_ann_*"):
        path.rename(files / "images" / "test" / path.name)
    (files / "images" / "train").mkdir()
    for path in files.glob("images/*.png"):
        path.rename(files / "images" / "train" / path.name)
    with pytest.warns(UserWarning, match="group='person' is not used"):
        train, test = data.load_splits(spec, **rules)
    assert (len(train), len(test)) == (16, 4)
