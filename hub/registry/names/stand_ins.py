"""Find the module that reads a language where `METHOD-LANGUAGE` has no module for a base.

`mulan-yo` is trained for one base. A published module of the same method reads Yoruba, too, on other bases: there it stands in, until
a module of that name is published for the base. One that was trained on Yoruba comes before one that reads it zero-shot. See
docs/internals/names.md.
"""

# ruff: noqa: S608 - only constants are put into SQL here.
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hub.errors import UnknownLanguage
from hub.languages import MULTILINGUAL, covers, language_name, parse_language
from hub.records import Artifact, Query, Score, StandIn
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.index.ranking import UNMEASURED, ranking
from hub.registry.index.tags import CURATED_OWNER
from hub.registry.search.search import find
from hub.scores.metrics import is_control

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_MODULES = 100
"""Maximum number of modules of a method and an owner that are compared."""
MODULES = ("adapter", "projector", "encoder", "delta")
"""Kinds that read prompts."""
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""Names end in tags. Names of languages are not accepted: many words are one, such as `base`."""
_MAX_NAME = 96


def split_name(name: str) -> Iterator[tuple[str, str]]:
    """Yield the methods and languages that a name can consist of: `mulan` and `yo` for `mulan-yo` and `mulan-yor`."""
    for place in (found.start() for found in re.finditer("-", name[: _MAX_NAME + 1])):
        method, tag = name[:place].lower(), name[place + 1 :]
        if len(name) > _MAX_NAME or not method or _TAG.fullmatch(tag) is None:
            continue
        try:
            language = parse_language(tag)
        except UnknownLanguage:
            continue
        if language != MULTILINGUAL:
            yield method, language


def find_stand_ins(
    database: Database, name: str, owner: str, base_names: Sequence[str] = (), readers: tuple[str, ...] | None = None
) -> tuple[StandIn, ...]:
    """Return one stand-in for each base, or only for those in `base_names`, without owner. A base that `name` is made for has none.

    Modules of `owner` come before curated ones; others do not stand in, so that the module of a stranger cannot take a name. Of
    several, the one that was trained on the language comes first, then that with the best score in it, then by name.
    """
    possible = list(split_name(name))
    taken = _bases_of(database, name, owner, readers) if possible else set()
    chosen: dict[str, tuple[tuple[object, ...], StandIn]] = {}
    for method, language in possible:
        for place, each_owner in enumerate(dict.fromkeys((owner, CURATED_OWNER))):
            query = Query(
                method=method, language=language, owner=each_owner, base=base_names[0] if base_names else "",
                limit=MAX_MODULES, scores="best", readers=readers,
            )  # fmt: skip
            for module in find(database, query, base_names=base_names).items:
                if module.kind not in MODULES or not is_published(module):
                    continue
                rank = (place, *_rank(module, language))
                for base in module.bases:
                    key = base.rpartition("/")[2].lower()
                    is_asked = not base_names or key in base_names
                    if is_asked and key not in taken and (key not in chosen or rank < chosen[key][0]):
                        chosen[key] = rank, _stand_in(name, language, base, module)
        if chosen:
            break
    return tuple(found for _, (_, found) in sorted(chosen.items()))


def _bases_of(database: Database, name: str, owner: str, readers: tuple[str, ...] | None) -> set[str]:
    """Return the bases that the modules called `name` are made for, of `owner` and curated ones."""
    condition, values = visibility_condition(readers)
    rows = database.rows(
        "SELECT base_key FROM artifact_bases JOIN artifacts ON artifacts.id = artifact_id "
        f"WHERE bare_key = :key AND owner IN (:owner, :curated) AND (NOT private OR {condition})",
        {"key": name.lower(), "owner": owner, "curated": CURATED_OWNER, **values},
    )
    return {row[0] for row in rows}


def is_multilingual(module: Artifact) -> bool:
    """Return whether a module is made for several languages."""
    return MULTILINGUAL in module.languages or len(module.languages) > 1


def is_published(module: Artifact) -> bool:
    """Return whether the weights of a module are here or upstream."""
    return bool(module.weights_digest or module.upstream)


def reads_zero_shot(languages: Sequence[str], language: str) -> bool:
    """Return whether a module that was trained on `languages` reads `language` without training; False if they are unknown."""
    return bool(languages) and not any(covers(each, language) for each in languages)


def say_zero_shot(trained_languages: Sequence[str], language: str, *, has_score: bool) -> str:
    """Return a text such as `zero-shot: trained on English, no Yoruba score yet`; empty if the module was trained on the language."""
    if not reads_zero_shot(trained_languages, language):
        return ""
    listed = ", ".join(map(language_name, trained_languages))
    return f"zero-shot: trained on {listed}{'' if has_score else f', no {language_name(language)} score yet'}"


def say_stand_in(stand_in: StandIn) -> str:
    """Return one line about a stand-in: the module, and what is known about it in the language."""
    name = language_name(stand_in.language)
    about = say_zero_shot(stand_in.trained_languages, stand_in.language, has_score=stand_in.score is not None)
    if not about:
        trained = next((each for each in stand_in.trained_languages if covers(each, stand_in.language)), "")
        made = f"trained on {language_name(trained)}" if trained else "multilingual"
        about = f"{made}{'' if stand_in.score else f', no {name} score yet'}"
    if (score := stand_in.score) is not None:
        about += f"; {score.metric} {score.value:.3g} in {name}, {score.provenance}"
    return f"{stand_in.module.removeprefix(f'{CURATED_OWNER}/')} ({about})"


def _rank(module: Artifact, language: str) -> tuple[object, ...]:
    languages = module.trained_languages or module.languages
    is_trained = any(covers(each, language) for each in languages)
    scores = [ranking(each, module.languages, module.name.owner) for each in module.scores if _is_about(each, language)]
    return not is_trained, min([UNMEASURED, *scores]), module.name.key


def _stand_in(name: str, language: str, base: str, module: Artifact) -> StandIn:
    score = next((each for each in module.scores if _is_about(each, language) and not is_control(each)), None)
    trained = module.trained_languages or (() if is_multilingual(module) else module.languages)
    return StandIn(
        name=name, language=language, base=base, module=str(module.name), trained_languages=trained, score=score
    )


def _is_about(score: Score, language: str) -> bool:
    """Return whether a score is in the language, or in one that it is a variety of."""
    return bool(score.language) and covers(score.language, language)
