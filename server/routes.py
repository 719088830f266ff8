"""Every route of the core server, in matching order: specific ones come before general ones.

`server.app` puts the routes of optional parts between SPECIFIC and GENERAL. FastAPI adds `server.openapi.document.ADDRESS`, and
`/static` is a folder.

`{repository}` is `owner/name` or a bare `name`, `{collection}` is models or datasets: see `server.http.routing`. Within a group,
routes without a parameter after the repository come first, those with a whole path after it later: a path that fits two rows then
means the full name, `a/tree/refs` the refs of `a/tree`. The bare repository comes last.
"""

from __future__ import annotations

from functools import partial

from hub.registry.artifacts.aliases import Alias
from server.api import audit, health, languages, search
from server.api.artifacts import advice, artifacts, compatible, leaderboard, revisions, scores, security
from server.http.response_bodies import SearchBody, promised
from server.http.routing import Address, below
from server.http.search_parameters import PARAMETERS
from server.metering import MEDIA_TYPE
from server.openapi.document import documented
from server.pages import access_request, login, settings
from server.pages.artifact import show_artifact
from server.pages.browse import browse
from server.protocol.accounts import access_requests, likes, whoami
from server.protocol.read import paths, safetensors_metadata, tags_by_type, usage
from server.protocol.read.listing import list_repositories
from server.protocol.read.repository import describe_repository
from server.protocol.read.resolve import resolve_file
from server.protocol.read.tree import list_tree
from server.protocol.transfer import lfs, lfs_objects, xet
from server.protocol.write import (
    branches,
    commits,
    duplicates,
    large_files,
    preupload,
    repositories,
    unsupported,
    validate_card,
)

_search = partial(documented, tag="search")
_artifacts = partial(documented, tag="artifacts", errors=(404,), moves=True)
_scores = partial(documented, tag="scores", errors=(404,), moves=True)
_choose = partial(documented, tag="choose")
_operate = partial(documented, tag="operate")
_ONE = "/artifacts/{owner}/{name}"
_REVISION = _ONE + "/revisions/{revision}"

_CURSOR = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "description": "Cursor of the previous page, with its other parameters unchanged.",
    "schema": {"type": "string", "maxLength": 1000},
}

OWN_API = (
    _search("GET", "/search", search.search_artifacts, SearchBody, errors=(404,), parameters=[*PARAMETERS, _CURSOR]),
    _search("GET", "/languages", languages.get_languages, languages.LanguagesBody),
    _search("GET", "/bases", languages.get_bases, languages.BasesBody),
    _artifacts("GET", _ONE, artifacts.get_artifact, artifacts.WholeArtifactBody),
    _artifacts("GET", "/artifacts/{name}", artifacts.find_artifact, None, status=307),
    _artifacts("GET", _ONE + "/downloads", artifacts.get_downloads, artifacts.DownloadsBody),
    _artifacts("GET", _ONE + "/revisions", revisions.get_revisions, revisions.RevisionsBody),
    _artifacts("GET", _REVISION, revisions.get_revision, artifacts.ShownRevisionBody),
    _artifacts("GET", _REVISION + "/tensors", artifacts.get_tensors, artifacts.TensorsBody),
    _artifacts("GET", _REVISION + "/manifest", revisions.get_manifest, revisions.ManifestBody),
    _artifacts("POST", _REVISION + "/yank", revisions.yank_revision, artifacts.ShownRevisionBody, login=True),
    _artifacts("DELETE", _REVISION + "/yank", revisions.unyank_revision, artifacts.ShownRevisionBody, login=True),
    _artifacts("GET", _ONE + "/diff", revisions.get_difference, revisions.DiffBody),
    _artifacts("GET", _ONE + "/aliases", revisions.get_aliases, revisions.AliasesBody),
    _artifacts("PUT", _ONE + "/aliases/{alias}", revisions.put_alias, promised(Alias), login=True),
    _artifacts("DELETE", _ONE + "/aliases/{alias}", revisions.remove_alias, revisions.AliasesBody, login=True),
    _scores("GET", _ONE + "/scores", scores.get_scores, scores.ScoresBody),
    _scores("POST", _ONE + "/scores", scores.post_score, promised(scores.StatementBody), login=True, status=201),
    _scores(
        "POST", _ONE + "/scores/{score}/disputes", scores.post_dispute, promised(scores.StatementBody), login=True, status=201,
        errors=(404, 409),
    ),
    documented("GET", "/leaderboard", leaderboard.get_leaderboard, leaderboard.LeaderboardBody, tag="scores"),
    _artifacts("GET", _ONE + "/security", security.get_security, security.SecurityBody),
    _choose("GET", "/compare", leaderboard.compare_artifacts, leaderboard.CompareBody, errors=(404,), moves=True),
    _choose("GET", "/advice", advice.get_advice, advice.AdviceBody),
    _choose("GET", _ONE + "/compatible", compatible.get_compatible, compatible.CompatibleBody, errors=(404,), moves=True),
    _operate("GET", "/audit", audit.get_audit, audit.AuditBody, login=True),
    _operate("GET", "/health/live", health.is_live, health.LiveBody),
    _operate("GET", "/health/ready", health.is_ready, health.ReadyBody, also={503: health.ReadyBody}),
    _operate("GET", "/metrics", health.get_metrics, None, media=MEDIA_TYPE),
)  # fmt: skip
"""Our own API, which the OpenAPI document describes; `server.api.administration` adds the rest."""

