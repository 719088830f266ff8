"""Default options of `hub train` and `hub cache`; the command in a card omits them.

The hyperparameters of a method are in its plan, not here.
"""

from __future__ import annotations

BASE = "emoji-sd"
ENCODER = "emoji-xlmr"
CORPUS = "emoji"
ENGLISH_SHARE = 0.2
"""Share of training examples that are English, so that the module keeps its English."""
TEMPERATURE = 2.0
"""A language with n texts is sampled in proportion to n^(1/temperature)."""
HELD_OUT_SHARE = 0.05
"""Share of the images of a captioned corpus that are never trained on."""
