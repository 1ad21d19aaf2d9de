# SPDX-License-Identifier: Apache-2.0
"""Recipes: every file is a run that could be started."""

import shlex

import pytest

from cl_keras import runs, zoo
from cl_keras.runs import TrainConfig
from cl_keras.zoo import recipe_files


@pytest.mark.parametrize("name", zoo.recipes())
def test_the_command_says_what_the_recipe_says(name):
    recipe = zoo.recipe(name)
    words = shlex.split(recipe.command)
    assert words[:3] == ["cl-keras", "train", recipe.method]
    options, settings = {}, []
    for flag, value in zip(words[3::2], words[4::2], strict=True):
        if flag == "--set":
            settings.append(value)
        else:
            key = flag.removeprefix("--").replace("-", "_")
            kind = type(recipe.options.get(key, ""))
            options[key] = kind(value)
    said = TrainConfig.for_method(
        recipe.method, out="run", settings=runs.parse_settings(settings), **options
    )
    assert TrainConfig.for_recipe(name, out="run") == said
    assert recipe.note or recipe.ran
    assert recipe.ran or "Not run here" in recipe.note
    assert recipe.ran == bool(recipe.expected) == (recipe.minutes is not None)


def test_what_is_given_counts_more():
    run = runs.configure(
        None,
        "simclr_compact_cifar10",
        out="run",
        epochs=3,
        data=None,
        settings={"temperature": 0.5},
    )
    assert (run.epochs, run.data, run.batch_size) == (3, "folder:cifar10", 128)
    recipe = zoo.recipe("simclr_compact_cifar10")
    assert run.settings == {**recipe.settings, "temperature": 0.5}
    assert recipe.settings["temperature"] == 0.2


def test_another_encoder_takes_no_settings_of_the_recipes():
    name, own = "simclr_conv_cifar10", {"encoder.blocks": 2}
    recipe = zoo.recipe(name)
    assert "encoder.features" in recipe.settings
    other = {"encoder": "compact_resnet", "settings": own}
    run = runs.configure(None, name, out="run", **other)
    assert run.part("encoder") == {"blocks": 2}
    assert run.part("projector") == {"hidden": 512, "last_norm": False}
    same = runs.configure(None, name, out="run", encoder="compact_conv")
    assert same.settings == recipe.settings
    # A recipe that says nothing has the encoder of its method.
    run = runs.configure(None, "cca_ssg_gcn_cora", out="run")
    same = runs.configure(None, "cca_ssg_gcn_cora", out="run", encoder="gcn")
    assert run.part("encoder") and same == run


def test_what_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="mean 'simclr_compact_digits'"):
        zoo.recipe("simclr_compact_digit")
    with pytest.raises(ValueError, match="Expected no method, or simclr"):
        runs.configure("dim", "simclr_compact_digits", out="run")
    with pytest.raises(ValueError, match="--recipe.*--resume.*Received: none"):
        runs.configure(None, None, out="run")
    (tmp_path / "bad.toml").write_text("method = simclr")
    monkeypatch.setattr(recipe_files, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match="bad.toml is no recipe"):
        zoo.recipe("bad")


def test_every_packaged_encoder_has_its_recipe():
    for name in zoo.list():
        assert zoo.info(name).recipe == f"cl-keras train --recipe {name}"
        assert zoo.recipe(name).ran
