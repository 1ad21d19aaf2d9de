# SPDX-License-Identifier: Apache-2.0
import pytest

from cl_keras.runs import TrainConfig, entry_name, parse_settings
from cl_keras.runs.command import begun
from cl_keras.runs.config import call_with
from cl_keras.runs.time_limit import TimeLimit


def test_saved_config_is_the_same_config(tmp_path):
    config = TrainConfig(
        "simclr", "digits", "run", settings={"temperature": 0.2, "encoder.width": 8}
    )
    config.save(tmp_path / "config.json", command="cl-keras ...")
    assert TrainConfig.load(str(tmp_path / "config.json")) == config


def test_settings_go_to_their_parts():
    settings = parse_settings(
        ["temperature=0.2", "encoder.stem=small", "augment.scale=[0.2, 1.0]"]
    )
    config = TrainConfig("simclr", "digits", "run", settings=settings)
    assert config.part("") == {"temperature": 0.2}
    assert config.part("encoder") == {"stem": "small"}
    assert config.part("augment") == {"scale": [0.2, 1.0]}
    assert config.part("projector") == {}


@pytest.mark.parametrize(
    ("given", "batch"),
    [
        ({}, 256),
        ({"image_size": 64}, 256),
        ({"image_size": 96}, 64),
        ({"image_size": (32, 96)}, 64),
        ({"image_size": 96, "batch_size": 128}, 128),
    ],
)
def test_batches_of_large_images_fit_into_memory(given, batch):
    config = TrainConfig.for_method("simclr", data="digits", out="run", **given)
    assert config.batch_size == batch


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["temperature"], "key=value"),
        (["a=1", "a=2"], "set twice"),
        (["encodr.width=8"], "Did you mean 'encoder'"),
    ],
)
def test_wrong_settings_are_named(pairs, message):
    with pytest.raises(ValueError, match=message):
        parse_settings(pairs)


def test_a_run_that_is_there_needs_no_option(tmp_path):
    run = TrainConfig(
        "byol", "digits", str(tmp_path), seed=3, settings={"momentum": 0.9}
    )
    limit = TimeLimit(9.0, 60.0, draw=False, most=5).facts()
    run.save(tmp_path / "config.json", command="cl-keras train byol", limit=limit)
    nothing = {"draw": True, "settings": {}, "method": None, "seed": None}
    config, kept, command = begun(str(tmp_path), **nothing)
    assert (config, command) == (run, "cl-keras train byol")
    assert kept.facts() == limit | {"draw": True}
    nothing["settings"] = {"temperature": 1}
    config, _, command = begun(str(tmp_path), epochs=20, **nothing)
    assert (config.epochs, config.seed, command) == (20, 3, "")
    assert config.settings == {"momentum": 0.9, "temperature": 1}


def test_unknown_options_suggest_the_near_one():
    def build(features, depth=2):
        return features, depth

    assert call_with(build, "projector", {"depth": 3}, 7) == (7, 3)
    with pytest.raises(ValueError, match="Did you mean 'depth'"):
        call_with(build, "projector", {"dept": 3}, 7)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 1}, {"learning_rate": -1.0}]
)
def test_wrong_numbers_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainConfig("simclr", "digits", "run", **wrong)


@pytest.mark.parametrize(
    ("data", "encoder", "name"),
    [
        ("digits", "compact_resnet", "simclr_compact_digits"),
        ("folder:/a/My Photos", "resnet18", "simclr_resnet18_my_photos"),
        ("npz:set.npz", "keras:MobileNetV2", "simclr_mobilenetv2_set_npz"),
    ],
)
def test_entry_names(data, encoder, name):
    assert entry_name(TrainConfig("simclr", data, "run", encoder=encoder)) == name
