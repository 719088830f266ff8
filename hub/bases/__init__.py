"""Frozen bases that language modules plug into: one file per family, for loading and for training.

To add a family, write one file like `pixart.py`: what its denoiser reads, how its pipelines take embeddings, and how modules
are trained through it. Name it in `FAMILIES`, or advertise it in the entry-point group `hub.bases`.
"""

from hub.bases.family import Family, conditioning_of, family_of

__all__ = ["Family", "conditioning_of", "family_of"]
