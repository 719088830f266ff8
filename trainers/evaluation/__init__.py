"""Load benchmarks by name. Other packages add benchmarks through the entry-point group `hub.benchmarks`.

[project.entry-points."hub.benchmarks"]
my-benchmark = "my_package.my_benchmark:MyBenchmark"  # called without arguments, returns a Benchmark or a DataBenchmark
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hub.errors import UnknownBenchmark
from hub.plugins import load, names

if TYPE_CHECKING:
    from trainers.evaluation.evaluator import Benchmark, DataBenchmark

GROUP = "hub.benchmarks"
_PROMPTS, _CAPTIONS = "trainers.evaluation.prompts.formats", "trainers.evaluation.captions.formats"
BENCHMARKS = {
    "emoji-generation": "trainers.evaluation.generation:GenerationEvaluator",
    "emoji-generation-8-steps": "trainers.evaluation.generation:FewStepsEvaluator",
    "emoji-retrieval": "trainers.evaluation.retrieval:RetrievalEvaluator",
    "emoji-retrieval-mclip": "trainers.evaluation.recall:MclipProtocolEvaluator",
    "efficiency": "trainers.evaluation.efficiency.efficiency:Efficiency",
    "corpus-prompts": "trainers.evaluation.prompts.corpus_prompts:CorpusPrompts",
    "mg-18": f"{_PROMPTS}.mg18:Mg18",
    "mc-18": f"{_PROMPTS}.mc18:Mc18",
    "lingt2i": f"{_PROMPTS}.lingt2i:LingT2I",
    "m-geneval-prompts": f"{_PROMPTS}.m_geneval:MGenEvalPrompts",
    "coco-crola": f"{_PROMPTS}.coco_crola:CocoCroLa",
    "multi30k": f"{_CAPTIONS}.multi30k:Multi30K",
    "multi30k-mclip": f"{_CAPTIONS}.multi30k:Multi30KMclip",
    "mscoco": f"{_CAPTIONS}.mscoco:MsCoco",
    "mscoco-mclip": f"{_CAPTIONS}.mscoco:MsCocoMclip",
    "xtd10": f"{_CAPTIONS}.xtd10:Xtd10",
    "xtd10-mclip": f"{_CAPTIONS}.xtd10:Xtd10Mclip",
    "crossmodal-3600": f"{_CAPTIONS}.crossmodal3600:Crossmodal3600",
    "crossmodal-3600-mclip": f"{_CAPTIONS}.crossmodal3600:Crossmodal3600Mclip",
    "xflickrco": f"{_CAPTIONS}.xflickrco:XFlickrCO",
    "xflickrco-mclip": f"{_CAPTIONS}.xflickrco:XFlickrCOMclip",
    "flickr30k-200": f"{_CAPTIONS}.flickr30k_200:Flickr30k200",
    "flickr30k-200-mclip": f"{_CAPTIONS}.flickr30k_200:Flickr30k200Mclip",
}
"""Name → `module:class` of the bundled benchmarks."""


def check_benchmark(name: str) -> None:
    """Raise `UnknownBenchmark`, which names those that exist, unless there is a benchmark called `name`. Nothing is imported."""
    known = names(GROUP, BENCHMARKS)
    if name not in known:
        raise UnknownBenchmark(name, known, more=f" Available: {', '.join(known)}.")


def get_benchmark(name: str) -> Benchmark | DataBenchmark:
    """Return a new benchmark called `name`. Raises `UnknownBenchmark`."""
    check_benchmark(name)
    return cast("Benchmark | DataBenchmark", load(GROUP, name, BENCHMARKS)())
