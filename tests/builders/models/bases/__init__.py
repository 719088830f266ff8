"""Small random bases of the real classes, one for each family."""

from tests.builders.models.bases import images, joint_attention, language_models, streams, video, vision_language
from tests.builders.models.bases.small import Small

SMALL: dict[str, Small] = {
    **joint_attention.SMALL,
    **language_models.SMALL,
    **streams.SMALL,
    **vision_language.SMALL,
    **images.SMALL,
    **video.SMALL,
}
"""Family → its small base. The families of `tests/builders/models/families.py` are not repeated."""
