# SPDX-License-Identifier: Apache-2.0
"""What is the same in training and in serving: files to pixels and waveforms."""
