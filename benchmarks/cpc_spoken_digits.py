# SPDX-License-Identifier: Apache-2.0
"""CPC on the Free Spoken Digit Dataset, next to MFCCs and to random weights.

    python benchmarks/cpc_spoken_digits.py --data ../shared/data --out runs/cpc_digits

Needs `pip install "cl-keras[audio,eval]"` and `--data`/speech/fsdd_wav.zip (3,000
recordings, 10 digits by 6 speakers, 8 kHz). Trains on the recordings of index 5 to 49
without labels, then fits a logistic regression on frozen features, the mean context or
the encoder's own features (mean context and mean latents), and tests on index 0 to 4:
who speaks, which digit, and which digit with the speaker left out of the probe (mean of
six folds). Beside them the mean MFCCs and 52 statistics of MFCCs (`--baselines-only`
stops after these, without training). The model is saved under `--out` after each epoch;
a run that was stopped continues there. Prints a table and one JSON line.

The published figures are of LibriSpeech, where phones are told apart frame by frame:
another task, there for orientation only.
"""

import argparse
import json
import shutil
import sys
import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from cl_keras import data, encoders, evaluate, methods

PATTERN = r"^(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<index>\d+)$"
TEST_INDICES = 5
PUBLISHED = {
    "data": "LibriSpeech 100 h, van den Oord et al. 2018, table 1",
    "cpc": {"phone": 0.646, "speaker": 0.974},
    "random": {"phone": 0.276, "speaker": 0.0187},
    "mfcc": {"phone": 0.397, "speaker": 0.176},
}


