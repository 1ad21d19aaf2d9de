# SPDX-License-Identifier: Apache-2.0
"""Replicas, losses, estimators and optimizers."""

from mutant_list.mutant import Mutant

MUTANTS = (
    Mutant(
        "Gathered rows carry no gradient to the replica they came from",
        "cl_keras/distribute.py",
        "gathered = context.all_gather(values, axis=0)",
        "gathered = tf.stop_gradient(context.all_gather(values, axis=0))",
        "tests/estimators/test_bounds.py::test_replicas_see_all_pairs",
    ),
    Mutant(
        "A replica divides its loss by its own number of examples, times replicas",
        "cl_keras/distribute.py",
        "count = all_sum(tf.cast(tf.shape(loss)[0], tf.float32))",
        "count = num_replicas() * tf.cast(tf.shape(loss)[0], tf.float32)",
        "tests/methods/test_micro_batch_replicas.py"
        "::test_two_replicas_compute_what_one_device_does",
    ),
    Mutant(
        "Replicas clip their own gradients, and sum them after that",
        "cl_keras/distribute.py",
        "    context = _context()\n    if context is not None:\n",
        "    context = None\n    if context is not None:\n",
        "tests/contract/test_replicas.py"
        "::test_replicas_compute_what_one_device_does[simclr]",
    ),
    Mutant(
        "NT-Xent counts each row among its own negatives",
        "cl_keras/losses/symmetric.py",
        "tf.linalg.set_diag(_exp_products(z, i, i), tf.zeros_like(valid[i]))",
        "_exp_products(z, i, i)",
        "tests/losses/test_nt_xent.py::test_equals_slow_formula[0.1-8]",
    ),
    Mutant(
        "NT-Xent on replicas hides the positive of a second view, not the row itself",
        "cl_keras/losses/other_views.py",
        "tf.concat([own, count + own if positives else own], axis=0)",
        "tf.concat([own, own], axis=0)",
        "tests/losses/test_nt_xent.py::test_blocks_change_nothing[True-5-False]",
    ),
    Mutant(
        "InfoNCE leaves the temperature out of the positive",
        "cl_keras/losses/info_nce.py",
        "positive = tf.reduce_sum(queries * keys, axis=-1)",
        "positive = tf.reduce_sum(queries * keys, axis=-1) * temperature",
        "tests/losses/test_info_nce.py::test_equals_slow_formula[True-0.1-7]",
    ),
    Mutant(
        "The padding of the last block of keys counts as keys",
        "cl_keras/losses/blockwise.py",
        "hidden = (seen[j] == 0.0) | (group[j] == skip[i])",
        "hidden = group[j] == skip[i]",
        "tests/losses/test_nt_xent.py::test_blocks_change_nothing[True-5-False]",
    ),
    Mutant(
        "The recomputed gradient of a product reaches one of its two rows only",
        "cl_keras/losses/symmetric.py",
        "return e * (scale[i] + tf.transpose(scale[j]))",
        "return e * scale[i]",
        "tests/losses/test_nt_xent.py::test_blocks_change_nothing[False-5-False]",
    ),
    Mutant(
        "The bound of Nguyen, Wainwright and Jordan has exp(T) for exp(T - 1)",
        "cl_keras/estimators/bounds.py",
        "exponent = global_log_mean_exp(negatives, keep) - 1.0",
        "exponent = global_log_mean_exp(negatives, keep)",
        "tests/estimators/test_bounds.py::test_slow_formula[False-nwj]",
    ),
    Mutant(
        "The cosine begins at the first step, not after the warm-up",
        "cl_keras/optimizers/warmup_cosine.py",
        "skipped = tf.where(cycle > 0, 0.0, float(self.warmup_steps))",
        "skipped = tf.where(cycle > 0, 0.0, 0.0)",
        "tests/optimizers/test_warmup_cosine.py::test_closed_form",
    ),
)
