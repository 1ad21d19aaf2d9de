# SPDX-License-Identifier: Apache-2.0
"""What a run needs to know of its kind of data: one file a modality."""

from cl_keras.runs.jobs.job import Job, make_job

__all__ = ["Job", "make_job"]
