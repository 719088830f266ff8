"""The captions and images of a published benchmark's split, in all of its languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.errors import InvalidRequest
from trainers.evaluation.data_folder import DataFolder, file_digest, rows_digest


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption of an image."""

    text: str
    image: str
    """File name of the image."""


@dataclass(frozen=True)
class CaptionSet:
    """Captions by language, and the folder of their images. An image may have several captions."""

    benchmark: str
    split: str
    by_language: Mapping[str, Sequence[Caption]]
    folder: DataFolder

    def __post_init__(self) -> None:
        """Raise `InvalidRequest` without captions."""
        if not any(self.by_language.values()):
            raise InvalidRequest(
                f"there are no captions of `{self.benchmark}`/{self.split} in `{self.folder.folder}`: it expects "
                f"{self.folder.layout} (see docs/train/evaluate.md)."
            )

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags with captions, sorted."""
        return tuple(sorted(tag for tag, captions in self.by_language.items() if captions))

    def captions(self, language: str) -> Sequence[Caption]:
        """Return all captions of a language, in the order of the file. Raises `InvalidRequest` for a language without captions."""
        if language not in self.languages:
            raise InvalidRequest(
                f"`{self.benchmark}`/{self.split} has nothing in `{language}` here. Available: {', '.join(self.languages)}."
            )
        return self.by_language[language]

    def images(self, language: str) -> dict[str, Path]:
        """Return the files of a language's images by name, in the order of the file. Raises `InvalidRequest` if some are missing."""
        names = list(dict.fromkeys(caption.image for caption in self.captions(language)))
        return dict(zip(names, self.folder.images(names), strict=True))

    def repeated(self, language: str) -> int:
        """Return the number of captions that another image has, too: a text cannot distinguish such images."""
        images = Counter(text for text, _ in {(caption.text, caption.image) for caption in self.captions(language)})
        return sum(images[caption.text] > 1 for caption in self.captions(language))

    def digest(self, language: str) -> str:
        """Return the SHA-256 of all captions of a language and of their images."""
        digests = {name: file_digest(path) for name, path in self.images(language).items()}
        return rows_digest((caption.text, caption.image, digests[caption.image]) for caption in self.captions(language))


def one_caption_each(texts: Sequence[str], names: Sequence[str], path: Path) -> list[Caption]:
    """Return the captions of images that have one each. Raises `InvalidRequest` for an image that is listed twice, or an empty line."""
    places: dict[str, int] = {}
    captions = []
    for number, (text, name) in enumerate(zip(texts, names, strict=True), 1):
        if name in places:
            raise InvalidRequest(
                f"the image `{name}` is listed twice, in lines {places[name]} and {number}: remove one."
            )
        if not text:
            raise InvalidRequest(f"line {number} of `{path.name}` has no caption: fix or remove it.")
        places[name] = number
        captions.append(Caption(text, name))
    return captions
