"""What a language module plugs into: one file per family of bases, saying its conditioning and how it takes embeddings.

To add a family, write one file like `stable_diffusion.py` and name it in `FAMILIES`, or advertise it in the entry-point
group `hub.bases`.
"""

from hub.bases.family import FAMILIES, Family, conditioning_of, family_of
from hub.bases.language import Interpreter, LanguageMixin, Prompts

__all__ = ["FAMILIES", "Family", "Interpreter", "LanguageMixin", "Prompts", "conditioning_of", "family_of"]