def unpack(archive, folder):
    """Unpacks the WAV files of an archive into one folder, by their bare names."""
    if (folder / "complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            # A bare name cannot lead out of the folder.
            name = Path(member.filename.replace("\\", "/")).name
            if not member.is_dir() and name.endswith(".wav"):
                with content.open(member) as source, open(folder / name, "wb") as file:
                    shutil.copyfileobj(source, file)
    (folder / "complete").touch()
    return folder


def split(speech):
    """Recordings of index 5 to 49, and of 0 to 4."""
    names = np.array(speech.class_names["index"]).astype(int)
    held_out = names[speech.labels["index"]] < TEST_INDICES
    return speech.take(~held_out), speech.take(held_out)


def build(args, steps):
    keras.utils.set_random_seed(args.seed)
    # Without the paper's last convolution: 80 samples a frame, 10 ms at 8 kHz.
    encoder = encoders.audio_conv(
        channels=args.channels,
        context=args.context,
        kernels=(10, 8, 4, 4),
        strides=(5, 4, 2, 2),
    )
    model = methods.CPC(
        encoder,
        steps=args.steps,
        negatives=args.negatives,
        negatives_from=args.negatives_from,
        seed=args.seed,
    )
    schedule = keras.optimizers.schedules.CosineDecay(args.learning_rate, steps)
    model.compile(keras.optimizers.Adam(schedule))
    return model


def train(speech, args, log):
    """Trains epoch by epoch, from where the last run stopped."""
    state, file = args.out / "state.json", args.out / "model.keras"
    done = json.loads(state.read_text()) if state.exists() else {"epochs": []}
    free = ("data", "out", "probe_every")
    settings = {k: v for k, v in vars(args).items() if k not in free}
    if done.setdefault("settings", settings) != settings:
        raise SystemExit(
            f"{args.out} holds a run of other settings: {done['settings']}"
        )

    def batches(epoch):
        # A seed for each epoch: a run that was stopped goes on with the same windows.
        seed = 1000 * args.seed + epoch
        return data.windows(speech, args.window, args.batch_size, seed=seed)

    model = build(args, args.epochs * len(batches(0)))
    if done["epochs"]:
        model = keras.saving.load_model(file)
    for epoch in range(len(done["epochs"]), args.epochs):
        start = time.perf_counter()
        history = model.fit(batches(epoch), epochs=1, verbose=0, shuffle=False).history
        facts = {name: values[0] for name, values in history.items()}
        facts["seconds"] = time.perf_counter() - start
        done["epochs"].append(facts)
        unfinished = file.with_suffix(".part.keras")
        model.save(unfinished)
        unfinished.replace(file)
        state.write_text(json.dumps(done))
        first, last = model.distances[0], model.distances[-1]
        log(
            f"epoch {epoch + 1}/{args.epochs}  {facts['seconds']:.1f} s  "
            f"loss {facts['loss']:.3f}  accuracy {facts[f'accuracy_{first}']:.3f} "
            f"to {facts[f'accuracy_{last}']:.3f}"
        )
        every = args.probe_every
        if every and (epoch + 1) % every == 0 and epoch + 1 < args.epochs:
            model.encoder.save(args.out / f"encoder_{epoch + 1}.keras")
    return model, done["epochs"]


def probe(features, train_set, test_set, seed):
    """Accuracies of logistic regressions on (training, test) features."""
    train_x, test_x = features
    found = {
        kind: evaluate.linear_probe(
            train_x, train_set.labels[kind], test_x, test_set.labels[kind], seed=seed
        )
        for kind in ("speaker", "digit")
    }
    folds = []
    for speaker in range(len(train_set.class_names["speaker"])):
        known = train_set.labels["speaker"] != speaker
        new = test_set.labels["speaker"] == speaker
        folds.append(
            evaluate.linear_probe(
                train_x[known],
                train_set.labels["digit"][known],
                test_x[new],
                test_set.labels["digit"][new],
                seed=seed,
            )
        )
    return found | {"digit_new_speaker": float(np.mean(folds))}


def show(scores, log):
    log(f"{'':16} {'speaker':>8} {'digit':>8} {'digit, new speaker':>20}")
    for name, row in scores.items():
        log(
            f"{name:16} {row['speaker']:8.3f} {row['digit']:8.3f} "
            f"{row['digit_new_speaker']:20.3f}"
        )


def rounded(scores):
    return {
        name: {key: round(value, 4) for key, value in row.items()}
        for name, row in scores.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the real data")
    parser.add_argument("--out", type=Path, default=Path("runs/cpc_spoken_digits"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--window", type=int, default=3200, help="samples, 8,000 a s")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--negatives", type=int, default=128)
    parser.add_argument("--negatives-from", default="batch")
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--probe-every", type=int, default=0, help="keep encoders")
    parser.add_argument("--baselines-only", action="store_true", help="no training")
    args = parser.parse_args()

    def log(text):
        print(text, file=sys.stderr, flush=True)

    args.out.mkdir(parents=True, exist_ok=True)
    folder = unpack(args.data / "speech" / "fsdd_wav.zip", args.out / "recordings")
    train_set, test_set = split(data.load_audio(folder, pattern=PATTERN))
    log(f"{len(train_set)} recordings to train on, {len(test_set)} to test")
    scores = {
        name: probe(
            [of(part.sequences, part.sample_rate) for part in (train_set, test_set)],
            train_set,
            test_set,
            args.seed,
        )
        for name, of in (
            ("mfcc", evaluate.mean_mfcc),
            ("mfcc_statistics", evaluate.mfcc_statistics),
        )
    }
    if args.baselines_only:
        show(scores, log)
        print(json.dumps({"benchmark": "cpc_spoken_digits"} | rounded(scores)))
        return
    model, epochs = train(train_set, args, log)

    heard = model.evaluate(
        data.windows(test_set, args.window, args.batch_size, seed=args.seed),
        verbose=0,
        return_dict=True,
    )
    accuracies = [round(heard[f"accuracy_{k}"], 4) for k in model.distances]

    def embed(encoder):
        return [
            evaluate.embed_sequences(encoder, part.sequences)
            for part in (train_set, test_set)
        ]

    trained = embed(model.encoder)
    random = embed(evaluate.random_encoder(model.encoder, args.seed))
    # Features are the mean context, then the mean latents.
    context = slice(args.context)
    scores |= {
        name: probe(features, train_set, test_set, args.seed)
        for name, features in (
            ("cpc_context", [part[:, context] for part in trained]),
            ("cpc_features", trained),
            ("random_context", [part[:, context] for part in random]),
            ("random_features", random),
        )
    }
    show(scores, log)
    log("accuracy by steps ahead: " + " ".join(f"{x:.3f}" for x in accuracies))
    result = {"benchmark": "cpc_spoken_digits", "seed": args.seed}
    result |= {"epochs": len(epochs), "loss": round(epochs[-1]["loss"], 4)}
    result["seconds"] = round(sum(x["seconds"] for x in epochs), 1)
    result["parameters"] = model.encoder.count_params()
    result |= rounded(scores)
    result["accuracy_by_steps_ahead"] = accuracies
    result["published"] = PUBLISHED
    print(json.dumps(result))


if __name__ == "__main__":
    main()
