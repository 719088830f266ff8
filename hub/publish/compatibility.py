"""Check whether a module fits a base: conditioning, and the digests of base and encoder. Used by the loader and the server."""

from __future__ import annotations

from dataclasses import dataclass

from hub.conditioning import Conditioning
from hub.records import Artifact, Pin, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a variant of a module fits a base, with the reasons."""

    module: str
    """`owner/name`."""
    folder: str
    """Folder of the variant."""
    base: str
    """`owner/name`."""
    fits: bool
    made_for_it: bool
    """Whether the variant was made for this base, not for another one with the same conditioning."""
    reasons: tuple[str, ...]


def check_fit(module: Artifact, variant: Variant, base: Artifact) -> Fit:
    """Check whether `variant` of `module` fits `base`."""
    made_for_it = is_made_for(variant, base.name.name)
    reasons = []
    if base.conditioning is None:
        reasons.append(f"`{base.name}` does not declare its conditioning")
    elif problem := conditioning_problem(variant, str(base.name), base.conditioning):
        reasons.append(f"it {problem}")
    if has_other_digest(variant, base.name.name, base.weights_digest):
        reasons.append(
            f"it was trained on digest {variant.base.digest[:12]}, but the base has {base.weights_digest[:12]}"
        )
    known = variant.base.digest and base.weights_digest
    fits = not reasons
    if fits:
        digest = "with this digest" if made_for_it and known else "by its conditioning"
        reasons.append(
            f"made for it, {digest}"
            if made_for_it
            else f"made for `{variant.base.name}`, which has the same conditioning"
        )
    return Fit(
        module=str(module.name), folder=variant.folder, base=str(base.name), fits=fits, made_for_it=made_for_it, reasons=tuple(reasons)
    )  # fmt: skip


def is_made_for(variant: Variant, base: str) -> bool:
    """Return whether `variant` was made for `base`, a name without owner."""
    return variant.base.name.rpartition("/")[2].lower() == base.lower()


def conditioning_problem(variant: Variant, base: str, wanted: Conditioning) -> str:
    """Return why the output of `variant` does not match `wanted`, the conditioning of `base`; empty if it does."""
    if wanted.accepts(variant.conditioning):
        return ""
    return f"gives {variant.conditioning.describe()}, but `{base}` takes {wanted.describe()}"


def has_other_digest(variant: Variant, base: str, digest: str) -> bool:
    """Return whether `variant` was trained on other weights of `base` than those with `digest`; False if either is unknown."""
    known = is_made_for(variant, base) and variant.base.digest and digest
    return bool(known) and variant.base.digest != digest


def encoder_problem(wanted: Pin, encoder: Artifact | None) -> str:
    """Return why `encoder` is not the one that a variant needs; empty if it is."""
    if encoder is None:
        return f"its encoder `{wanted.name}` was not found"
    found = encoder.weights_digest
    if wanted.digest and found and wanted.digest != found:
        return f"it was trained on the encoder with digest {wanted.digest[:12]}, but `{encoder.name}` has {found[:12]}"
    return ""
