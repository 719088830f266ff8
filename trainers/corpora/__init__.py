"""What modules are trained and judged on: texts in many languages, their English meaning, and images.

Another package adds a corpus through the entry-point group `hub.corpora`:

    [project.entry-points."hub.corpora"]
    recipes = "my_package.recipes:RecipeCorpus"
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from hub.plugins import load, names
from trainers.corpora.captioned import CaptionedCorpus, Columns
from trainers.corpora.corpus import Corpus

GROUP = "hub.corpora"
CORPORA = {"emoji": "trainers.corpora.emoji:EmojiCorpus"}
"""Name → `module:class` of those that come with the project."""


def open_corpus(name: str, columns: Columns | None = None, side: int = 64) -> Corpus:
    """The corpus called `name`; or captioned images of `side` pixels in that folder, file or data set `owner/name`.

    Raises UnknownCorpus with near names.
    """
    is_place = "/" in name or Path(name).exists()
    if name in names(GROUP, CORPORA) or not is_place:
        return cast(Corpus, load(GROUP, name, CORPORA)())
    return CaptionedCorpus(name, columns or Columns(), side)
