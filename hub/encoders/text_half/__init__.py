"""The needed half of a big repository: which tensors it is, what they are called in transformers, how it is asked.

One file per family of encoders, each a small table. `half_of` finds the family by the repository's config.json; a repository that
is nothing but an encoder has none, and is read whole.
"""

from hub.encoders.text_half.read import check_half, needed_files, read_half
from hub.encoders.text_half.text_half import HALVES, Half, half_of

__all__ = ["HALVES", "Half", "check_half", "half_of", "needed_files", "read_half"]
