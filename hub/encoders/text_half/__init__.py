"""Load the text half of a big repository: its tensors, under their names in transformers, and its tokenizer settings.

One small file per family of encoders. `half_of` finds the family by the repository's config.json; a repository that holds
only an encoder has none and is read completely.
"""

from hub.encoders.text_half.read_half import check_half, needed_files, read_half
from hub.encoders.text_half.text_half import TextHalf, half_of

__all__ = ["TextHalf", "check_half", "half_of", "needed_files", "read_half"]
