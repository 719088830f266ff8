"""The prompts of a published benchmark's split, in all of its languages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from hub.errors import InvalidRequest
from trainers.corpora.corpus import Prompt
from trainers.evaluation.data_folder import DataFolder, duplicate_in, file_digest, rows_digest
from trainers.evaluation.prompts.clip_judge import ClipJudge
from trainers.loop.sampler import seed_of


@dataclass(frozen=True, slots=True)
class BenchmarkPrompt(Prompt):
    """A prompt, with what its image can be compared to. Prompts of the same concept have the same noise in every language."""

    image: str = ""
    """File name of the reference image; empty if there is none."""
    written: str = ""
    """Text that the image should show; empty if none is requested."""


class Prompts(ABC):
    """The prompts of a split in all languages, with their reference images if there are any."""

    benchmark: str
    split: str
    has_references: bool
    notes: Mapping[str, str]
    """By language: what was left out, for the user."""

    @property
    @abstractmethod
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags with prompts, sorted."""

    @abstractmethod
    def _all(self, language: str) -> Sequence[BenchmarkPrompt]:
        """Return all prompts of one of `languages`."""

    @abstractmethod
    def reference_features(self, prompts: Sequence[BenchmarkPrompt], judge: ClipJudge) -> Tensor:
        """Return the judge's features (N, D) of the prompts' reference images. Raises `InvalidRequest`, `DamagedFile`."""

    @abstractmethod
    def digest(self, language: str) -> str:
        """Return the SHA-256 of everything that is read for a language."""

    def prompts(self, language: str) -> Sequence[BenchmarkPrompt]:
        """Return all prompts of a language, in a fixed order. Raises `InvalidRequest` for a language without prompts."""
        if language not in self.languages:
            raise InvalidRequest(
                f"`{self.benchmark}`/{self.split} has nothing in `{language}` here. Available: {', '.join(self.languages)}."
            )
        return self._all(language)

    def sample(self, language: str, count: int, seed: int) -> list[BenchmarkPrompt]:
        """Return at most `count` prompts, chosen by (seed, concept) alone, so that languages share their concepts; 0 means all."""
        order = sorted(self.prompts(language), key=lambda prompt: seed_of(seed, "prompts", prompt.concept))
        return order[:count] if count else order


@dataclass(frozen=True)
class PromptSet(Prompts):
    """Prompts that were read from files, and the folder of their reference images."""

    benchmark: str
    split: str
    by_language: Mapping[str, Sequence[BenchmarkPrompt]]
    folder: DataFolder
    has_references: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `InvalidRequest` without prompts, or if a language has two prompts of one concept."""
        if not any(self.by_language.values()):
            raise InvalidRequest(
                f"there are no prompts of `{self.benchmark}`/{self.split} in `{self.folder.folder}`: it expects {self.folder.layout} "
                "(see docs/train/evaluate.md)."
            )
        for language, prompts in self.by_language.items():
            if twice := duplicate_in([prompt.concept for prompt in prompts]):
                raise InvalidRequest(
                    f"`{self.benchmark}`/{self.split} has two prompts in `{language}` for `{twice}`: remove one of them."
                )

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags with prompts, sorted."""
        return tuple(sorted(tag for tag, prompts in self.by_language.items() if prompts))

    def _all(self, language: str) -> Sequence[BenchmarkPrompt]:
        return self.by_language[language]

    def references(self, prompts: Sequence[BenchmarkPrompt]) -> list[Path]:
        """Return the files of the prompts' reference images. Raises `InvalidRequest` if some are missing."""
        return self.folder.images([prompt.image for prompt in prompts])

    def reference_features(self, prompts: Sequence[BenchmarkPrompt], judge: ClipJudge) -> Tensor:
        """Return the judge's features (N, D) of the prompts' reference images. Raises `InvalidRequest`, `DamagedFile`."""
        return judge.files(self.references(prompts))

    def digest(self, language: str) -> str:
        """Return the SHA-256 of all prompts of a language, and of their reference images."""
        prompts = self.prompts(language)
        images = map(file_digest, self.references(prompts)) if self.has_references else [""] * len(prompts)
        return rows_digest(
            (prompt.concept, prompt.text, prompt.meaning, prompt.written, image)
            for prompt, image in zip(prompts, images, strict=True)
        )
