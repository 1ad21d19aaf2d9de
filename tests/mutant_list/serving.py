# SPDX-License-Identifier: Apache-2.0
"""The zoo, exports and the client."""

from mutant_list.mutant import Mutant

MUTANTS = (
    Mutant(
        "A file of the right size passes with any content",
        "cl_keras/file_record.py",
        "if size != self.size or digest != self.sha256:",
        "if size != self.size:",
        "tests/zoo/test_load.py::test_any_flipped_byte_in_any_file_is_detected",
    ),
    Mutant(
        "A row of the zoo may name files outside of its folder",
        "cl_keras/file_record.py",
        'any(part in ("", ".", "..") for part in name.split("/"))',
        'any(part in ("", ".") for part in name.split("/"))',
        "tests/zoo/test_registry.py::test_names_cannot_leave_the_folder",
    ),
    Mutant(
        "The folder of a manifest of another format is read as one of ours",
        "cl_keras/artifact.py",
        'if not isinstance(content, dict) or content.get("format") != MANIFEST_FORMAT:',
        "if not isinstance(content, dict):",
        "tests/test_artifact.py::test_another_format_is_refused",
    ),
    Mutant(
        "Features of a row that could not be read are answered as if it were good",
        "export/signatures/rows.py",
        "return tf.where(mask, output, tf.zeros((), output.dtype))",
        "return output",
        "tests/export/test_masking.py::test_no_row_and_nothing_but_bad_rows",
    ),
    Mutant(
        "An export takes pixels beyond [0, 1]",
        "export/signatures/features.py",
        'return _checked(tensor) if spec.modality == "image" else tensor',
        "return tensor",
        "tests/methods/test_pixel_ranges.py::test_an_export_refuses_other_pixels",
    ),
    Mutant(
        "The check runs a graph that writes files",
        "export/conformance/operations.py",
        "node.op in ALLOWED and (is_saver or node.op not in WRITING)",
        "node.op in ALLOWED",
        "tests/export/test_not_believed.py::test_only_the_saver_may_save",
    ),
    Mutant(
        "Each attempt of the client has the whole deadline",
        "export/client/retrying.py",
        "return call(max(0.001, end - time.monotonic()))",
        "return call(deadline)",
        "tests/export/test_client.py"
        "::test_each_attempt_has_what_is_left_of_the_deadline",
    ),
    Mutant(
        "Rows of a divided request come back in another order",
        "export/client/answers.py",
        "whole[(np.asarray(rows, int), *inner)] = array",
        "whole[(np.sort(rows)[::-1], *inner)] = array",
        "tests/export/test_client.py"
        "::test_answers_come_back_in_order_and_are_filled_up",
    ),
)
