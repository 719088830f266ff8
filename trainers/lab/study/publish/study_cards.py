"""Write the study's scores into the cards of what it measured, and a card without weights for each module that it trained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hub.cards import Card, read_card, write_card
from hub.errors import DamagedFile, InvalidRequest
from hub.names import ArtifactName
from hub.records import Score
from hub.registry import CURATED_OWNER
from hub.weights.digest import digest_of
from trainers import defaults
from trainers.corpora import open_corpus
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
from trainers.lab.models.cards import LAB
from trainers.lab.study.cells import WorkFolder
from trainers.lab.study.plan import Settings, make_plan
from trainers.lab.study.publish.cell_scores import IMAGES, CellScores, Origin
from trainers.lab.study.report.measured import Measured
from trainers.lab.study.subjects import (
    BASE,
    BASELINES,
    BUNDLED,
    DUAL,
    ENGLISH,
    GROUPS,
    OURS,
    PUBLISHED,
    RECIPES,
    RETRIEVERS,
    Subject,
)
from trainers.lab.study.training import artifact

PREFIX = "study-"
"""Before the name of a subject that the study trained, in the name of its card."""
_COMMAND = re.compile(r"^    (hub train .+)$", re.MULTILINE)


def publish_scores(work: WorkFolder, cards: Path, code: str = "") -> dict[Path, int]:
    """Write the scores of the cells in `work` into the cards below `cards`, and return the number of scores of each card.

    Scores that were published before are replaced; all others stay. `code` is the revision of the code that measured. With
    a part of the cells, only their scores are written.

    Raises `InvalidRequest` for a folder without a study, a trial, or one on other data, and `DamagedFile` for a broken cell.
    """
    written = work.settings()
    corpus = open_corpus(defaults.CORPUS)
    if written["corpus"] != corpus.digest:
        raise InvalidRequest(
            f"`{work.folder}` holds a study on other data ({written['corpus'][:12]}) than this corpus "
            f"({corpus.digest[:12]}): publish it with the version that measured it."
        )
    settings = Settings.from_json({key: value for key, value in written.items() if key != "corpus"})
    planned = {each.cell.key for each in make_plan(settings, corpus.languages, HELD_OUT_LANGUAGES)}
    measured = Measured(each for each in work.results() if each.cell.key in planned)
    known = CellScores(measured, settings, corpus.digest, code)
    counts: dict[Path, int] = {}
    for folder, scores in (*_bundled(known, settings, cards), *_retrieving(known, cards)):
        if scores:
            _replace_scores(folder, scores)
            counts[folder] = len(scores)
    trained = [each for each in (*BASELINES, *PUBLISHED, *OURS, *RETRIEVERS) if each.training is not None]
    for subject in trained:
        origin = Origin(PREFIX + subject.name, _digest(artifact(subject.name, work)), can_load=False)
        own = known.of_retrieval if subject.retrieves else known.of_images
        scores = [*own(subject, origin), *known.of_training(subject, origin)]
        if not measured.find("train", subject.name) or not scores:
            continue
        folder = cards / "adapters" / origin.artifact
        _write_trained(folder, subject, work, scores)
        counts[folder] = len(scores)
    return counts


def _bundled(known: CellScores, settings: Settings, cards: Path) -> Iterator[tuple[Path, list[Score]]]:
    """Yield the cards of the base and of the registry's modules with their scores."""
    by_name = {each.name: each for each in BASELINES}
    folder = cards / "bases" / settings.base
    origin = Origin(folder.name, _digest(folder), can_load=True)
    yield folder, [score for name in (BASE, ENGLISH) for score in known.of_images(by_name[name], origin)]
    for subject in BUNDLED:
        first = next(iter(subject.cards), "")
        for tag, name in subject.cards.items():
            folder = cards / "adapters" / name
            origin = Origin(name, _digest(folder), can_load=True)
            # English goes through the first of several modules: see `Opened.pipeline`.
            languages = None if tag == "*" else (tag, "en") if tag == first else (tag,)
            yield folder, [*known.of_images(subject, origin, languages)]


def _retrieving(known: CellScores, cards: Path) -> Iterator[tuple[Path, list[Score]]]:
    folder = cards / "encoders" / DUAL
    alone = next(each for each in RETRIEVERS if not each.method)
    yield folder, [*known.of_retrieval(alone, Origin(DUAL, _digest(folder), can_load=True))]


def _digest(folder: Path) -> str:
    return digest_of(folder) if folder.is_dir() else ""


def _replace_scores(folder: Path, scores: list[Score]) -> None:
    """Write scores into a card that exists, instead of those of the same questions and of an earlier study."""
    card = read_card(folder, ArtifactName(CURATED_OWNER, folder.name))
    write_card(replace(card, scores=tuple(_merge(card.scores, scores))), folder)


def _merge(old: tuple[Score, ...], new: list[Score]) -> list[Score]:
    asked = {_question(each) for each in new}
    kept = [
        each for each in old
        if _question(each) not in asked and not each.source.startswith("hub study ") and each.benchmark != IMAGES
    ]  # fmt: skip
    return [*kept, *new]


def _question(score: Score) -> tuple[object, ...]:
    return score.metric, score.benchmark, score.split, score.language, score.base, score.sample_size, score.seed


def _write_trained(folder: Path, subject: Subject, work: WorkFolder, scores: list[Score]) -> None:
    """Write the card of a module that the study trained, from the card in the work folder. Raises `DamagedFile` without that."""
    source = artifact(subject.name, work)
    if not (source / "README.md").is_file():
        raise DamagedFile(f"`{source}` has no card: train it again with `hub study --only train/{subject.name}`.")
    name = ArtifactName(CURATED_OWNER, folder.name)
    trained: Card = read_card(source, name)
    known: tuple[Score, ...] = read_card(folder, name).scores if (folder / "README.md").is_file() else ()
    card = replace(
        trained,
        summary=f"{subject.label[:1].upper()}{subject.label[1:]} ({GROUPS[subject.group]}), as the study trained it. {trained.summary}",
        bases=trained.bases or ((DUAL,) if subject.retrieves else ()),
        tags=(*trained.tags, "lab", "study"),
        scores=tuple(_merge(known, scores)),
        prose=_prose(folder.name, subject, trained.prose, source),
    )
    write_card(card, folder)


def _prose(name: str, subject: Subject, trained: str, source: Path) -> str:
    found = _COMMAND.search(trained)
    if found is None:
        raise DamagedFile(
            f"the card in `{source}` does not say how it was trained: remove the folder, and train it again."
        )
    command = found[1]
    if subject.training is not None and subject.training.recipe:
        file = f"{subject.training.recipe}.yaml"
        command = command.replace(f"--recipe {file}", f"--recipe {(RECIPES / file).relative_to(RECIPES.parents[3])}")
    story = trained.partition("## Training\n")[2].partition("\n    hub train")[0].strip()
    return f"""# {name}

{subject.label[:1].upper()}{subject.label[1:]} ({GROUPS[subject.group]}): a module of the study (`docs/study`), which trains
all methods with the same data and number of updates.

{LAB}

## Training

{story}

    {command}

The weights are not published. The command trains them again; `hub study --only 'train/{subject.name}'` does so in the study's work folder.

## Scores

All are in the front matter: `hub show {name} --scores`. Images have 8 denoising steps, so they are on a benchmark of their own,
`{IMAGES}`, and are not ranked with images of 20 steps."""
