"""Operations on reports, hidden artifacts and blocked files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import MAX_LINES, Line, Operation, check_limit
from hub.errors import UnknownFile
from hub.names import Digest
from hub.registry.artifacts.files import find_files, paths_near
from hub.registry.moderation.blocked_files import BlockedFile, block_file, blocked_files, unblock_file
from hub.registry.moderation.hidden_artifacts import HiddenArtifact, hidden_artifacts, hide_artifact, show_artifact
from hub.registry.moderation.reports import STATES, Report, answer_report, find_reports

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_Reason = Annotated[str, {"description": "Reason, shown to the owner and the other administrators.", "maxLength": 500}]
_Limit = Annotated[int, {"minimum": 1, "maximum": MAX_LINES}]


@dataclass(frozen=True, slots=True)
class Shown:
    """An artifact that is not hidden."""

    name: str


@dataclass(frozen=True, slots=True)
class Unblocked:
    """A file that is not blocked."""

    digest: str


class ListReports(Operation[list[Report]]):
    """List the reports about artifacts, newest first."""

    path, errors = "/admin/reports", ()
    state: Annotated[str, {"description": "Empty for all.", "enum": ["", *STATES]}] = ""
    limit: _Limit = 100

    def run(self, hub: LocalHub, actor: Actor) -> list[Report]:
        check_limit(self.limit)
        return find_reports(hub.registry.database, state=self.state, limit=self.limit)


class AnswerReport(Operation[Report]):
    """Close a report, or open it again, with an answer for the reporter."""

    method, path = "PUT", "/admin/reports/{number}"
    number: int
    state: Annotated[str, {"enum": list(STATES)}]
    answer: Annotated[str, {"maxLength": 4000}] = ""

    def run(self, hub: LocalHub, actor: Actor) -> Report:
        return answer_report(hub.registry.database, self.number, self.state, self.answer, actor)


class ListHiddenArtifacts(Operation[list[HiddenArtifact]]):
    """List the artifacts that administrators have hidden, newest first."""

    path, errors = "/admin/hidden-artifacts", ()
    limit: _Limit = 100

    def run(self, hub: LocalHub, actor: Actor) -> list[HiddenArtifact]:
        check_limit(self.limit)
        return hidden_artifacts(hub.registry.database, self.limit)


class HideArtifact(Operation[HiddenArtifact]):
    """Hide an artifact, `owner%2Fname`: only its owner and administrators see it, and its owner cannot make it public."""

    method, path = "PUT", "/admin/hidden-artifacts/{name}"
    name: str
    reason: _Reason

    def run(self, hub: LocalHub, actor: Actor) -> HiddenArtifact:
        from hub.publish.publish import drain_outbox

        found = hub.registry.repository(self.name)
        hide_artifact(hub.registry.database, found.name, self.reason, actor)
        drain_outbox(hub.registry, hub.store)
        return next(each for each in hidden_artifacts(hub.registry.database) if each.artifact == str(found.name))


class ShowArtifact(Operation[Shown]):
    """Show a hidden artifact, `owner%2Fname`, again, as visible as it was before."""

    method, path = "DELETE", "/admin/hidden-artifacts/{name}"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> Shown:
        from hub.publish.publish import drain_outbox

        found = hub.registry.repository(self.name)
        show_artifact(hub.registry.database, found.name, actor)
        drain_outbox(hub.registry, hub.store)
        return Shown(str(found.name))


class ListBlockedFiles(Operation[list[BlockedFile]]):
    """List the files that administrators have blocked, newest first."""

    path, errors = "/admin/blocked-files", ()
    limit: _Limit = 100

    def run(self, hub: LocalHub, actor: Actor) -> list[BlockedFile]:
        check_limit(self.limit)
        return blocked_files(hub.registry.database, self.limit)


class BlockFile(Operation[BlockedFile]):
    """Block a file of an artifact: its bytes are not served, whatever contains them."""

    method, path = "POST", "/admin/blocked-files"
    artifact: Annotated[Line, {"description": "`owner/name`."}]
    file: Annotated[str, {"description": "Path in the artifact.", "maxLength": 1024}]
    reason: _Reason
    revision: Line = "main"

    def run(self, hub: LocalHub, actor: Actor) -> BlockedFile:
        database, path = hub.registry.database, self.file
        found = hub.registry.revision(hub.registry.repository(self.artifact).name, self.revision, with_files=False)
        file = find_files(database, found.id, [path]).get(path)
        if file is None:
            raise UnknownFile(path, paths_near(database, found.id, path), listing=f"hub show {self.artifact} --files")
        block_file(database, file.digest, path, self.reason, actor)
        return next(each for each in blocked_files(database) if each.digest == file.digest.hex)


class UnblockFile(Operation[Unblocked]):
    """Serve a blocked file again."""

    method, path, errors = "DELETE", "/admin/blocked-files/{digest}", ()
    digest: str

    def run(self, hub: LocalHub, actor: Actor) -> Unblocked:
        unblock_file(hub.registry.database, Digest(self.digest), actor)
        return Unblocked(self.digest)


OPERATIONS = (
    ListReports,
    AnswerReport,
    ListHiddenArtifacts,
    HideArtifact,
    ShowArtifact,
    ListBlockedFiles,
    BlockFile,
    UnblockFile,
)
