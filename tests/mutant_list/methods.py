# SPDX-License-Identifier: Apache-2.0
"""Methods, encoders and views."""

from mutant_list.mutant import Mutant

MUTANTS = (
    Mutant(
        "CPC is asked for the latents that its contexts have seen",
        "cl_keras/methods/cpc.py",
        "flat(near), flat(targets[:, k:])",
        "flat(near), flat(targets[:, :-k])",
        "tests/methods/test_cpc.py"
        "::test_losses_are_those_of_explicit_indices[same_sequence-0-dot-False]",
    ),
    Mutant(
        "CPC has the true latent among the negatives of its sequence",
        "cl_keras/methods/negatives.py",
        "            return tf.where(is_true, scores.dtype.min, scores)\n",
        "            return scores\n",
        "tests/methods/test_cpc.py"
        "::test_losses_are_those_of_explicit_indices[same_sequence-0-dot-False]",
    ),
    Mutant(
        "The context of a sequence sums up the future",
        "cl_keras/encoders/sequence.py",
        'return_sequences=True, name="context")(x)',
        'return_sequences=True, go_backwards=True, name="context")(x)',
        "tests/encoders/test_sequence_encoders.py"
        "::test_the_future_leaves_audio_contexts_unchanged[gru]",
    ),
    Mutant(
        "Deep InfoMax takes an image's own locations for negatives",
        "cl_keras/estimators/map_critics.py",
        "return positives, scores, image == own[:, tf.newaxis]",
        "return positives, scores, image < 0 * own[:, tf.newaxis]",
        "tests/methods/test_deep_infomax.py::test_terms_by_loops_over_pairs[jsd]",
    ),
    Mutant(
        "The discriminator of the prior trains the encoder",
        "cl_keras/heads/infomax.py",
        "self._judge(tf.stop_gradient(codes), weights)",
        "self._judge(codes, weights)",
        "tests/heads/test_infomax.py::test_each_loss_teaches_one_side",
    ),
    Mutant(
        "Deep Graph Infomax's shuffle leaves each node its own features",
        "cl_keras/augment/graph.py",
        "nodes = tf.argsort(tf.cast(graph, noise.dtype) + noise)",
        "nodes = tf.argsort(graph, stable=True)",
        "tests/augment/test_graph_corruptions.py"
        "::test_shuffle_stays_within_each_graph_and_is_even",
    ),
    Mutant(
        "The summary of a graph reads its padding",
        "cl_keras/methods/parts/readout.py",
        "        graph = tf.where(counted, graph, -1)\n",
        "        graph = tf.identity(graph)\n",
        "tests/methods/test_deep_graph_infomax.py"
        "::test_padding_changes_nothing[roll-mean]",
    ),
    Mutant(
        "Rows that fill up the last part of a batch count twice in the gradient",
        "cl_keras/methods/batch_parts.py",
        "counts = tf.cast(positions < self.rows, values.dtype)",
        "counts = tf.ones_like(positions, values.dtype)",
        "tests/methods/test_micro_batch.py::test_gradient_of_uneven_parts_by_hand",
    ),
    Mutant(
        "Validation moves the random states of the training",
        "cl_keras/methods/base.py",
        "        with self.evaluation_draws():\n",
        "        if True:\n",
        "tests/methods/test_random_states.py"
        "::test_training_with_validation_is_training_without[cpc]",
    ),
    Mutant(
        "Sizes of crops are drawn by their side, not by their area",
        "cl_keras/augment/crop.py",
        "area = draws.uniform(shape, area_seed, scale[0], scale[1])",
        "area = draws.uniform(shape, area_seed, scale[0] ** 0.5, scale[1] ** 0.5) ** 2",
        "tests/augment/test_crop.py::test_boxes_are_in_range_and_uniform[1.0]",
    ),
)
