"""Why no family has a class yet that could be part of one; `hub.bases.refused` has those that cannot."""

from __future__ import annotations

from hub.bases.refused import REFUSED

_BY_REASON = {
    "the tutorial on families adds it as an extension": "AnimateDiff AnimateDiffControlNet AnimateDiffPAG AnimateDiffSDXL "
    "AnimateDiffSparseControlNet AnimateDiffVideoToVideo AnimateDiffVideoToVideoControlNet",
    "it also makes sound, for which no family is written yet": "Kandinsky6TI2VA",
    "its prompt encoder also reads images, and no small base is written yet": "JoyImageEdit JoyImageEditPlus",
    "it needs OpenCV and models of faces, so it is not tested; it reads prompts as CogVideoX does": "ConsisID",
    "it moves a camera through a world by poses, and no small base is written yet": "SanaWM",
    "it encodes prompts in an older method, `_encode_prompt`, which the mixin does not replace": "StableDiffusionInstructPix2Pix",
    "it enlarges latents of Stable Diffusion with an encoder and a pooled vector of its own": "StableDiffusionLatentUpscale",
}
NOT_YET = {f"{name}Pipeline": reason for reason, names in _BY_REASON.items() for name in names.split()}
REASONS = {**REFUSED, **NOT_YET}
"""Class → why no family has it."""
