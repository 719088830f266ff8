"""linguahub: language modules for frozen text-to-image models.

    from hub import load_pipeline
    pipe = load_pipeline("emoji-sd", adapter="mulan-yo")

Importing `hub` imports nothing heavy; `load_pipeline` brings torch and diffusers when it is first touched.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.loader import load_pipeline

__all__ = ["__version__", "load_pipeline"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "load_pipeline":
        from hub.loader import load_pipeline

        return load_pipeline
    raise AttributeError(f"module `hub` has no attribute `{name}`")
