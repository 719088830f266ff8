"""What can be said of a file's safety: whether its sort can run code at all. See docs/server-writing.md for what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hub.cards.contents import ARCHIVES, PICKLES, PROGRAMS
from hub.records import File

_MAY_RUN = (*PICKLES, *ARCHIVES, *PROGRAMS)


def file_status(file: File) -> dict[str, Any]:
    """`securityFileStatus` of a tree's entry: `safe` for what cannot run, `unscanned` for what an administrator has allowed."""
    return {"status": "safe" if is_harmless(file) else "unscanned", "avScan": None, "pickleImportScan": None}


def repository_status(files: Iterable[File]) -> dict[str, Any]:
    """`securityRepoStatus` of a repository."""
    doubtful = [{"path": file.path, "level": "unscanned"} for file in files if not is_harmless(file)]
    return {"scansDone": not doubtful, "filesWithIssues": doubtful}


def is_harmless(file: File) -> bool:
    """Whether nothing runs when the file is loaded as what its name says."""
    return not file.path.lower().endswith(_MAY_RUN)
