"""linguahub: language modules for frozen text-to-image models.

    from hub import load_pipeline
    pipe = load_pipeline("emoji-sd", adapter="mulan-yo")

Importing `hub` does not import torch; `load_pipeline`, `load_retriever` and `merge` do so when they are first accessed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.loader.merge_modules import merge
    from hub.loader.pipeline import load_pipeline
    from hub.loader.retriever import load_retriever

__all__ = ["__version__", "load_pipeline", "load_retriever", "merge"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in {"merge", "load_pipeline", "load_retriever"}:
        from hub import loader

        return getattr(loader, name)
    raise AttributeError(f"module `hub` has no attribute `{name}`")
