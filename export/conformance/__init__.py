# SPDX-License-Identifier: Apache-2.0
"""The part of `export.check` that runs in a process of its own.

    python -P export/conformance/__main__.py VERSION_FOLDER REPORT.jsonl [PROBE.npz]

Needs TensorFlow and NumPy only; Keras and the rest of cl_keras are made unimportable,
since a server has neither.
"""

from cl_keras.export.conformance.examination import examine

__all__ = ["examine"]
