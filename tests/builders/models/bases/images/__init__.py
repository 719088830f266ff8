"""Small random image bases of the families in `hub/bases/families/images`, and more routes of Stable Diffusion and Sana."""

from tests.builders.models.bases.images import clip, language_models, t5
from tests.builders.models.bases.small import Small

SMALL: dict[str, Small] = {**t5.SMALL, **language_models.SMALL, **clip.SMALL}
