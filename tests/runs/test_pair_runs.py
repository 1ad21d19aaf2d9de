# SPDX-License-Identifier: Apache-2.0
"""Whole runs on pairs, small but real."""

import json

import keras
import numpy as np
import pytest

from cl_keras import data, export, runs
from cl_keras.runs import TrainConfig

SMALL = {"encoder.channels": 4, "encoder.context": 4, "projector.width": 8}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two sensors of one motion, slow or fast, of eight people."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    phase = np.arange(30) * (0.3 + 0.6 * labels[:, None]) + rng.random((64, 1)) * 6
    both = {
        "phone": np.stack([np.sin(phase), np.cos(phase)], -1),
        "watch": np.stack([np.sin(phase)] * 3, -1),
    }
    for name, waves in both.items():
        inputs = waves + 0.1 * rng.normal(size=waves.shape)
        np.savez(
            folder / f"{name}.npz",
            inputs=inputs,
            labels=labels,
            groups=np.repeat(np.arange(8), 8),
        )
    return f"pairs:{folder / 'phone.npz'},{folder / 'watch.npz'}"


def config(data, out, settings=None, **given):
    given = {"epochs": 2, "batch_size": 16, "neighbors": 3} | given
    settings = SMALL | (settings or {})
    return TrainConfig.for_method(
        "clip", data=data, out=str(out), settings=settings, **given
    )


@pytest.mark.slow
def test_each_encoder_is_scored_and_served(pairs, tmp_path):
    out = tmp_path / "run"
    settings = {"encoder.watch.channels": 6, "data.test_groups": "6,7"}
    summary = runs.train(config(pairs, out, settings))
    assert summary == json.loads((out / "summary.json").read_text())
    assert (summary["train_pairs"], summary["test_pairs"]) == (48, 16)
    assert summary["saved_model_ok"] and not summary.get("left_out")
    whole = data.load(pairs)
    for name, features in (("phone", 8), ("watch", 10)):
        found = summary["encoders"][name]
        for score in ("knn_accuracy", "linear_accuracy"):
            for key in (score, f"{score}_random_init", f"raw_{score}"):
                assert 0 <= found[key] <= 1, key
        folder = out / "encoders" / name
        encoder = keras.saving.load_model(folder / "encoder.keras")
        assert encoder.output_shape == (None, features)
        assert export.check(folder / "serving" / "1", encoder=encoder).ok
        # It keeps how its own channels are standardised.
        train = whole.inputs[name][:48]
        layer = next(
            x for x in encoder.layers if isinstance(x, keras.layers.Normalization)
        )
        np.testing.assert_allclose(np.ravel(layer.mean), train.mean((0, 1)), atol=1e-5)
    assert "<html" in (out / "report.html").read_text()


@pytest.mark.slow
def test_two_recordings_of_the_same_moments(tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra [tables]")
    for person in range(4):
        for device in ("phone", "watch"):
            lines = ["t,x,kind"]
            lines += [
                f"{n / 50},{np.sin(n)},{'sit' if n < 100 else 'walk'}"
                for n in range(200)
            ]
            path = tmp_path / f"p{person}_{device}.csv"
            path.write_text("\n".join(lines))
    settings = {
        "data.time": "t",
        "data.columns": "x",
        "data.window": 20,
        "data.random_window": 12,
        "data.purity": 1.0,
        "data.label": "kind",
        "data.pattern": r"p(?P<person>\d)_(?P<device>\w+)\.csv",
        "data.pair": "device",
        "data.group": "person",
    }
    run = config(f"pairs:csv:{tmp_path}", tmp_path / "run", settings, epochs=1)
    summary = runs.train(run, draw=False)
    # Of 19 windows of each person, one is on the border of sitting and walking.
    assert (summary["sample_rate"], summary["train_pairs"]) == (50, 3 * 18)
    assert summary["saved_model_ok"] and {*summary["encoders"]} == {"phone", "watch"}


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_weights(pairs, tmp_path, monkeypatch):
    once, stopped = (config(pairs, tmp_path / name) for name in ("once", "stopped"))
    options = {"finish": False, "evaluate": False, "checkpoint_seconds": 0.0}
    runs.train(once, **options)
    fit = keras.Model.fit

    def halt(step, logs=None):
        if step == 1:
            raise KeyError("halt")

    def halted(model, *args, callbacks, **kwargs):
        last = keras.callbacks.LambdaCallback(on_train_batch_end=halt)
        return fit(model, *args, callbacks=[*callbacks, last], **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", halted)
        with pytest.raises(KeyError, match="halt"):
            runs.train(stopped, **options)
    assert not (tmp_path / "stopped" / "encoders").exists()
    runs.train(stopped, resume=True, **options)
    for name in ("phone", "watch"):
        models = [
            runs.load_encoder(str(tmp_path / run / "encoders" / name))[0]
            for run in ("once", "stopped")
        ]
        for one, other in zip(*(model.get_weights() for model in models), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({"data.windw": 4}, {}, "Did you mean 'window'"),
        ({"data.test_groups": "9"}, {}, "'9'"),
        ({}, {"encoder": "gcn,gcn,gcn"}, "phone and watch"),
        ({}, {"test_data": "digits"}, "data.test_groups"),
        ({"decoder.width": 4}, {}, "clip has no decoder"),
        ({"encoder.wacth.channels": 4}, {}, "wacth"),
    ],
)
def test_what_does_not_fit_is_named(pairs, tmp_path, settings, given, message):
    with pytest.raises(ValueError, match=message):
        runs.train(config(pairs, tmp_path / "run", settings, **given))
    assert not (tmp_path / "run").exists()
