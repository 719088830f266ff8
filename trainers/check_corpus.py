"""Check before anything is loaded that a corpus has what the phases of a plan need: images, and texts whose English is known."""

from __future__ import annotations

from hub.errors import InvalidRequest
from trainers.corpora.corpus import Corpus, Croppable
from trainers.inputs.features import FeatureDataset
from trainers.methods import METHODS, get_plan
from trainers.recipes.plan import Phase, Plan

IMAGES = {"latents", "images"}
"""Features that are made from images."""


def check_images(plan: Plan, corpus: Corpus) -> None:
    """Raise `InvalidRequest` if a phase needs images and the corpus has none, or crops of images whose sizes it does not know."""
    if corpus.has_images:
        if plan.cropping is not None and not isinstance(corpus, Croppable):
            raise InvalidRequest(
                f"the corpus `{corpus.name}` does not provide the sizes of its images: omit `center_crop`, `random_crops`, `random_flip` "
                "and `aspect_buckets`, or give your images as a folder or shards."
            )
        return
    if needing := [phase.name for phase in plan.phases if IMAGES.intersection(phase.needs)]:
        others = [name for name in METHODS if not any(IMAGES.intersection(p.needs) for p in get_plan(name).phases)]
        raise InvalidRequest(
            f"`{plan.name}` needs images in its phase `{needing[0]}`, and `{corpus.name}` has only texts: name its images with "
            f"`--image-column`, leave the phase out in a recipe file, or train {', '.join(others[:-1])} or {others[-1]}."
        )


def check_translations(plan: Plan, features: FeatureDataset) -> None:
    """Raise `InvalidRequest` if a phase compares texts with their English and all texts are native."""
    if features.translated_weights_N.any():
        return
    if comparing := [phase.name for phase in plan.phases if compares_with_english(phase)]:
        raise InvalidRequest(
            f"the phase `{comparing[0]}` of `{plan.name}` compares texts with their English, and all texts of "
            f"`{features.corpus.name}` in these languages are native: leave the phase out in a recipe file, or add translated rows."
        )


def compares_with_english(phase: Phase) -> bool:
    """Return whether the loss of a phase reads the English meaning of a text."""
    return bool(getattr(phase.objective, "compares_with_english", True))
