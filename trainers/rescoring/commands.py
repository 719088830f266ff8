"""`hub rescore` and `hub worker evaluate`. Torch is imported only while something is measured."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import InvalidRequest
from trainers.options import (
    DataPlace,
    Device,
    Guidance,
    JudgeName,
    Steps,
    check_current,
    check_device,
    data_options,
    parse_languages,
    prepare_libraries,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.records import Artifact, Score

GIB = 1 << 30
worker = typer.Typer(
    help="Run background work of a hub beside its server.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@worker.callback()
def _worker() -> None:
    pass


def rescore(
    name: Annotated[str, typer.Argument(help="Artifact whose scores are repeated.")],
    base: Annotated[str, typer.Option(help="Only scores on this base.  [default: all]")] = "",
    split: Annotated[
        list[str] | None, typer.Option(help="Only scores on this split; repeat for several.  [default: all]")
    ] = None,
    lang: Annotated[
        list[str] | None, typer.Option(help="Only scores in this language; repeat for several.  [default: all]")
    ] = None,
    score: Annotated[
        str, typer.Option(help="Only the score with this id, as `hub leaderboard` lists it.  [default: all]")
    ] = "",
    n: Annotated[
        int, typer.Option(min=0, help="Maximum number of prompts per language and split (0 = as claimed).")
    ] = 0,
    data: DataPlace = "",
    judge: JudgeName = "",
    corpus: Annotated[
        str, typer.Option(help="Corpus of the scores, if it has moved.  [default: that of the stored command]")
    ] = "",
    steps: Steps = 0,
    guidance: Guidance = None,
    device: Device = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Repeat the scores of an artifact here, and record them as reproduced.

    The commands in the card's run records are repeated; --data, --judge, --corpus, --steps and --guidance replace their options. A
    score that comes out differently is disputed: its value is outside the interval measured here.
    """
    languages = parse_languages(lang)
    check_current(name)
    check_device(device, takes_index=True)
    from hub.local import LocalHub
    from hub.publish.reproduce import record_reproduced
    from hub.registry.accounts.permissions import Actor
    from trainers.rescoring.measure import measure
    from trainers.rescoring.trials import only_score, record_problems, trials_of

    with LocalHub.open() as hub:
        artifact = hub.registry.get(name)
        if score:
            artifact = only_score(artifact, score)
        trials = trials_of(artifact, hub, languages=languages, splits=split or (), base=base, most=n)
        if not trials:
            raise InvalidRequest(
                f"`{artifact.name}` has no such score that can be repeated: list its scores with `hub show {name}`, or measure "
                f"it with `hub evaluate {name} --push`."
            )
        if not as_json:
            for problem in record_problems(artifact, hub, trials):
                typer.echo(f"hub: {problem}", err=True)
        prepare_libraries()
        choice = data_options(data=data, judge=judge, steps=steps, guidance=guidance, device=device)
        measured: list[Score] = []
        reasons: list[str] = []
        for trial, scores, reason in measure(
            artifact, trials, hub, device=device or None, quiet=as_json, choice=choice, corpus=corpus, follows_commands=True
        ):  # fmt: skip
            if reason:
                reasons.append(reason)
                if not as_json:
                    typer.echo(f"{trial.benchmark}/{trial.split}, {trial.language}: skipped, {reason.rstrip('.')}.")
            measured += scores
        if not measured:
            raise InvalidRequest(f"no score of `{artifact.name}` can be repeated here: {reasons[0].rstrip('.')}.")
        actor = Actor("hub rescore")
        record_reproduced(artifact.name, artifact.revision, measured, hub.registry, hub.store, actor)
    outcomes = list(_outcomes(artifact, measured))
    typer.echo(json.dumps(outcomes, ensure_ascii=False) if as_json else "\n".join(map(_line, outcomes)))


@worker.command()
def evaluate(
    once: Annotated[bool, typer.Option("--once", help="Evaluate the pending artifacts, then exit.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Maximum seconds per artifact.")] = 1800.0,
    memory: Annotated[
        float, typer.Option(min=0, help="Maximum address space per artifact in GiB (0 = no limit, as CUDA needs).")
    ] = 16.0,
    n: Annotated[int, typer.Option(min=1, help="Maximum number of prompts per language and split.")] = 256,
    trials: Annotated[int, typer.Option(min=1, help="Maximum number of languages and splits per artifact.")] = 8,
    pause: Annotated[float, typer.Option(min=0.1, help="Seconds between looking for work.")] = 30.0,
    device: Annotated[str, typer.Option(help="Device, cpu or cuda.")] = "cpu",
) -> None:
    """Repeat the scores of pushed artifacts, and record them as reproduced.

    Needs write access to the registry and the store of the hub. Each artifact is loaded in a separate process, with
    limits and without network tokens.
    """
    check_device(device, takes_index=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    from hub.local import LocalHub
    from trainers.rescoring.evaluate_pushed import Limits, evaluate_pushed

    limits = Limits(timeout_s=timeout, memory_bytes=int(memory * GIB), prompts=n, trials=trials, device=device or "cpu")
    with LocalHub.open() as hub:
        if not once:
            typer.echo("Evaluating pushed artifacts. Stop with Ctrl+C.")
        runs = evaluate_pushed(hub, limits, stopped, pause, once=once)
    typer.echo(f"{runs} evaluation{'s' * (runs != 1)}. Failed ones are in `hub admin outbox`.")


def _outcomes(artifact: Artifact, measured: Iterable[Score]) -> Iterable[dict[str, Any]]:
    """Yield each measured score with the claim, and whether it agrees; null without a claim."""
    from dataclasses import asdict

    from hub.records import Provenance
    from hub.registry.scores.evaluations import agrees
    from hub.registry.scores.rows import question_of

    claims = {question_of(score): score for score in artifact.scores if score.provenance is not Provenance.REPRODUCED}
    for score in measured:
        claim = claims.get(question_of(score))
        yield {
            **asdict(score), "provenance": Provenance.REPRODUCED.value, "claimed": claim and claim.value,
            "agrees": agrees(claim, score) if claim else None,
        }  # fmt: skip


def _line(outcome: dict[str, Any]) -> str:
    from hub.cli.find.format_scores import format_score
    from hub.records import Score

    claimed, agreed = outcome["claimed"], outcome["agrees"]
    text = format_score(Score(**{name: value for name, value in outcome.items() if name in Score.__slots__}))
    if claimed is None:
        return text
    return f"{text}; the card says {claimed:.4g}" + ("" if agreed else ", which is disputed now")
