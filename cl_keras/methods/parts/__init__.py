# SPDX-License-Identifier: Apache-2.0
"""What methods are made of, beside encoders, heads and losses."""

from cl_keras.methods.parts.center import Center
from cl_keras.methods.parts.groups import in_groups
from cl_keras.methods.parts.queue import Queue
from cl_keras.methods.parts.readout import READOUTS, read_out
from cl_keras.methods.parts.twin import Twin

__all__ = ["READOUTS", "Center", "Queue", "Twin", "in_groups", "read_out"]
