"""Where diffusers is to look for AltDiffusion's text encoder; see `altdiffusion.py`.

diffusers takes a component's class, and the base classes it knows how to load, from one module.
"""

from __future__ import annotations

from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import RobertaSeriesModelWithTransformation
from transformers import PreTrainedModel

__all__ = ["PreTrainedModel", "RobertaSeriesModelWithTransformation"]
