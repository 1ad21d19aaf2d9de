# SPDX-License-Identifier: Apache-2.0
"""Estimators of mutual information where it is known: correlated Gaussians.

    python benchmarks/estimators.py --out docs/estimators.png

For each estimator a separable critic (for CLUB, a conditional Gaussian) is trained on
fresh samples, then judged on others, from half a nat to eight; beside it the same
estimator with the best critic there is, in closed form, plugged in. What is known of
each shows: InfoNCE cannot pass log K (K the batch), the variance of Donsker-Varadhan
and NWJ grows with the information, CLUB is an upper bound. Estimates by `jsd` are
those of `nwj` with the critic that JSD trained, since JSD itself is no bound. The
table on standard error and one JSON line on standard output give, over batches of the
size trained on, the mean (averaged over seeds), its deviation over seeds, and the
deviation over batches.
"""

import argparse
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from cl_keras import estimators
from cl_keras.show.style import FAINT, INK, PALETTE, new_figure, tidy

TITLES = {
    "jsd": "JSD, read by NWJ",
    "donsker_varadhan": "Donsker-Varadhan (MINE)",
    "nwj": "NWJ",
    "info_nce": "InfoNCE",
    "club": "CLUB",
}


# Each trial traces its own functions, which TensorFlow would warn of.
tf.get_logger().setLevel("ERROR")


def correlation(information, dimensions):
    """The rho of each pair of coordinates: I = -d/2 ln(1 - rho^2)."""
    return float(np.sqrt(1.0 - np.exp(-2.0 * information / dimensions)))


def draw(rho, batch, dimensions):
    x, noise = tf.unstack(tf.random.normal([2, batch, dimensions]))
    return x, rho * x + tf.sqrt(1.0 - rho**2) * noise


def log_ratio(x, y, rho):
    """Log p(y | x) - log p(y) of all pairs: the best critic."""
    gap = tf.reduce_sum((y[tf.newaxis] - rho * x[:, tf.newaxis]) ** 2, axis=-1)
    own = tf.reduce_sum(y**2, axis=-1)
    constant = x.shape[-1] * tf.math.log(1.0 - rho**2)
    return -0.5 * (constant + gap / (1.0 - rho**2) - own)


def log_conditional(x, y, rho):
    constant = x.shape[-1] * np.log(2.0 * np.pi)
    own = -0.5 * (constant + tf.reduce_sum(y**2, axis=-1))
    return log_ratio(x, y, rho) + own


class Trial:
    """One estimator, its critic, and how both are trained and read."""

    def __init__(self, name, args):
        self.name, self.args = name, args
        if name == "club":
            self.critic = estimators.Gaussian(hidden=args.hidden)
        else:
            self.critic = estimators.Separable(hidden=args.hidden)
        self.critic.build((None, args.dimensions), (None, args.dimensions))
        self.mine = estimators.MINE()
        self.optimizer = keras.optimizers.Adam(args.learning_rate)
        self.optimizer.build(self.critic.trainable_variables)
        self.state = [*self.optimizer.variables, *self.mine.variables]
        self.fresh = [tf.constant(v) for v in self.state]

    def reset(self, seed):
        """Starts over with other weights, without tracing anything again."""
        keras.utils.set_random_seed(seed)
        again = type(self.critic).from_config(self.critic.get_config())
        again.build(*[(None, self.args.dimensions)] * 2)
        self.critic.set_weights(again.get_weights())
        for variable, value in zip(self.state, self.fresh, strict=True):
            variable.assign(value)

    def trained(self, scores):
        """What is maximised."""
        if self.name == "donsker_varadhan":
            return self.mine(scores, training=True)
        if self.name == "club":  # The likelihood of the pairs that belong together.
            return tf.reduce_mean(tf.linalg.diag_part(scores))
        return getattr(estimators, self.name)(scores)

    def estimate(self, scores):
        """What is reported."""
        if self.name == "jsd":
            return estimators.nwj(scores + 1.0)
        return getattr(estimators, self.name)(scores)

    @tf.function
    def train(self, rho, steps):
        """Takes steps on fresh samples."""
        for _ in tf.range(steps):
            x, y = draw(rho, self.args.batch, self.args.dimensions)
            with tf.GradientTape() as tape:
                loss = -self.trained(self.critic(x, y))
            variables = self.critic.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)

    @tf.function
    def read(self, rho, batches):
        """Estimates of fresh batches: the critic's, and those of the best one."""
        ours = tf.TensorArray(tf.float32, batches)
        best = tf.TensorArray(tf.float32, batches)
        for i in tf.range(batches):
            x, y = draw(rho, self.args.batch, self.args.dimensions)
            ours = ours.write(i, self.estimate(self.critic(x, y)))
            if self.name == "club":
                scores = log_conditional(x, y, rho)
            else:  # That of NWJ is 1 more than the log ratio.
                scores = log_ratio(x, y, rho) + (1.0 if self.name == "nwj" else 0.0)
            best = best.write(i, self.estimate(scores))
        return ours.stack(), best.stack()