_PAGES = (
    Address("GET", "/", browse),
    Address("GET", "/login", login.show_login),
    Address("POST", "/login", login.log_in),
    Address("POST", "/logout", login.log_out),
    Address("GET", "/settings", settings.show_settings),
    Address("GET", "/settings/tokens", settings.show_settings),  # The address that Hugging Face's client links to.
    Address("POST", "/settings/tokens", settings.create_token),
    Address("POST", "/settings/tokens/{number}/revoke", settings.revoke_token),
    Address("POST", "/settings/password", settings.change_password),
    Address("POST", "/settings/sessions/{number}/end", settings.end_session),
)

_ACCOUNTS = (
    Address("GET", "/api/whoami-v2", whoami.who_am_i),
    Address("GET", "/api/settings/repositories", usage.list_own),
    Address("GET", "/api/users/{name}/overview", whoami.show_user),
    Address("GET", "/api/users/{name}/likes", likes.list_liked),
    Address("GET", "/api/users/{name}/followers", usage.empty_list),
    Address("GET", "/api/users/{name}/following", usage.empty_list),
    Address("GET", "/api/organizations/{name}/overview", whoami.show_organisation),
    Address("GET", "/api/organizations/{name}/members", whoami.list_members),
    Address("GET", "/api/organizations/{name}/followers", usage.empty_list),
    Address("GET", "/api/organizations/{name}/settings/repositories", usage.list_of_organisation),
    Address("GET", "/api/agent-harnesses", unsupported.list_harnesses),
    Address("POST", "/v1/telemetry", xet.drop_telemetry),
    Address("HEAD", "/api/telemetry/{topic:path}", xet.drop_telemetry),
)

_TRANSFERS = (
    Address("PUT", "/lfs/objects/{word}", lfs_objects.receive_object),
    Address("GET", "/lfs/objects/{word}", lfs_objects.send_object),
    Address("PUT", "/lfs/parts/{word}", lfs_objects.receive_part),
    Address("POST", "/lfs/complete/{word}", lfs_objects.complete_object),
    Address("POST", "/lfs/verify/{word}", lfs_objects.verify_object),
    *below(
        "/cas/{epoch}/{tenant}/v1",
        Address("GET", "/chunks/{prefix}/{hash}", xet.chunk_not_found),
        Address("POST", "/xorbs/default/{hash}", xet.receive_xorb),
        Address("POST", "/xorbs/default-merkledb/{hash}", xet.receive_xorb),
        Address("POST", "/shards", xet.receive_shard),
    ),
)

_EVERY = "GET HEAD POST PUT PATCH DELETE"

