"""`hub evaluate`. Torch is imported only when the command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainers import defaults
from trainers.evaluation import BENCHMARKS, check_benchmark
from trainers.options import (
    CaptionColumns,
    DataPlace,
    Device,
    Guidance,
    HeldOutShare,
    ImageColumn,
    JudgeName,
    Steps,
    check_current,
    check_device,
    check_engine,
    check_names,
    data_options,
    parse_languages,
    prepare_libraries,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.records import Score

_LISTED = ", ".join(name for name in BENCHMARKS if not name.endswith("-mclip"))


def evaluate(
    name: Annotated[str, typer.Argument(help="Base, module or encoder to evaluate.")],
    base: Annotated[str, typer.Option(help="Base to evaluate a module on.  [default: its first base]")] = "",
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Benchmark: {_LISTED}; retrieval also with -mclip, for mCLIP's protocol; repeat for several.  [default: by kind]"
        ),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="Split: seen, pairs, languages, held-out, combinations or validation of the lab; seen or held-out of your own images; "
            "those of published benchmarks; repeat for several.  [default: seen; a published one's first]"
        ),
    ] = None,
    lang: Annotated[
        list[str] | None,
        typer.Option(help="Language of the prompts; repeat for several.  [default: the artifact's languages]"),
    ] = None,
    data: DataPlace = "",
    judge: JudgeName = "",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric of published prompts: r_precision, clip_score, parity, english_drop, fid, kid, text_accuracy or "
            "culture_score; repeat for several.  [default: all that are possible]"
        ),
    ] = None,
    corpus: Annotated[
        str, typer.Option(help="Corpus of the lab's benchmarks and of corpus-prompts.")
    ] = defaults.CORPUS,
    image_column: ImageColumn = "",
    caption_column: CaptionColumns = None,
    held_out_share: HeldOutShare = defaults.HELD_OUT_SHARE,
    n: Annotated[
        int | None,
        typer.Option(min=0, help="Prompts per language and split (0 = all).  [default: 256; published retrieval: all]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed for choosing prompts and noise.")] = 0,
    steps: Steps = 0,
    guidance: Guidance = None,
    force: Annotated[bool, typer.Option("--force", help="Compute FID of too few images; the metric says so.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Folder in which the images of published prompts are kept.")] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(min=0, help="Price of one device in dollars per hour, for the costs of efficiency.")
    ] = None,
    translator: Annotated[
        str, typer.Option(help="Module that translates prompts to English, whose latency efficiency compares.")
    ] = "",
    device: Device = "",
    engine: Annotated[
        str,
        typer.Option(
            help="`local`: this process, or all those of `accelerate launch`; `ray`: workers of a Ray cluster."
        ),
    ] = "local",
    push: Annotated[bool, typer.Option("--push", help="Publish the scores in the artifact's card.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Evaluate a base, a module or an encoder.

    Published benchmarks need --data, and those that generate images need --judge.
    """
    languages = parse_languages(lang)
    check_current(name)
    check_device(device, takes_index=True)
    check_engine(engine)
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        artifact = hub.registry.get(name)
        check_names(hub, base=base)
        for each in benchmark or []:
            check_benchmark(each)
        prepare_libraries()
        from trainers.corpora.columns import Columns
        from trainers.evaluation.evaluate import evaluate_artifact
        from trainers.evaluation.results.result_log import ResultLogs
        from trainers.loop.distributed import close_process_group, join_processes, process_place
        from trainers.publish_module import publish_scores

        columns = Columns.parse(image_column, caption_column or [], held_out_share)
        device = join_processes(device)
        choice = data_options(
            data=data,
            judge=judge,
            steps=steps,
            guidance=guidance,
            device=device,
            metrics=metric or (),
            force=force,
            keep=keep,
            price_per_hour=price_per_hour,
            translator=translator,
            base=base,
        )
        logs, is_first = ResultLogs(hub.home.caches), process_place()[0] == 0
        wanted: dict[str, Any] = {
            "base": base, "benchmarks": tuple(benchmark or ()), "splits": tuple(split or ()), "languages": languages, "corpus": corpus,
            "columns": columns, "count": n, "seed": seed, "device": device or None, "quiet": as_json or not is_first, "logs": logs,
            "choice": choice,
        }  # fmt: skip
        if engine == "ray":
            from trainers.evaluation.cluster.evaluate_with_ray import evaluate_with_ray

            scores = evaluate_with_ray(artifact, hub, **wanted)
        else:
            scores = evaluate_artifact(artifact, hub, **wanted)
        if push and is_first:
            revision = publish_scores(artifact, scores, hub)
            if not as_json:
                typer.echo(f"{artifact.name}: published as revision {revision.id[:12]}.")
        close_process_group()
        logs.remove()
    if not is_first:
        return
    if as_json:
        from hub.cli.find.format_scores import as_json as score_as_json

        typer.echo(json.dumps([score_as_json(score) for score in scores], ensure_ascii=False))
    else:
        print_scores(scores)


def print_scores(scores: Sequence[Score]) -> None:
    """Print one line per score."""
    from hub.cli.find.format_scores import format_score

    for score in scores:
        typer.echo(format_score(score))
