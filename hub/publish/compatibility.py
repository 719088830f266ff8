"""What goes together: conditioning, and the digests of base and encoder. The loader and the server ask the same rule."""

from __future__ import annotations

from dataclasses import dataclass

from hub.records import Artifact, Conditioning, Pin, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether one variant of a module goes with a base, and why, or why not."""

    module: str
    """`owner/name`."""
    folder: str
    """Of the variant."""
    base: str
    """`owner/name`."""
    fits: bool
    made_for_it: bool
    """Whether the variant was made for this very base, not for one that reads the same."""
    reasons: tuple[str, ...]


def judge(module: Artifact, variant: Variant, base: Artifact) -> Fit:
    """Whether `variant` of `module` goes with `base`."""
    made_for_it = is_made_for(variant, base.name.name)
    reasons = []
    if base.conditioning is None:
        reasons.append(f"`{base.name}` does not say what it reads")
    elif problem := conditioning_problem(variant, str(base.name), base.conditioning):
        reasons.append(f"it {problem}")
    if has_other_digest(variant, base.name.name, base.weights_digest):
        reasons.append(
            f"it was trained on digest {variant.base.digest[:12]}, and the base here has {base.weights_digest[:12]}"
        )
    known = variant.base.digest and base.weights_digest
    fits = not reasons
    if fits:
        digest = "with this digest" if made_for_it and known else "by its conditioning"
        reasons.append(
            f"made for it, {digest}" if made_for_it else f"made for `{variant.base.name}`, which reads the same"
        )
    return Fit(
        module=str(module.name), folder=variant.folder, base=str(base.name), fits=fits, made_for_it=made_for_it, reasons=tuple(reasons)
    )  # fmt: skip


def is_made_for(variant: Variant, base: str) -> bool:
    """Whether `variant` was made for the base called `base`, its owner left out."""
    return variant.base.name.rpartition("/")[2].lower() == base.lower()


def conditioning_problem(variant: Variant, base: str, wanted: Conditioning) -> str:
    """Why the denoiser of `base`, which reads `wanted`, does not take what `variant` gives; empty when it does."""
    if gives(variant.conditioning, wanted):
        return ""
    return f"gives {in_words(variant.conditioning)}, and `{base}` reads {in_words(wanted)}"


def has_other_digest(variant: Variant, base: str, digest: str) -> bool:
    """Whether `variant` was trained on other weights of `base` than those with `digest`; not where either is unknown."""
    known = is_made_for(variant, base) and variant.base.digest and digest
    return bool(known) and variant.base.digest != digest


def encoder_problem(wanted: Pin, encoder: Artifact | None) -> str:
    """Why the encoder that a variant names is not the one that is here; empty when it is."""
    if encoder is None:
        return f"its encoder `{wanted.name}` is not here"
    found = encoder.weights_digest
    if wanted.digest and found and wanted.digest != found:
        return f"it was trained on the encoder with digest {wanted.digest[:12]}, and `{encoder.name}` here has {found[:12]}"
    return ""


def gives(given: Conditioning, wanted: Conditioning) -> bool:
    """Whether a denoiser that reads `wanted` takes `given`."""
    return (
        given.width == wanted.width
        and (wanted.length is None or given.length == wanted.length)
        and (wanted.pooled_width is None or given.pooled_width == wanted.pooled_width)
        and (wanted.mask or not given.mask)
    )


def in_words(conditioning: Conditioning) -> str:
    """`77 tokens of width 768, pooled 1280, with a mask`."""
    length = "any number of" if conditioning.length is None else str(conditioning.length)
    pooled = f", pooled {conditioning.pooled_width}" if conditioning.pooled_width is not None else ""
    return f"{length} tokens of width {conditioning.width}{pooled}{', with a mask' if conditioning.mask else ''}"