_UNSUPPORTED = (
    Address(_EVERY, "/uploads", unsupported.refuse_address),
    Address(_EVERY, "/papers/{rest:path}", unsupported.refuse_address),
    Address(_EVERY, "/spaces/{rest:path}", unsupported.refuse_address),
    Address(_EVERY, "/kernels/{rest:path}", unsupported.refuse_address),
    Address(_EVERY, "/buckets/{rest:path}", unsupported.refuse_address),
    Address(_EVERY, "/collections/{rest:path}", unsupported.refuse_address),
    Address(_EVERY, "/api/datasets/{owner}/{name}/leaderboard", unsupported.refuse_address),
    Address(
        _EVERY, "/api/{collection:collection}/{owner}/{name}/xet-read-token/{revision}", unsupported.refuse_address
    ),
)
"""Features of the Hugging Face Hub that this server does not have."""

_REPOSITORIES = (
    Address("POST", "/api/repos/create", repositories.create_repository),
    Address("DELETE", "/api/repos/delete", repositories.remove_repository),
    Address("POST", "/api/repos/move", repositories.rename_repository),
    Address("POST", "/api/validate-yaml", validate_card.validate_card),
    Address("GET", "/api/{collection:collection}", list_repositories),
    Address("GET", "/api/{collection:collection}-tags-by-type", tags_by_type.list_tags),
    *below(
        "/api/{collection:collection}/{repository:repository}",
        Address("PUT", "/settings", repositories.set_repository),
        Address("POST", "/duplicate", duplicates.duplicate_repository),
        Address("GET", "/auth-check", whoami.check_reading),
        Address("GET", "/auth-check/write", whoami.check_writing),
        Address("GET", "/refs", branches.list_refs),
        Address("POST", "/like", likes.add_like),
        Address("DELETE", "/like", likes.remove_like),
        Address("GET", "/likers", likes.list_likers),
        Address("GET", "/lfs-files", large_files.list_large_files),
        Address("POST", "/lfs-files/batch", large_files.erase_large_files),
        Address("POST", "/lfs-files/duplicate", large_files.duplicate_large_files),
        Address("POST", "/user-access-request/handle", access_requests.answer_request),
        Address("POST", "/user-access-request/grant", access_requests.grant_access),
        Address("GET", "/user-access-request/{status}", access_requests.list_requests),
        Address(_EVERY, "/discussions", unsupported.refuse_discussions),
        Address("POST", "/preupload/{revision}", preupload.plan_upload),
        Address("POST", "/commit/{revision}", commits.make_commit),
        Address("POST", "/paths-info/{revision}", paths.describe_paths),
        Address("GET", "/xet-write-token/{revision}", xet.grant_writing),
        Address("GET", "/commits/{revision}", branches.list_commits),
        Address("POST", "/branch/{branch}", branches.create_branch),
        Address("DELETE", "/branch/{branch}", branches.delete_branch),
        Address("POST", "/tag/{revision}", branches.create_tag),
        Address("DELETE", "/tag/{revision}", branches.delete_tag),
        Address("POST", "/super-squash/{branch}", branches.squash_branch),
        Address("GET", "/revision/{revision}", describe_repository),
        Address("GET", "/tree/{revision}", list_tree),
        Address("GET", "/tree/{revision}/{path:path}", list_tree),
        Address(_EVERY, "/discussions/{rest:path}", unsupported.refuse_discussions),
        Address("GET", "", describe_repository),
    ),
    Address(
        "GET", "/api/models/{repository:repository}/safetensors-metadata/{path:path}", safetensors_metadata.read_shards
    ),
)

SPECIFIC = (*_PAGES, *_ACCOUNTS, *_TRANSFERS, *_UNSUPPORTED, *_REPOSITORIES)
"""Unambiguous routes."""

GENERAL = (
    Address(_EVERY, "/api/{group:unserved}", unsupported.refuse_group),
    Address(_EVERY, "/api/{group:unserved}/{rest:path}", unsupported.refuse_group),
    *below(
        "/{collection:prefix}{repository:repository}",
        Address("POST", ".git/info/lfs/objects/batch", lfs.plan_transfers),
        Address("POST", "/ask-access", access_requests.ask_for_access),
        Address("POST", "/request-access", access_request.request_access),
        Address("GET", "/tree/{revision}", show_artifact),
        Address("GET", "/resolve/{revision}/{path:path}", resolve_file),
        Address("GET", "", show_artifact),
    ),
)
"""Routes that would hide those of optional parts, such as `/api/settings/…` and any path of one or two segments."""
