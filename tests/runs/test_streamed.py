# SPDX-License-Identifier: Apache-2.0
"""Runs on images that are decoded when their turn comes, here or on a data service."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from replica_processes import free_addresses

from cl_keras import data, runs
from cl_keras.data import source
from cl_keras.data.images import encoded
from cl_keras.runs import TrainConfig, devices
from cl_keras.runs.jobs import large_folders, make_job
from cl_keras.runs.run_files import read_history
from cl_keras.runs.stages import Stages
from cl_keras.workers import Cluster

TINY = {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of 30 pictures of 12x12, in training and test part."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("test", 8)):
        for label, tone in (("dark", 40), ("bright", 200)):
            (folder / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(rng.normal(tone, 30, (12, 12, 3)), 0, 255)
                image = Image.fromarray(pixels.astype(np.uint8))
                image.save(folder / part / label / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def packed(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    data.write_records(f"folder:{photos}", folder, shards=3)
    return folder


def config(method, spec, out="run", settings=None, **given):
    given = {"epochs": 2, "batch_size": 10, "neighbors": 3, "image_size": 12} | given
    settings = {"data.stream": True} | (settings or {})
    if method == "simclr":
        settings |= TINY
    return TrainConfig.for_method(
        method, data=spec, out=str(out), settings=settings, **given
    )


def train(given, **options):
    summary = runs.train(given, finish=False, **options)
    return summary, [row["loss"] for row in read_history(Path(given.out))]


@pytest.mark.slow
def test_records_train_as_the_folder_does(photos, packed, tmp_path):
    found = {}
    for kind, path in (("folder", photos), ("tfrecord", packed)):
        given = config("simclr", f"{kind}:{path}", tmp_path / kind)
        summary, found[kind] = train(given)
        assert summary["train_images"] == 60 and summary["test_images"] == 16
        assert summary["linear_accuracy"] > 0.9  # Dark and bright.
    assert found["folder"] == found["tfrecord"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "tfrecord"])
def test_whole_images_are_those_of_memory(photos, packed, kind):
    spec = f"{kind}:{photos if kind == 'folder' else packed}"
    streamed = make_job(config("dim", spec, image_size=32)).batches(start=3)
    plain = make_job(
        config("dim", spec, image_size=32, settings={"data.stream": False})
    )
    for (one,), (other,) in zip(
        streamed.take(8), plain.batches(start=3).take(8), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_test_part_is_held_out_and_evaluation_takes_a_part(photos, tmp_path):
    spec = f"folder:{photos / 'train'}"
    job = make_job(config("simclr", spec, settings={"data.probed": 20}))
    assert job.facts() == {
        "train_images": 48,
        "test_images": 12,
        "probed_images": 20,
        "probed_test_images": 12,
        "skipped_files": 0,
    }
    assert np.bincount(job.test.labels).tolist() == [6, 6]
    held_out = set(map(bytes, job.test.images))
    (batch,) = (
        make_job(config("autoencoder", spec, batch_size=48)).batches(start=0).take(1)
    )
    trained_on = np.round(batch[0].numpy() * 255).astype(np.uint8)
    assert len(trained_on) == 48 and held_out.isdisjoint(map(bytes, trained_on))


def test_separate_labelled_data_is_in_memory(photos, packed):
    given = config("simclr", f"tfrecord:{packed}", probe_data=f"folder:{photos}")
    job = make_job(given)
    assert len(job.probe.train) == 60 and job.probe.images is job.probe.train


@pytest.mark.slow
def test_a_large_folder_is_streamed(photos, tmp_path, monkeypatch, capsys):
    given = config("simclr", f"folder:{photos}", tmp_path / "run", epochs=1)
    plain = dataclasses.replace(given, settings=TINY)
    # Sixty images of 12 x 12, of which one byte is too many.
    source = data.open(plain.data)
    monkeypatch.setattr(large_folders, "MAX_BYTES", 60 * 12 * 12 * 3)
    assert large_folders.with_stream(plain, source, Stages()) == plain
    of_files = sum(map(os.path.getsize, source.files().files))
    monkeypatch.setattr(large_folders, "MAX_FILE_BYTES", of_files)
    assert large_folders.with_stream(plain, source, Stages()) == plain
    monkeypatch.setattr(large_folders, "MAX_FILE_BYTES", of_files - 1)
    assert large_folders.with_stream(plain, source, Stages()).settings["data.stream"]
    monkeypatch.setattr(large_folders, "MAX_FILE_BYTES", of_files)
    monkeypatch.setattr(large_folders, "MAX_BYTES", 60 * 12 * 12 * 3 - 1)
    for size in (12, None):  # Also where the files tell it.
        asked = dataclasses.replace(plain, image_size=size)
        found = large_folders.with_stream(asked, source, Stages())
        assert found.settings == given.settings
    no = dataclasses.replace(plain, settings={**TINY, "data.stream": False})
    assert large_folders.with_stream(no, source, Stages()) == no
    summary, _ = train(plain)
    assert summary["probed_images"] == 60 and "stream=true" in capsys.readouterr().err
    assert runs.train(plain, resume=True, finish=False) == summary
    assert runs.evaluate(given.out, metrics=["knn"])["probed_images"] == 60


@pytest.mark.slow
def test_a_finished_run_does_not_ask_for_its_folder(photos, tmp_path):
    folder = shutil.copytree(photos, tmp_path / "photos")
    given = config("simclr", f"folder:{folder}", tmp_path / "run", epochs=1)
    plain = dataclasses.replace(given, settings=TINY)
    summary, _ = train(plain)
    shutil.rmtree(folder)
    assert runs.train(plain, resume=True, finish=False) == summary


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training has no example")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_whose_test_classes_are_new(photos, tmp_path, streamed):
    names = {"train/a": "dark", "train/b": "bright", "test/c": "dark", "test/d": "dark"}
    for name, label in names.items():
        link = tmp_path / "data" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(photos / link.parent.name / label)
    given = config(
        "simclr", f"folder:{tmp_path / 'data'}", tmp_path / "run", epochs=1,
        settings={"data.stream": streamed},
    )  # fmt: skip
    summary, _ = train(given)
    assert "no test example is of a class" in summary["left_out"]["knn"]
    assert (
        "knn_accuracy" not in summary and (tmp_path / "run" / "encoder.keras").is_file()
    )


@pytest.mark.slow
def test_files_that_are_not_read_before(photos, tmp_path, monkeypatch, capsys):
    """A bad file is replaced in training, left out of scores, and named."""
    monkeypatch.setattr(source, "encode_files", _unread(encoded.encode_files))
    folder = shutil.copytree(photos, tmp_path / "photos")
    for name in ("train/dark/3.png", "test/bright/2.png"):
        (folder / name).write_bytes(b"no image")
    given = config("simclr", f"folder:{folder}", tmp_path / "run")
    job = make_job(given)
    assert job.skipped == () and job.facts()["train_images"] == 60
    assert "_parts" not in job.__dict__ and len(job.sample(5).images) == 5
    views = next(iter(job.batches(start=0)))
    assert all(np.isfinite(view).all() for view in views)
    assert "_parts" not in job.__dict__
    summary, _ = train(given)
    assert summary["train_images"] == 60 and summary["linear_accuracy"] > 0.9
    names = [Path(x.partition(" (")[0]).name for x in summary["skipped"]]
    assert names == ["2.png", "3.png"] and summary["skipped_files"] == 2
    assert "1 image could not be decoded" in capsys.readouterr().err
    assert len(make_job(given).test) == 15
    for file in (folder / "train").rglob("*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(ValueError, match="None of 60 of the 60 images"):
        make_job(given)


def _unread(encode_files):
    return lambda *args, **options: encode_files(*args, **options, max_bytes=0)


def test_what_is_refused(photos, tmp_path, monkeypatch):
    spec = f"folder:{photos}"
    assert make_job(config("simclr", spec, image_size=None)).input_shape == (12, 12, 3)
    with pytest.raises(ValueError, match="Received: digits"):
        make_job(config("simclr", "digits"))
    with pytest.raises(ValueError, match="data.probed .* Received: 1"):
        make_job(config("simclr", spec, settings={"data.probed": 1}))
    with pytest.raises(ValueError, match="Unknown data setting 'probd'"):
        make_job(config("simclr", spec, settings={"data.probd": 5}))
    address = f"grpc://{free_addresses(1)[0]}"
    given = config("simclr", spec, tmp_path / "run")
    with pytest.raises(ValueError, match=f"Expected a dispatcher at {address}"):
        runs.train(given, data_service=address)
    with pytest.raises(ValueError, match=r"as grpc://host:port"):
        runs.train(given, data_service="localhost:5050")
    (tmp_path / "photos").mkdir()
    for name in ("a.tif", "b.png", "c.png", "d.png"):
        Image.new("RGB", (12, 12)).save(tmp_path / "photos" / name)
    monkeypatch.setattr(devices, "check_reachable", lambda service: None)
    other = config(
        "simclr", f"folder:{tmp_path / 'photos'}", tmp_path / "x", batch_size=2
    )
    with pytest.raises(ValueError, match="TIFF, HEIC or AVIF files in folder"):
        runs.train(other, data_service=address)
    two = Cluster(("a:1", "b:2"))
    with pytest.raises(ValueError, match="with one training process"):
        runs.train(given, data_service=address, cluster=two)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["records", "files"])
def test_a_data_service_makes_the_batches(
    photos, packed, tmp_path, data_service, monkeypatch, kind
):
    settings = {"data.mapped": False} if kind == "records" else {}
    spec = f"tfrecord:{packed}" if kind == "records" else f"folder:{photos}"
    monkeypatch.setattr(source, "encode_files", _unread(encoded.encode_files))
    _, here = train(config("simclr", spec, tmp_path / "here", settings))
    # A single worker gives out all steps in their order: the training is the same.
    with data_service(1) as address:
        given = config("simclr", spec, tmp_path / "there", settings)
        _, there = train(given, data_service=address)
    assert there == here
