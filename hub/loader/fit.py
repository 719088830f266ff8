"""Whether a module and a base go together, judged before a byte of weights is read."""

from __future__ import annotations

from hub.compatible import in_words
from hub.errors import DoesNotFit
from hub.loader.sources import BaseSource, ModuleSource, fits


def check_fit(module: ModuleSource, base: BaseSource) -> None:
    """Raises DoesNotFit, naming both sides and the variants there are.

    A base given as a folder is judged by what it reads; one from the registry also by the digest the module was trained on.
    """
    variant = module.config.variant
    if not fits(module.config, base.conditioning):
        raise DoesNotFit(
            f"`{module.name}` gives {in_words(variant.conditioning)}, and `{base.name}` reads {in_words(base.conditioning)}. "
            f"Its variants are for {', '.join(f'`{each}`' for each in module.alternatives)}; "
            f"find modules that fit with `hub search --base {base.name}`."
        )
    asked_for = variant.base.name.rpartition("/")[2] == base.name
    if asked_for and variant.base.digest and base.digest and variant.base.digest != base.digest:
        raise DoesNotFit(
            f"`{module.name}` was trained on `{base.name}` with digest {variant.base.digest[:12]}, and `{base.name}` here has "
            f"{base.digest[:12]}. Choose the base's revision with `revision=`, or find a newer module with "
            f"`hub search --base {base.name}`."
        )