def measure(args):
    rows = []
    for name in args.estimators:
        trial = Trial(name, args)
        for information in args.information:
            rho = tf.constant(correlation(information, args.dimensions))
            ours, best = [], []
            for seed in args.seeds:
                trial.reset(seed)
                trial.train(rho, tf.constant(args.steps))
                pair = trial.read(rho, tf.constant(args.batches))
                ours.append(pair[0].numpy())
                best.append(pair[1].numpy())
            row = {"estimator": name, "information": information}
            for key, values in (("", ours), ("optimal_", best)):
                row |= {
                    f"{key}mean": float(np.mean(values)),
                    f"{key}seed_std": float(np.std(np.mean(values, axis=1))),
                    f"{key}batch_std": float(np.mean(np.std(values, axis=1))),
                }
            rows.append(row)
            print(
                f"{name:18} I {information:4.1f}   trained {row['mean']:7.2f} "
                f"(batches +- {row['batch_std']:8.2f})   best critic "
                f"{row['optimal_mean']:7.2f} (+- {row['optimal_batch_std']:8.2f})",
                file=sys.stderr,
                flush=True,
            )
    return rows


def figure(rows, args, path):
    canvas = new_figure(9.0, 5.2)
    panels = canvas.subplots(2, 3).ravel()
    for panel, name in zip(panels, args.estimators, strict=False):
        mine = [row for row in rows if row["estimator"] == name]
        x = np.array([row["information"] for row in mine])
        mean, spread, best = (
            np.array([row[key] for row in mine])
            for key in ("mean", "batch_std", "optimal_mean")
        )
        color = PALETTE[list(TITLES).index(name)]
        tidy(panel).plot(x, x, color=FAINT, linewidth=2, label="known")
        panel.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.2)
        panel.plot(x, mean, "o-", color=color, markersize=4, label="trained critic")
        panel.plot(x, best, ":", color=INK, linewidth=1, label="best critic")
        if name == "info_nce":
            panel.axhline(np.log(args.batch), color=INK, linewidth=0.6)
            panel.annotate(
                f"log {args.batch}",
                (x[0], np.log(args.batch)),
                xytext=(0, 3),
                textcoords="offset points",
                fontsize=8,
                color=INK,
            )
        panel.set_title(TITLES[name], fontsize=9, color=INK)
        top = 1.1 * max(x.max(), best.max()) if name == "club" else 1.4 * x.max()
        panel.set_ylim(min(0.0, top * -0.05), top)
    panels[0].legend(fontsize=7, frameon=False, loc="upper left")
    last = tidy(panels[len(args.estimators)])
    for name in args.estimators:
        if name == "jsd":  # With the best critic, NWJ.
            continue
        mine = [row for row in rows if row["estimator"] == name]
        last.semilogy(
            [row["information"] for row in mine],
            [row["optimal_batch_std"] for row in mine],
            "o-",
            markersize=3,
            color=PALETTE[list(TITLES).index(name)],
            label=TITLES[name],
        )
    last.set_title("Deviation over batches, best critic", fontsize=9, color=INK)
    last.legend(fontsize=7, frameon=False)
    for panel in panels[3:]:
        panel.set_xlabel("mutual information (nats)", fontsize=8, color=INK)
    for panel in panels[::3]:
        panel.set_ylabel("nats", fontsize=8, color=INK)
    canvas.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", help="where the figure goes, a .png or .svg")
    parser.add_argument("--estimators", nargs="+", default=list(TITLES), choices=TITLES)
    parser.add_argument(
        "--information", nargs="+", type=float, default=[0.5, 1, 2, 4, 6, 8]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--dimensions", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=200, help="that are judged")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    args = parser.parse_args()
    start = time.perf_counter()
    rows = measure(args)
    if args.out:
        figure(rows, args, args.out)
    result = {"benchmark": "estimators"} | {
        key: value for key, value in vars(args).items() if key != "out"
    }
    result |= {
        "log_k": round(float(np.log(args.batch)), 4),
        "seconds": round(time.perf_counter() - start, 1),
        "rows": [
            {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
            for row in rows
        ],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
