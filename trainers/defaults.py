"""What `hub train` and `hub cache` take where nothing is said; a card's command leaves these out.

Numbers of a method are in its plan, not here.
"""

from __future__ import annotations

BASE = "emoji-sd"
ENCODER = "emoji-xlmr"
CORPUS = "emoji"
ENGLISH_SHARE = 0.2
"""Share of draws that are English texts through the multilingual encoder, so that English is kept."""
TEMPERATURE = 2.0
"""A language with n texts is drawn in proportion to n^(1/temperature)."""
HELD_OUT_SHARE = 0.05
"""Share of the images of a corpus of one's own that are never trained on."""
