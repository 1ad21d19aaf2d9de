# SPDX-License-Identifier: Apache-2.0
"""Activities of people that were not trained on, by a phone and by a watch.

    python benchmarks/phone_watch.py --folder DATA --test test --parts 3 \
        --phone runs/cpc_phone runs/clip/encoders/sp \
        --watch runs/cpc_watch runs/clip/encoders/sw

`--folder` has the series as `sNN/sNN_MM_sp.csv` (phone) and `_sw.csv` (watch);
`--phone` and `--watch` name folders with an `encoder.keras` that was trained on them.
Windows of two seconds at 100 Hz, one every fifth of a second, of which 70 % of the
samples have one label. Balanced accuracy of a logistic regression on standardised
features of people 1 to 12, whose penalty is chosen on 13 to 15, on people 16 to 23, or
on 13 to 15 themselves (`--test val`). Features are the encoder's, means over the window
and over each of so many parts of it; beside them random weights and statistics of the
channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import harness
import keras
import numpy as np
from sklearn.metrics import balanced_accuracy_score

from cl_keras import data, encoders, evaluate

Features = Callable[[np.ndarray], np.ndarray]
Windows = tuple[np.ndarray, np.ndarray]  # And what people do in each.
PEOPLE = {"train": range(1, 13), "val": range(13, 16), "test": range(16, 24)}
PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)
DEVICES = {"phone": "sp", "watch": "sw"}


def windows(folder: str, part: str, device: str) -> Windows:
    """Windows of so many people, and the names of what they do."""
    people = "|".join(f"s{number:02}" for number in PEOPLE[part])
    found = data.load_csv(
        folder,
        columns="x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro",
        time="timestamp",
        time_unit="ms",
        sample_rate=100,
        label="label",
        pattern=rf"(?P<person>{people})_\d+_{DEVICES[device]}\.csv",
        window=200,
        hop=20,
        purity=0.7,
    ).labelled("label")
    return np.stack(found.sequences), np.array(found.class_names)[found.labels]


def statistics(parts: int, x: np.ndarray) -> np.ndarray:
    """Statistics of the channels in each of so many parts of a window."""
    cut = np.array_split(x, parts, axis=1)
    return np.concatenate([evaluate.channel_statistics(part) for part in cut], axis=1)


def means(encoder: keras.Model, parts: int, x: np.ndarray) -> np.ndarray:
    """The encoder's features, means of each of so many parts of a window."""
    return evaluate.embed_sequences(encoders.means_of_parts(encoder, parts), list(x))


def linear(features: Features, sets: dict[str, Windows], test: str) -> float:
    """Balanced accuracy of a logistic regression, its penalty chosen on `val`."""
    x = {part: features(found) for part, (found, _) in sets.items()}
    names, y = np.unique(sets["train"][1], return_inverse=True)

    def balanced(part: str, penalty: float) -> float:
        found = evaluate.linear_probe_predict(
            x["train"], y, x[part], regularization=penalty
        )
        return float(balanced_accuracy_score(sets[part][1], names[found]))

    best = max(PENALTIES, key=lambda penalty: balanced("val", penalty))
    return round(balanced(test, best), 4)


def main() -> None:
    options = {"folder": harness.REQUIRED, "test": "val", "parts": 3}
    runs = {"phone": [harness.REQUIRED], "watch": [harness.REQUIRED]}
    args = harness.parse(__doc__, {**options, **runs})
    result: dict[str, dict[str, float]] = {}
    for device in DEVICES:
        sets = {
            part: windows(args.folder, part, device)
            for part in {"train", "val", args.test}
        }
        rows: dict[str, Callable] = {"statistics": statistics}
        for run in getattr(args, device):
            trained = keras.saving.load_model(Path(run, "encoder.keras"), compile=False)
            random = evaluate.random_encoder(trained, 0)
            rows[run] = partial(means, trained)
            rows[f"{run} random"] = partial(means, random)
        for name, features in rows.items():
            result[f"{device} {name}"] = {
                f"{parts} parts": linear(partial(features, parts), sets, args.test)
                for parts in (1, args.parts)
            }
    harness.table(result)
    harness.emit(args, result)


if __name__ == "__main__":
    main()
