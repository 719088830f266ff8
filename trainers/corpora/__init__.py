"""Open the corpora that modules are trained and evaluated on: texts in many languages, their English meaning, and images.

Other packages add corpora through the entry-point group `hub.corpora`:

    [project.entry-points."hub.corpora"]
    recipes = "my_package.recipes:RecipeCorpus"
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from hub.plugins import load, names
from trainers.corpora.captioned import CaptionedCorpus
from trainers.corpora.columns import Columns
from trainers.corpora.corpus import Corpus

GROUP = "hub.corpora"
CORPORA = {"emoji": "trainers.corpora.emoji:EmojiCorpus"}
"""Name → `module:class` of the bundled corpora."""


def open_corpus(name: str, columns: Columns | None = None, side: int = 64, folder: Path | None = None) -> Corpus:
    """Open the corpus called `name`, or captions from a folder, file or dataset `owner/name`, with images of `side` pixels.

    The index of captions is kept in `folder`, by default that of the caches.

    Raises `UnknownCorpus`, and the errors of `CaptionedCorpus`.
    """
    is_place = "/" in name or Path(name).exists()
    if name in names(GROUP, CORPORA) or not is_place:
        return cast(Corpus, load(GROUP, name, CORPORA)())
    return CaptionedCorpus(name, columns or Columns(), side, folder)
