# SPDX-License-Identifier: Apache-2.0
"""Data, runs and evaluation."""

from mutant_list.mutant import Mutant

MUTANTS = (
    Mutant(
        "All epochs have the order of the first",
        "cl_keras/data/order.py",
        "stateless_fold_in([tf.int64.min + seed, key], 0)",
        "stateless_fold_in([tf.int64.min + seed, 0 * key], 0)",
        "tests/data/test_pipelines.py::test_repeat_goes_on_with_new_epochs",
    ),
    Mutant(
        "A pipeline that begins within an epoch begins with the epoch",
        "cl_keras/data/order.py",
        "first = tf.maximum(place * RUN, start - key * steps)",
        "first = place * RUN",
        "tests/data/test_pipeline_order.py"
        "::test_step_n_is_the_same_from_wherever_the_pipeline_begins",
    ),
    Mutant(
        "Record files that were changed are read without a word",
        "cl_keras/data/images/record_images.py",
        "    index.verify(checksums=checksums)\n",
        "",
        "tests/data/test_records.py"
        "::test_a_shard_that_is_not_the_one_written_is_named[record_images]",
    ),
    Mutant(
        "An image that its Exif says lies on its side is not turned",
        "cl_keras/preprocessing/image_tags.py",
        "upright = tf.cond(orientation >= 5,",
        "upright = tf.cond(orientation >= 9,",
        "tests/preprocessing/test_image_tags.py"
        "::test_all_orientations_as_pillow_turns_them[<-JPEG]",
    ),
    Mutant(
        "An AVIF that its Exif says lies on its side is not turned",
        "cl_keras/preprocessing/photos.py",
        'image = extras.require("PIL.ImageOps", extra="photos").exif_transpose(image)',
        "pass",
        "tests/data/test_photos.py::test_every_kind_is_turned_as_pillow_turns_it[AVIF-6]",
    ),
    Mutant(
        "The view of another image keeps the label of the one that it stands in for",
        "cl_keras/data/images/batching.py",
        "return made, rows if places is None else tf.gather(rows, places)",
        "return made, rows",
        "tests/data/test_photos.py::test_a_file_that_turns_out_bad_is_replaced_and_named",
    ),
    Mutant(
        "The rate of a WAV file is read from its bytes a second",
        "cl_keras/preprocessing/wav_header.py",
        'kind, channels, rate, _, block = struct.unpack("<HHIIH", form[:14])',
        'kind, channels, _, rate, block = struct.unpack("<HHIIH", form[:14])',
        "tests/preprocessing/test_wav_in_the_wild.py::test_headers[plain]",
    ),
    Mutant(
        "Class names that are given do not decide the numbers of text labels",
        "cl_keras/labels.py",
        "return places[index], names",
        "return index.astype(np.int64), names",
        "tests/test_labels.py::test_strings_follow_the_class_names",
    ),
    Mutant(
        "The old checkpoint is deleted before the new one is whole",
        "cl_keras/runs/checkpoint.py",
        "        unfinished.mkdir(parents=True)\n",
        "        unfinished.mkdir(parents=True)\n"
        "        for old in earlier:\n"
        "            shutil.rmtree(old)\n"
        "        earlier = []\n",
        "tests/runs/test_checkpoint.py"
        "::test_a_save_that_fails_leaves_the_checkpoints_before",
    ),
    Mutant(
        "A checkpoint is written in the place where it is looked for",
        "cl_keras/runs/checkpoint.py",
        'unfinished = self.folder / f"{_UNFINISHED}{number}"',
        'unfinished = self.folder / f"{number:06d}"',
        "tests/runs/test_checkpoint.py"
        "::test_a_save_that_fails_leaves_the_checkpoints_before",
    ),
    Mutant(
        "A run that goes on begins its epoch's data anew",
        "cl_keras/runs/fit.py",
        "start=first * steps + steps - each",
        "start=first * steps",
        "tests/runs/test_resume.py::test_it_goes_on_to_the_same_weights[6]",
    ),
    Mutant(
        "Each example votes for itself where the number of neighbours is chosen",
        "cl_keras/evaluate/knn.py",
        "left_out = indices == np.asarray(rows)[:, None]",
        "left_out = indices < 0 * np.asarray(rows)[:, None]",
        "tests/evaluate/test_standardizing.py::test_the_choice_leaves_each_example_out",
    ),
    Mutant(
        "Test features take part in standardising those of the training part",
        "cl_keras/evaluate/standardizing.py",
        "    mean, scale = scaler.mean_, np.sqrt(scaler.var_)\n",
        "    for x in others:\n"
        "        scaler.partial_fit(x.astype(np.float64))\n"
        "    mean, scale = scaler.mean_, np.sqrt(scaler.var_)\n",
        "tests/evaluate/test_standardizing.py"
        "::test_it_is_scikit_learns_and_constants_become_zero",
    ),
    Mutant(
        "The baseline of random weights is measured with the trained ones",
        "cl_keras/evaluate/baselines.py",
        "untrained = features_of(random_encoder(encoder, seed))",
        "untrained = features_of(encoder)",
        "tests/evaluate/test_baselines.py"
        "::test_the_baseline_of_random_weights_is_measured_with_them",
    ),
)
