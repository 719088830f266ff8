"""The parity map on each database: the best parity of each cell, of one trial at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.names import ArtifactName
from hub.records import Provenance
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from hub.registry.scores.parity_map import ParityQuery, parity_map
from hub.registry.scores.scores import dispute, published_scores
from tests.builders.artifacts import a_score
from tests.builders.filled import filled_registry
from tests.builders.registry import a_revision, an_artifact, fill

METRIC = "r_precision_at_1"


def measured(value, english=0.8, raw=0.1, **changes):
    """Return the scores of a module, of the base alone and of the base in English."""
    return (
        a_score(value, **changes),
        a_score(raw, metric=f"base_alone_{METRIC}", **changes),
        a_score(english, metric=f"english_base_{METRIC}", **changes),
    )


def _fill(registry):
    """Modules for two languages, a translator, and a better one of a stranger."""
    fill(
        registry,
        an_artifact("linguahub/good", scores=measured(0.6)),
        an_artifact("linguahub/better", languages=("yo", "sw"), scores=(*measured(0.7), *measured(0.4, language="sw"))),
        an_artifact("linguahub/translator", method="translate", scores=measured(0.3, raw=0.2, sample_size=32)),
        an_artifact("eve/claims", scores=measured(0.8)),
        reproduced=False,
    )


shelf, own_shelf = filled_registry(_fill)


def cells(registry, **asked):
    found = parity_map(registry.database, ParityQuery(**{"base": "emoji-sd", "readers": (), **asked}))
    return {(each.language, str(each.source)): (each.artifact.name, round(each.value, 3)) for each in found.entries}


BEST = {
    ("sw", "module"): ("better", 0.5), ("sw", "raw"): ("better", 0.125), ("yo", "module"): ("better", 0.875),
    ("yo", "raw"): ("good", 0.125), ("yo", "translated"): ("translator", 0.375),
}  # fmt: skip


def test_each_cell_has_the_best_parity_that_comes_with_linguahub(shelf):
    assert cells(shelf) == BEST
    assert cells(shelf, languages=("sw",)) == {each: found for each, found in BEST.items() if each[0] == "sw"}
    assert cells(shelf, base="sdxl") == {}


def test_a_reproduced_parity_comes_before_a_better_claim(own_shelf):
    fill(own_shelf, an_artifact("ada/honest", scores=measured(0.2)))
    assert cells(own_shelf)["yo", "module"] == ("honest", 0.25)


def test_other_data_makes_another_map(own_shelf):
    fill(
        own_shelf,
        an_artifact("linguahub/elsewhere", scores=measured(0.79, benchmark_digest="e" * 64)),
        reproduced=False,
    )
    assert cells(own_shelf) == BEST
    found = parity_map(own_shelf.database, ParityQuery(base="emoji-sd"))
    assert found.trial.benchmark_digest == "d" * 64
    assert [each.benchmark_digest for each in found.others] == ["e" * 64]
    assert cells(own_shelf, split="pairs") == {}


def test_a_private_module_is_seen_by_its_readers_alone(own_shelf):
    change_settings(own_shelf.database, ArtifactName("linguahub", "better"), Actor("test"), private=True)
    assert ("sw", "module") not in cells(own_shelf)
    assert cells(own_shelf)["yo", "module"] == ("good", 0.75)
    assert cells(own_shelf, readers=("linguahub",)) == BEST


def test_a_disputed_score_and_a_deleted_module_leave_the_map(own_shelf):
    name = ArtifactName("linguahub", "better")
    (claim,) = (each for each in published_scores(own_shelf.database, name) if each.score.value == 0.7)
    dispute(own_shelf.database, name, claim.id, "it was trained on the test set", Actor("ada"))
    assert cells(own_shelf)["yo", "module"] == ("good", 0.75)
    own_shelf.remove(ArtifactName("linguahub", "good"))
    assert cells(own_shelf)["yo", "module"] == ("claims", 1.0)
    assert own_shelf.database.rows("SELECT count(*) FROM parities")[0][0] == 5 + 2


def test_a_cell_names_the_score_that_has_its_run_record(own_shelf):
    found = parity_map(own_shelf.database, ParityQuery(base="emoji-sd", languages=("yo",)))
    entry = next(each for each in found.entries if each.source == "module")
    assert (entry.provenance, entry.english, entry.at) == (Provenance.SELF_REPORTED, 0.8, None)
    assert entry.id in {each.id for each in published_scores(own_shelf.database, entry.artifact)}


@pytest.mark.parametrize("registry", ["sqlite"], indirect=True)  # PostgreSQL counts no steps.
def test_the_cost_depends_on_the_cells_and_not_on_the_modules(registry):
    """Counted in steps of SQLite's virtual machine: ten times the modules cost the same."""

    def steps():
        connection, counted = registry.database._connection(), [0]
        connection.set_progress_handler(lambda: counted.__setitem__(0, counted[0] + 1), 100)
        assert len(cells(registry)) == 2
        connection.set_progress_handler(None, 0)
        return counted[0]

    registry.record_new([entry(number) for number in range(20)])
    few = steps()
    registry.record_new([entry(number) for number in range(20, 220)])
    assert steps() <= few * 1.5 + 5


def entry(number):
    artifact = an_artifact(f"linguahub/m{number}", scores=measured(0.5))
    return artifact, replace(a_revision(str(artifact.name)), id=f"{number:064x}")
