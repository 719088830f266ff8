"""The columns of a captioned corpus, as the command line names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.errors import InvalidRequest
from hub.languages import parse_language
from trainers.defaults import HELD_OUT_SHARE


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a captioned corpus, and its held-out share."""

    image: str = ""
    """Image column; empty for the format's usual one."""
    captions: tuple[tuple[str, str], ...] = ()
    """Pairs of BCP-47 tag and caption column."""
    held_out_share: float = HELD_OUT_SHARE
    """Share of the images that are never trained on."""
    native: str = ""
    """Column that marks native rows: those whose captions are not translations. Empty for none."""

    @classmethod
    def parse(cls, image: str, captions: Sequence[str], held_out_share: float, native: str = "") -> Columns:
        """Parse captions such as `en=caption_en` from the command line. Raises `InvalidRequest`, `UnknownLanguage`."""
        pairs = [text.partition("=") for text in captions]
        if wrong := [text for text, equals, column in pairs if not (equals and text and column)]:
            raise InvalidRequest(
                f"`{wrong[0]}` is not a caption column: write LANGUAGE=COLUMN, for example `yo=caption_yo`."
            )
        found = tuple((parse_language(tag), column) for tag, _, column in pairs)
        if len({*(tag for tag, _ in found)}) < len(found):
            raise InvalidRequest(f"one caption column for each language, not several: {', '.join(captions)}.")
        return cls(image, found, held_out_share, native)

    def options(self) -> list[tuple[str, object]]:
        """Return the options of `hub evaluate` that name these columns, without those that have their default value."""
        image = [("--image-column", self.image)] if self.image else []
        captions = [("--caption-column", f"{tag}={column}") for tag, column in self.captions]
        share = [("--held-out-share", self.held_out_share)] if self.held_out_share != HELD_OUT_SHARE else []
        return [*image, *captions, *share]
