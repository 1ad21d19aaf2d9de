# SPDX-License-Identifier: Apache-2.0
"""Training without labels, scored on a separate labelled set of the same kind."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest

from cl_keras import augment, data, evaluate, methods, runs
from cl_keras.runs import TrainConfig
from cl_keras.runs.jobs.job import load_job, make_job

pytest.importorskip("sklearn", reason="needs the extra [eval]")
RNG = np.random.default_rng(0)


def save_images(path, count, side, channels=1, classes=0):
    labels = np.arange(count) % max(classes, 1)
    images = RNG.integers(0, 80, (count, side, side, channels))
    images = (images + 60 * labels[:, None, None, None]).astype(np.uint8)
    np.savez(path, images=images, **({"labels": labels} if classes else {}))
    return f"npz:{path}"


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return {
        "unlabelled": save_images(folder / "plain.npz", 40, 8),
        "labelled": save_images(folder / "probe.npz", 60, 12, classes=3),
        "colour": save_images(folder / "colour.npz", 30, 8, channels=3, classes=2),
        "one class": save_images(folder / "one.npz", 30, 8, classes=1),
    }


def config(data_spec, out="", **given):
    given = {"epochs": 1, "batch_size": 8, "neighbors": 5, "seed": 2} | given
    return TrainConfig("simclr", data_spec, str(out), **given)


def encoder_of(shape):
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten()])


@pytest.mark.slow
def test_the_encoder_is_scored_on_the_probes_own_split(sets):
    job = make_job(config(sets["unlabelled"], probe_data=sets["labelled"]))
    encoder = encoder_of((8, 8, 1))
    scores = job.scores(encoder)
    # At the shape of the training images, which are smaller.
    train, test = data.load_splits(sets["labelled"], image_size=8, seed=2)
    expected = evaluate.scores(encoder, train, test, k=5, seed=2)
    assert expected.items() <= scores.items()
    assert scores["probe_data"] == sets["labelled"]
    # Training sees its own images only.
    assert job.facts()["train_images"] == 32 and job.input_shape == (8, 8, 1)
    assert next(iter(job.batches()))[0].shape == (8, 8, 8, 1)
    assert load_job(config(sets["unlabelled"])).scores(encoder) == {}


@pytest.mark.slow
def test_during_training_and_in_the_summary(sets, tmp_path):
    settings = {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1}
    run = config(
        sets["unlabelled"], tmp_path / "run", probe_data=sets["labelled"],
        settings=settings,
    )  # fmt: skip
    job = make_job(run)
    model = methods.SimCLR(encoder_of((8, 8, 1)))
    model.compile("sgd")
    views = augment.SimCLRImages(size=8)
    history = model.fit(
        data.two_views(job.train, views, 8, seed=0), epochs=2, verbose=0,
        callbacks=[job.online_evaluation(every=2)],
    ).history  # fmt: skip
    expected = job.scores(model.encoder)["knn_accuracy"]
    assert history["online_knn_accuracy"] == [expected]
    own = load_job(config(sets["labelled"], image_size=8))
    assert own.online_evaluation() is None

    summary = runs.train(run, finish=False)
    assert summary["probe_data"] == sets["labelled"]
    again = runs.evaluate(str(tmp_path / "run"))
    for name in ("knn_accuracy", "linear_accuracy", "probe_data"):
        assert again[name] == summary[name]
    shutil.copy(tmp_path / "run" / "encoder.keras", tmp_path / "alone.keras")
    alone = runs.evaluate(
        str(tmp_path / "alone.keras"), probe_spec=sets["labelled"], k=5
    )
    assert alone["data"] == sets["labelled"] and alone["knn_accuracy"] >= 0


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ("unlabelled", "Expected labels in the data to evaluate with"),
        ("colour", r"shape.*\(8, 8, 1\).*\(8, 8, 3\)"),
        ("one class", "two classes"),
        ("graph", "is image data.*is graph data"),
        ("npz:nothing.npz", "Found no file"),
    ],
)
def test_what_does_not_fit_is_an_error_before_training(sets, tmp_path, probe, message):
    (tmp_path / "edges.csv").write_text("0,1\n1,2\n")
    spec = f"edges:{tmp_path}" if probe == "graph" else sets.get(probe, probe)
    run = config(sets["unlabelled"], tmp_path / "run", probe_data=spec)
    with pytest.raises(ValueError, match=message):
        runs.train(run)
    assert not (tmp_path / "run").exists()


def test_recordings(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
    for folder, rate, names in (
        ("plain", 8000, ["a0", "b0", "c0", "d0", "e0"]),
        ("probe", 16_000, [f"{word}_{who}_{i}" for word in ("no", "yes")
                           for who in ("ann", "bob") for i in range(4)]),
    ):  # fmt: skip
        (tmp_path / folder).mkdir()
        for number, name in enumerate(names):
            wave = np.sin(np.arange(rate // 4) * (0.05 + 0.02 * number))
            soundfile.write(tmp_path / folder / f"{name}.wav", wave, rate)
    settings = {
        "data.pattern": r"(?P<word>\w+)_(?P<who>\w+)_\d+", "data.label": "who",
        "data.window": 900,
    }  # fmt: skip
    run = dataclasses.replace(
        config(f"folder:{tmp_path / 'plain'}", settings=settings, neighbors=2),
        method="cpc", probe_data=f"folder:{tmp_path / 'probe'}", batch_size=2,
    )  # fmt: skip
    job = load_job(run)
    labelled = job.labelled()
    assert sorted(np.concatenate(labelled.labels)) == [0] * 8 + [1] * 8
    # At the sample rate of training: a quarter of a second of 8000.
    assert {len(x) for x in job.probe.train.sequences} == {2000}
    assert job.train.labels is None and job.window == job.probe.window == 900
    encoder = keras.Sequential(
        [
            keras.Input((None,)),
            keras.layers.Reshape((-1, 1)),
            keras.layers.Conv1D(4, 5),
            keras.layers.GlobalAveragePooling1D(),
        ]
    )
    scores = job.scores(encoder, ["knn"])
    assert 0 <= scores["raw_knn_accuracy"] <= 1
    # The only kind of labels need not be named.
    settings = {"data.pattern": r"_(?P<who>[a-z]+)_", "data.window": 900}
    data = f"folder:{tmp_path / 'probe'}"
    alone = dataclasses.replace(run, data=data, probe_data=None, settings=settings)
    assert set(load_job(alone).train.labels) == {0, 1}


def test_graphs(tmp_path):
    for name, nodes, labelled in (("plain", 12, False), ("probe", 30, True)):
        folder = tmp_path / name
        folder.mkdir()
        edges = [f"{i},{i + 1}" for i in range(nodes - 1)]
        (folder / "edges.csv").write_text("\n".join(edges))
        np.save(folder / "features.npy", RNG.normal(size=(nodes, 4)).astype("float32"))
        if labelled:
            labels = "\n".join(str(i % 2) for i in range(nodes))
            (folder / "labels.csv").write_text(labels)
    from cl_keras import encoders

    run = dataclasses.replace(
        config(f"edges:{tmp_path / 'plain'}", probe_data=f"edges:{tmp_path / 'probe'}"),
        method="dgi",
    )
    job = load_job(run)
    assert job.facts()["nodes"] == 12
    assert sum(map(len, job.labelled().labels)) == 30
    encoder = encoders.build("gcn", (4,), units=[3], **job.encoder_options)
    assert 0 <= job.scores(encoder, ["knn"])["knn_accuracy"] <= 1
