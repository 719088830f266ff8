"""Compose a frozen base with registered language modules.

from hub.loader import load_pipeline

pipe = load_pipeline("emoji-sd", adapter="mulan-yo")
pipe("aja").images[0]
"""

from hub.errors import MissingExtra
from hub.local import rare_collections

with rare_collections():
    try:
        import diffusers  # noqa: F401 - imported first, so that one error names the extra
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("load", "loading a pipeline") from error

    from hub.loader.merge_modules import merge
    from hub.loader.pipeline import load_pipeline
    from hub.loader.prompts.detection import UndecidedLanguage
    from hub.loader.retriever import Retriever, load_retriever

__all__ = ["Retriever", "UndecidedLanguage", "load_pipeline", "load_retriever", "merge"]
