"""What a language module plugs into: one file per family of bases, for loading and for training.

To add a family, write one file like `pixart.py`: what its denoiser reads, how its pipelines take embeddings, and how they are
trained through. Name it in `FAMILIES`, or advertise it in the entry-point group `hub.bases`.
"""

from hub.bases.family import FAMILIES, Family, conditioning_of, family_of
from hub.bases.language_mixin import Interpreter, LanguageMixin, Prompts

__all__ = ["FAMILIES", "Family", "Interpreter", "LanguageMixin", "Prompts", "conditioning_of", "family_of"]
