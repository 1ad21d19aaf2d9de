# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from cl_keras.artifact import FileRecord
from cl_keras.zoo import Row

KNN = {"value": 0.9, "mean": 0.9, "spread": None, "runs": 1}
FIELDS = {
    "name": "simclr_tiny_digits",
    "version": "1",
    "method": "simclr",
    "encoder": "tiny",
    "data": "digits",
    "split": "train",
    "modality": "image",
    "input_shape": (8, 8, 3),
    "preprocessing": "scale to [0, 1]",
    "features": 5,
    "parameters": 100,
    "scores": {"knn_accuracy": KNN},
    "baselines": {"knn_accuracy_random_init": 0.5},
    "published": {},
    "license_weights": "Apache-2.0",
    "license_data": "CC-BY-4.0",
    "seed": 0,
    "epochs": 3,
    "recipe": "cl-keras train simclr --data digits",
    "evaluation": {"k": 20, "settings": {}},
    "signatures": ("image_bytes", "serving_default"),
    "library_versions": {"keras": "3.15.1"},
    "source": "packaged",
    "files": (FileRecord("encoder.keras", 3, "a" * 64),),
}


def write(tmp_path, **changes):
    content = json.loads(Row(**FIELDS).to_json())
    content.update(changes)
    content = {k: v for k, v in content.items() if v is not ...}
    (tmp_path / "rows").mkdir(exist_ok=True)
    path = tmp_path / "rows" / "simclr_tiny_digits.json"
    path.write_text(json.dumps(content))
    return path


def test_json_round_trip(tmp_path):
    row = Row.from_json(write(tmp_path))
    assert row == Row(**FIELDS)
    assert row.root == tmp_path.resolve()
    assert "root" not in json.loads(row.to_json())
    assert row.record("encoder.keras").size == 3
    assert row.record("absent") is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other_name"),
        ("version", 1),
        ("method", ""),
        ("modality", "video"),
        ("input_shape", []),
        ("input_shape", "8x8"),
        ("input_shape", [8, 0, 3]),
        ("features", True),
        ("features", 5.0),
        ("parameters", 0),
        ("seed", -1),
        ("scores", {"knn_accuracy": 0.9}),
        ("scores", {"knn_accuracy": KNN | {"value": "high"}}),
        ("scores", {"knn_accuracy": KNN | {"mean": True}}),
        ("scores", {"knn_accuracy": KNN | {"spread": 0.1}}),
        ("scores", {"knn_accuracy": KNN | {"runs": 2}}),
        ("scores", {"knn_accuracy": KNN | {"runs": 0}}),
        ("scores", {"knn_accuracy": {"value": 0.9}}),
        ("baselines", {"a": None}),
        ("library_versions", {"keras": 3}),
        ("source", "http://example.org/weights"),
        ("source", "ftp://example.org/weights"),
        ("source", "https:///weights"),
        ("source", "file://server/share"),
        ("files", []),
        ("files", {}),
        ("files", [{"path": "../x", "size": 1, "sha256": "a" * 64}]),
        ("files", [{"path": "/x", "size": 1, "sha256": "a" * 64}]),
        ("files", [{"path": "x", "size": 1}]),
        ("files", [{"path": "x", "size": 1, "sha256": "a" * 64}] * 2),
    ],
)
def test_bad_values_name_file_field_and_value(tmp_path, field, value):
    path = write(tmp_path, **{field: value})
    with pytest.raises(ValueError, match=f"`{field}`") as caught:
        Row.from_json(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["", "Simclr", "a-b", "../a", "a\n", "a b", "a/b"])
def test_bad_names(name):
    with pytest.raises(ValueError, match="`name`"):
        Row(**{**FIELDS, "name": name})


def test_missing_unknown_and_non_json(tmp_path):
    with pytest.raises(ValueError, match="missing: seed"):
        Row.from_json(write(tmp_path, seed=...))
    with pytest.raises(ValueError, match="unknown: colour"):
        Row.from_json(write(tmp_path, colour="red"))
    with pytest.raises(ValueError, match="NaN"):
        Row.from_json(write(tmp_path, baselines={"a": float("nan")}))
    path = write(tmp_path)
    path.write_text("{")
    with pytest.raises(ValueError, match=str(path)):
        Row.from_json(path)
