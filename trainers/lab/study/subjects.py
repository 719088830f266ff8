"""The subjects of the study: baselines, published methods, our recipes, and modules that are in the registry already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FIVE = ("yo", "sw", "hi", "zh", "ar")
"""The headline languages."""
TABLE_LANGUAGES = ("de", "fr", "cs", "ja", "zh")
"""The languages of the paper's retrieval tables, beside English."""
RECIPES = Path(__file__).with_name("recipes")
GROUPS = {
    "baseline": "baselines",
    "published": "methods as published",
    "recipe": "our recipes",
    "bundled": "modules of the registry",
    "experiment": "experiments",
}


@dataclass(frozen=True, slots=True)
class Training:
    """How a subject is trained, as in `hub train`."""

    method: str
    languages: tuple[str, ...] = FIVE
    base: str = ""
    """A dual encoder for retrieval; empty for the study's base."""
    recipe: str = ""
    """Name of a file in `recipes`."""
    sets: tuple[str, ...] = ()
    steps: int | None = None
    """Updates over all phases; None for the study's number."""
    seed: int = 0
    parent: str = ""
    """Subject whose module is trained further."""
    pairs: int | None = None
    """Number of names of the only language that are trained on, without keywords; None for the whole corpus."""
    merged: tuple[str, ...] = ()
    """Subjects whose weights are averaged instead of training."""
    seconds: float = 0.0
    """Processor time that it is expected to take."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One row of the study."""

    name: str
    group: str
    label: str
    method: str = ""
    languages: tuple[str, ...] = FIVE
    """Languages that it was trained for; empty for a module that was trained on English alone."""
    training: Training | None = None
    cards: Mapping[str, str] = field(default_factory=dict)
    """Published module by language; `*` for all languages."""
    reads: bool = False
    """Whether it turns prompts into English text, which the base reads."""
    retrieves: bool = False
    """Whether it finds images instead of generating them."""

    @property
    def spoken(self) -> tuple[str, ...]:
        """Return the headline languages that it is measured in."""
        return tuple(tag for tag in FIVE if tag in self.cards) if self.cards and "*" not in self.cards else FIVE


BASE, ENGLISH, REAL = "base", "english", "real"
BASELINES = (
    Subject(ENGLISH, "baseline", "English prompts, base alone", reads=True),
    Subject(BASE, "baseline", "prompts as they are, base alone", reads=True),
    Subject(
        "translate",
        "baseline",
        "translate, then generate",
        "translate",
        training=Training("translate", seconds=420),
        reads=True,
    ),
    Subject(REAL, "baseline", "real images (upper bound of the judge)"),
)
BUNDLED = (
    Subject("memory-many", "bundled", "memory, five languages", "memory", cards={"*": "memory-many"}, reads=True),
    Subject(
        "memory-own", "bundled", "memory, one per language", "memory", reads=True,
        cards={tag: f"memory-{tag}" for tag in ("yo", "sw", "hi", "ar")},
    ),
    Subject("mulan-own", "bundled", "mulan, one per language", "mulan", cards={tag: f"mulan-{tag}" for tag in ("yo", "sw", "zh")}),
    Subject("mulan-english", "bundled", "mulan, English alone, 4,050 steps", "mulan", (), cards={"*": "mulan"}),
    Subject("pea-many", "bundled", "pea, 5,150 steps", "pea", cards={"*": "pea-many"}),
    Subject("bottleneck-many", "bundled", "bottleneck adapters", "bottleneck", cards={"*": "bottleneck-many"}),
    Subject("prompt-tuning-many", "bundled", "prompt tuning", "prompt-tuning", cards={"*": "prompt-tuning-many"}),
)  # fmt: skip
OURS = (
    Subject("memory", "recipe", "memory of phrases", "memory", training=Training("memory", seconds=110), reads=True),
    Subject(
        "token-kd", "recipe", "token distillation, texts alone", "token-kd", training=Training("token-kd", seconds=130)
    ),
    Subject("pea", "recipe", "pea, after texts", "pea", training=Training("pea", seconds=150)),
    Subject("mulan", "recipe", "mulan, after texts", "mulan", training=Training("mulan", seconds=220)),
    Subject("iap", "recipe", "iap, after texts", "iap", training=Training("iap", seconds=260)),
    Subject(
        "altdiffusion",
        "recipe",
        "altdiffusion, all states",
        "altdiffusion",
        training=Training("altdiffusion", seconds=430),
    ),
    Subject("full", "recipe", "full fine-tuning, after texts", "full", training=Training("full", seconds=500)),
    Subject("lora", "recipe", "lora", "lora", training=Training("lora", seconds=220)),
)
PUBLISHED = (
    Subject("iap-published", "published", "iap", "iap", training=Training("iap", recipe="iap-published", seconds=550)),
    Subject("pea-published", "published", "pea", "pea", training=Training("pea", recipe="pea-published", seconds=430)),
    Subject(
        "altdiffusion-published", "published", "altdiffusion", "altdiffusion",
        training=Training("altdiffusion", recipe="altdiffusion-published", seconds=430),
    ),
    Subject(
        "mulan-published", "published", "mulan, English alone", "mulan", (),
        training=Training("mulan", ("en",), recipe="mulan-published", seconds=960),
    ),
    Subject("full-published", "published", "full fine-tuning", "full", training=Training("full", recipe="full-published", seconds=1400)),
)  # fmt: skip
DUAL = "emoji-clip"
RETRIEVERS = (
    Subject("clip", "baseline", "emoji-clip alone", retrieves=True),
    Subject("clip-translate", "baseline", "translate, then emoji-clip", "translate", retrieves=True),
    Subject("clip-memory", "bundled", "memory, then emoji-clip", "memory", cards={"*": "memory-many"}, retrieves=True),
    Subject("mclip", "published", "mclip, English alone", "mclip", (), training=Training("mclip", base=DUAL, seconds=120), retrieves=True),
    Subject("mclip-plus", "published", "mclip+", "mclip+", training=Training("mclip+", base=DUAL, seconds=160), retrieves=True),
    Subject(
        "mclip-plus-tables", "published", "mclip+, languages of the tables", "mclip+", TABLE_LANGUAGES,
        training=Training("mclip+", TABLE_LANGUAGES, base=DUAL, seconds=160), retrieves=True,
    ),
)  # fmt: skip
