"""What goes together, judged by what the registry knows: conditioning, and the digests of base and encoder.

The loader judges the same again with the files at hand (`hub.loader.fit`); both must agree.
"""

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
    reasons = []
    made_for_it = variant.base.name.rpartition("/")[2].lower() == base.name.name.lower()
    given, wanted = variant.conditioning, base.conditioning
    if wanted is None:
        reasons.append(f"`{base.name}` does not say what it reads")
    elif not gives(given, wanted):
        reasons.append(f"it gives {in_words(given)}, and `{base.name}` reads {in_words(wanted)}")
    known = variant.base.digest and base.weights_digest
    if made_for_it and known and variant.base.digest != base.weights_digest:
        reasons.append(
            f"it was trained on digest {variant.base.digest[:12]}, and the base here has {base.weights_digest[:12]}"
        )
    fits = not reasons
    if fits:
        digest = "with this digest" if made_for_it and known else "by its conditioning"
        reasons.append(
            f"made for it, {digest}" if made_for_it else f"made for `{variant.base.name}`, which reads the same"
        )
    return Fit(
        module=str(module.name), folder=variant.folder, base=str(base.name), fits=fits, made_for_it=made_for_it, reasons=tuple(reasons)
    )  # fmt: skip


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
