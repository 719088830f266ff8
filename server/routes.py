"""All routes of the core server, in matching order: specific routes before general ones.

`server.app` registers the routes of optional parts between SPECIFIC and GENERAL, the OpenAPI document, `/static` and `/docs`.

`{repository}` is `owner/name` or a bare `name`, `{collection}` is models or datasets: see `server.http.routing`. Within a group,
routes without parameters after the repository come first and those that end with a file path come later, so that a path that matches
two routes is read as a full name: `a/tree/refs` are the refs of `a/tree`. The bare repository comes last.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hub.catalogue.method_facts import MethodPage
from hub.catalogue.owner_facts import Owner
from hub.registry.artifacts.aliases import Alias
from hub.registry.moderation.reports import Report
from server.api import audit, catalogue, health, languages, search
from server.api.artifacts import (
    artifact_reports,
    artifacts,
    compare,
    compatible,
    leaderboard,
    parity,
    recommend,
    revisions,
    scores,
    security,
)
from server.http.response_bodies import SearchBody, body_class
from server.http.routing import RouteSpec, below
from server.http.search_parameters import PARAMETERS
from server.metering import MEDIA_TYPE
from server.openapi.document import documented
from server.pages import access_request, choose_locale, feed, login
from server.pages.about import api_reference, share, sitemap, status
from server.pages.account import (
    access_decisions,
    access_tokens,
    own_organisations,
    own_reports,
    password_and_sessions,
    profile,
    reset,
    sign_up,
)
from server.pages.administration import (
    audit_log,
    background_jobs,
    flagged_files,
    reported,
    server_health,
    storage,
    user_accounts,
)
from server.pages.artifact import actions, report_form, repository_settings, viewer
from server.pages.artifact.overview.overview import show_artifact
from server.pages.artifact.revisions import commit_history, files
from server.pages.artifact.scores.scores import show_scores
from server.pages.browse.browse import browse
from server.pages.catalogue import base_pages, benchmarks, datasets, methods
from server.pages.choose import languages as choose_languages
from server.pages.choose import leaderboard as choose_leaderboard
from server.pages.choose import parity as choose_parity
from server.pages.choose import recommend as choose_recommend
from server.pages.compare.compare import show_comparison
from server.pages.publish import check, editor, publish
from server.pages.study.study import show_chapter, show_study
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
from server.site import fonts, robots

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
    "description": "`cursor` of the previous page; leave all other parameters unchanged.",
    "schema": {"type": "string", "maxLength": 1000},
}

OWN_API = (
    _search("GET", "/search", search.search_artifacts, SearchBody, errors=(404,), parameters=[*PARAMETERS, _CURSOR]),
    _search("GET", "/languages", languages.get_languages, languages.LanguagesBody),
    _search("GET", "/bases", catalogue.get_bases, catalogue.BasesBody),
    _search("GET", "/bases/{base}", catalogue.get_base, catalogue.BaseBody, errors=(404,)),
    _search("GET", "/methods", catalogue.get_methods, catalogue.MethodsBody),
    _search("GET", "/methods/{method}", catalogue.get_method, body_class(MethodPage), errors=(404,)),
    _search("GET", "/benchmarks", catalogue.get_benchmarks, catalogue.BenchmarksBody),
    _search("GET", "/benchmarks/{benchmark}", catalogue.get_benchmark, catalogue.BenchmarkBody, errors=(404,)),
    _search("GET", "/datasets", catalogue.get_datasets, catalogue.DatasetsBody),
    _search("GET", "/owners/{owner}", catalogue.get_owner, body_class(Owner), errors=(404,)),
    _artifacts("GET", _ONE, artifacts.get_artifact, artifacts.ArtifactDetailsBody),
    _artifacts("GET", "/artifacts/{name}", artifacts.find_artifact, None, status=307),
    _artifacts("GET", _ONE + "/downloads", artifacts.get_downloads, artifacts.DownloadsBody),
    _artifacts("GET", _ONE + "/revisions", revisions.get_revisions, revisions.RevisionsBody),
    _artifacts("GET", _REVISION, revisions.get_revision, artifacts.RevisionWithFilesBody),
    _artifacts("GET", _REVISION + "/tensors", artifacts.get_tensors, artifacts.TensorsBody),
    _artifacts("GET", _REVISION + "/manifest", revisions.get_manifest, revisions.ManifestBody),
    _artifacts("POST", _REVISION + "/yank", revisions.yank_revision, artifacts.RevisionWithFilesBody, login=True),
    _artifacts("DELETE", _REVISION + "/yank", revisions.unyank_revision, artifacts.RevisionWithFilesBody, login=True),
    _artifacts("GET", _ONE + "/rows", catalogue.get_rows, catalogue.DatasetRowsBody),
    _artifacts("GET", _ONE + "/diff", revisions.get_diff, revisions.DiffBody),
    _artifacts("GET", _ONE + "/aliases", revisions.get_aliases, revisions.AliasesBody),
    _artifacts("PUT", _ONE + "/aliases/{alias}", revisions.put_alias, body_class(Alias), login=True),
    _artifacts("DELETE", _ONE + "/aliases/{alias}", revisions.remove_alias, revisions.AliasesBody, login=True),
    _scores("GET", _ONE + "/scores", scores.get_scores, scores.ScoresBody),
    _scores("GET", _ONE + "/scores/{score}", scores.get_score, body_class(scores.PublishedScoreBody), errors=(404,)),
    _scores("POST", _ONE + "/scores", scores.post_score, body_class(scores.PublishedScoreBody), login=True, status=201),
    _scores(
        "POST", _ONE + "/scores/{score}/disputes", scores.post_dispute, body_class(scores.PublishedScoreBody), login=True, status=201,
        errors=(404, 409),
    ),
    documented(
        "POST", _ONE + "/reports", artifact_reports.post_report, body_class(Report), tag="artifacts", errors=(404,), moves=True,
        login=True, status=201,
    ),
    documented("GET", "/reports", artifact_reports.get_own_reports, artifact_reports.ReportsBody, tag="artifacts", login=True),
    documented("GET", "/leaderboard", leaderboard.get_leaderboard, leaderboard.LeaderboardBody, tag="scores"),
    _artifacts("GET", _ONE + "/security", security.get_security, security.SecurityBody),
    _choose("GET", "/compare", compare.compare_artifacts, compare.CompareBody, errors=(404,)),
    _choose("GET", "/parity", parity.get_parity, parity.ParityBody, errors=(404,)),
    _choose("GET", "/recommend", recommend.get_recommendation, recommend.RecommendBody, errors=(404,)),
    _choose("GET", _ONE + "/compatible", compatible.get_compatible, compatible.CompatibleBody, errors=(404,), moves=True),
    _operate("GET", "/audit", audit.get_audit, audit.AuditBody, login=True),
    _operate("GET", "/health/live", health.is_live, health.LiveBody),
    _operate("GET", "/health/ready", health.is_ready, health.ReadyBody, also={503: health.ReadyBody}),
    _operate("GET", "/metrics", health.get_metrics, None, media=MEDIA_TYPE),
)  # fmt: skip
"""The routes in the OpenAPI document; `server.api.administration` adds more."""

OF_DATASETS = tuple(
    replace(each, path=each.path.replace(_ONE, "/artifacts/{collection:datasets}/{owner}/{name}"), document=None)
    for each in OWN_API
    if _ONE in each.path
)
"""The same routes with the names of data sets. They are matched first, and are not documented separately."""

_PAGES = (
    RouteSpec("GET", "/", browse),
    RouteSpec("GET", "/leaderboard", choose_leaderboard.show_leaderboard),
    RouteSpec("GET", "/parity", choose_parity.show_parity),
    RouteSpec("GET", "/compare", show_comparison),
    RouteSpec("GET", "/study", show_study),
    RouteSpec("GET", "/study/{name}", show_chapter),
    RouteSpec("GET", "/languages", choose_languages.show_languages),
    RouteSpec("GET", "/languages/{tag}", choose_languages.show_language),
    RouteSpec("GET", "/languages/{tag}/share.png", share.share_language),
    RouteSpec("GET", "/recommend", choose_recommend.show_recommendation),
    RouteSpec("GET", "/bases", base_pages.show_bases),
    RouteSpec("GET", "/bases/{base:path}", base_pages.show_base),
    RouteSpec("GET", "/methods", methods.show_methods),
    RouteSpec("GET", "/methods/{method}", methods.show_method),
    RouteSpec("GET", "/benchmarks", benchmarks.show_benchmarks),
    RouteSpec("GET", "/benchmarks/{benchmark}", benchmarks.show_benchmark),
    RouteSpec("GET", "/datasets", datasets.show_datasets),
    RouteSpec("GET", "/api", api_reference.show_api),
    RouteSpec("GET", "/status", status.show_status),
    RouteSpec("GET", "/feed.atom", feed.show_feed),
    RouteSpec("GET", "/sitemap.xml", sitemap.show_index),
    RouteSpec("GET", "/sitemap-{part}.xml", sitemap.show_sitemap),
    RouteSpec("GET", "/fonts/{name}", fonts.send_font),
    RouteSpec("GET", "/robots.txt", robots.robots),
    RouteSpec("GET", "/favicon.ico", robots.favicon),
    RouteSpec("GET", "/login", login.show_login),
    RouteSpec("POST", "/login", login.log_in),
    RouteSpec("POST", "/logout", login.log_out),
    RouteSpec("GET", "/signup", sign_up.show_form),
    RouteSpec("POST", "/signup", sign_up.create_account),
    RouteSpec("GET", "/reset/{secret}", reset.show_reset),
    RouteSpec("POST", "/reset/{secret}", reset.reset_password),
    *below(
        "/settings",
        RouteSpec("GET", "", profile.show_profile),
        RouteSpec("POST", "", profile.change),
        RouteSpec("POST", "/locale", choose_locale.choose_locale),
        RouteSpec("GET", "/tokens", access_tokens.show_tokens),  # Hugging Face's client links to this path.
        RouteSpec("POST", "/tokens", access_tokens.create_token),
        RouteSpec("GET", "/tokens/{number}/revoke", access_tokens.ask_to_revoke),
        RouteSpec("POST", "/tokens/{number}/revoke", access_tokens.revoke_token),
        RouteSpec("GET", "/organisations", own_organisations.show_organisations),
        RouteSpec("POST", "/organisations", own_organisations.create),
        RouteSpec("GET", "/organisations/{name}", own_organisations.show_organisation),
        RouteSpec("POST", "/organisations/{name}", own_organisations.change_organisation),
        RouteSpec("POST", "/organisations/{name}/members", own_organisations.change_member),
        RouteSpec("POST", "/organisations/{name}/leave", own_organisations.leave),
        RouteSpec("GET", "/access", access_decisions.show_requests),
        RouteSpec("POST", "/access", access_decisions.decide),
        RouteSpec("GET", "/reports", own_reports.show_reports),
        RouteSpec("GET", "/security", password_and_sessions.show_security),
        RouteSpec("POST", "/password", password_and_sessions.change_password),
        RouteSpec("POST", "/sessions/{number}/end", password_and_sessions.end_session),
        RouteSpec("POST", "/sessions/end-others", password_and_sessions.end_other_sessions),
    ),
    *below(
        "/administration",
        RouteSpec("GET", "", server_health.show_health),
        RouteSpec("POST", "/policy", server_health.change_policy),
        RouteSpec("GET", "/users", user_accounts.show_users),
        RouteSpec("POST", "/users", user_accounts.add_account),
        RouteSpec("GET", "/users/{name}", user_accounts.show_user),
        RouteSpec("POST", "/users/{name}", user_accounts.change_user),
        RouteSpec("GET", "/storage", storage.show_storage),
        RouteSpec("GET", "/reports", reported.show_reports),
        RouteSpec("GET", "/reports/{number}", reported.show_report),
        RouteSpec("POST", "/reports/{number}", reported.answer),
        RouteSpec("GET", "/files", flagged_files.show_files),
        RouteSpec("POST", "/files", flagged_files.block),
        RouteSpec("POST", "/files/unblock", flagged_files.unblock),
        RouteSpec("POST", "/files/{digest}", flagged_files.allow_file),
        RouteSpec("GET", "/jobs", background_jobs.show_jobs),
        RouteSpec("POST", "/jobs", background_jobs.retry_jobs),
        RouteSpec("GET", "/audit", audit_log.show_audit),
    ),
    RouteSpec("GET", "/publish", publish.show_publish),
    RouteSpec("POST", "/publish", publish.begin_artifact),
    RouteSpec("POST", "/publish/check", check.check_upload),
)

_ACCOUNTS = (
    RouteSpec("GET", "/api/whoami-v2", whoami.who_am_i),
    RouteSpec("GET", "/api/settings/repositories", usage.list_own),
    RouteSpec("GET", "/api/users/{name}/overview", whoami.show_user),
    RouteSpec("GET", "/api/users/{name}/likes", likes.list_liked),
    RouteSpec("GET", "/api/users/{name}/followers", usage.empty_list),
    RouteSpec("GET", "/api/users/{name}/following", usage.empty_list),
    RouteSpec("GET", "/api/organizations/{name}/overview", whoami.show_organisation),
    RouteSpec("GET", "/api/organizations/{name}/members", whoami.list_members),
    RouteSpec("GET", "/api/organizations/{name}/followers", usage.empty_list),
    RouteSpec("GET", "/api/organizations/{name}/settings/repositories", usage.list_of_organisation),
    RouteSpec("GET", "/api/agent-harnesses", unsupported.list_harnesses),
    RouteSpec("POST", "/v1/telemetry", xet.drop_telemetry),
    RouteSpec("HEAD", "/api/telemetry/{topic:path}", xet.drop_telemetry),
)

_TRANSFERS = (
    RouteSpec("PUT", "/lfs/objects/{token}", lfs_objects.receive_object),
    RouteSpec("GET", "/lfs/objects/{token}", lfs_objects.send_object),
    RouteSpec("PUT", "/lfs/parts/{token}", lfs_objects.receive_part),
    RouteSpec("POST", "/lfs/complete/{token}", lfs_objects.complete_object),
    RouteSpec("POST", "/lfs/verify/{token}", lfs_objects.verify_object),
    *below(
        "/cas/{epoch}/{tenant}/v1",
        RouteSpec("GET", "/chunks/{prefix}/{hash}", xet.chunk_not_found),
        RouteSpec("POST", "/xorbs/default/{hash}", xet.receive_xorb),
        RouteSpec("POST", "/xorbs/default-merkledb/{hash}", xet.receive_xorb),
        RouteSpec("POST", "/shards", xet.receive_shard),
    ),
)

_EVERY = "GET HEAD POST PUT PATCH DELETE"

_UNSUPPORTED = (
    RouteSpec(_EVERY, "/uploads", unsupported.refuse_address),
    RouteSpec(_EVERY, "/papers/{rest:path}", unsupported.refuse_address),
    RouteSpec(_EVERY, "/spaces/{rest:path}", unsupported.refuse_address),
    RouteSpec(_EVERY, "/kernels/{rest:path}", unsupported.refuse_address),
    RouteSpec(_EVERY, "/buckets/{rest:path}", unsupported.refuse_address),
    RouteSpec(_EVERY, "/collections/{rest:path}", unsupported.refuse_address),
    RouteSpec(_EVERY, "/api/datasets/{owner}/{name}/leaderboard", unsupported.refuse_address),
    RouteSpec(
        _EVERY, "/api/{collection:collection}/{owner}/{name}/xet-read-token/{revision}", unsupported.refuse_address
    ),
)
"""Features of the Hugging Face Hub that this server does not have."""

_REPOSITORIES = (
    RouteSpec("POST", "/api/repos/create", repositories.create_repository),
    RouteSpec("DELETE", "/api/repos/delete", repositories.remove_repository),
    RouteSpec("POST", "/api/repos/move", repositories.rename_repository),
    RouteSpec("POST", "/api/validate-yaml", validate_card.validate_card),
    RouteSpec("GET", "/api/{collection:collection}", list_repositories),
    RouteSpec("GET", "/api/{collection:collection}-tags-by-type", tags_by_type.list_tags),
    *below(
        "/api/{collection:collection}/{repository:repository}",
        RouteSpec("PUT", "/settings", repositories.set_repository),
        RouteSpec("POST", "/duplicate", duplicates.duplicate_repository),
        RouteSpec("GET", "/auth-check", whoami.check_reading),
        RouteSpec("GET", "/auth-check/write", whoami.check_writing),
        RouteSpec("GET", "/refs", branches.list_refs),
        RouteSpec("POST", "/like", likes.add_like),
        RouteSpec("DELETE", "/like", likes.remove_like),
        RouteSpec("GET", "/likers", likes.list_likers),
        RouteSpec("GET", "/lfs-files", large_files.list_large_files),
        RouteSpec("POST", "/lfs-files/batch", large_files.erase_large_files),
        RouteSpec("POST", "/lfs-files/duplicate", large_files.duplicate_large_files),
        RouteSpec("POST", "/user-access-request/handle", access_requests.answer_request),
        RouteSpec("POST", "/user-access-request/grant", access_requests.grant_access),
        RouteSpec("GET", "/user-access-request/{status}", access_requests.list_requests),
        RouteSpec(_EVERY, "/discussions", unsupported.refuse_discussions),
        RouteSpec("POST", "/preupload/{revision}", preupload.plan_upload),
        RouteSpec("POST", "/commit/{revision}", commits.make_commit),
        RouteSpec("POST", "/paths-info/{revision}", paths.describe_paths),
        RouteSpec("GET", "/xet-write-token/{revision}", xet.grant_writing),
        RouteSpec("GET", "/commits/{revision}", branches.list_commits),
        RouteSpec("POST", "/branch/{branch}", branches.create_branch),
        RouteSpec("DELETE", "/branch/{branch}", branches.delete_branch),
        RouteSpec("POST", "/tag/{revision}", branches.create_tag),
        RouteSpec("DELETE", "/tag/{revision}", branches.delete_tag),
        RouteSpec("POST", "/super-squash/{branch}", branches.squash_branch),
        RouteSpec("GET", "/revision/{revision}", describe_repository),
        RouteSpec("GET", "/tree/{revision}", list_tree),
        RouteSpec("GET", "/tree/{revision}/{path:path}", list_tree),
        RouteSpec(_EVERY, "/discussions/{rest:path}", unsupported.refuse_discussions),
        RouteSpec("GET", "", describe_repository),
    ),
    RouteSpec(
        "GET", "/api/models/{repository:repository}/safetensors-metadata/{path:path}", safetensors_metadata.read_shards
    ),
)

SPECIFIC = (*_PAGES, *_ACCOUNTS, *_TRANSFERS, *_UNSUPPORTED, *_REPOSITORIES)
"""Routes that match no path of an optional part; they are matched first."""

GENERAL = (
    RouteSpec(_EVERY, "/api/{group:unserved}", unsupported.refuse_group),
    RouteSpec(_EVERY, "/api/{group:unserved}/{rest:path}", unsupported.refuse_group),
    # With an owner only: `/a/scores` is the page of an artifact.
    *below(
        "/{collection:prefix}{owner}/{name}",
        RouteSpec("GET", "/scores", show_scores),
        RouteSpec("GET", "/share.png", share.share_artifact),
        RouteSpec("GET", "/viewer", viewer.show_viewer),
        RouteSpec("GET", "/viewer/{revision}/{image}", viewer.send_image),
        RouteSpec("GET", "/settings", repository_settings.show_settings),
        RouteSpec("POST", "/settings", repository_settings.change_visibility),
        RouteSpec("GET", "/report", report_form.show_form),
        RouteSpec("POST", "/report", report_form.report),
    ),
    *below(
        "/{collection:prefix}{repository:repository}",
        RouteSpec("POST", ".git/info/lfs/objects/batch", lfs.plan_transfers),
        RouteSpec("POST", "/ask-access", access_requests.request_file_access),
        RouteSpec("POST", "/request-access", access_request.request_access),
        RouteSpec("POST", "/like", actions.change_like),
        RouteSpec("POST", "/yank", actions.change_yank),
        RouteSpec("GET", "/tree/{revision}", files.show_tree),
        RouteSpec("GET", "/commit/{revision}", commit_history.show_commit),
        RouteSpec("GET", "/commits/{revision}", commit_history.show_commits),
        RouteSpec("GET", "/tree/{revision}/{path:path}", files.show_folder),
        RouteSpec("GET", "/blob/{revision}/{path:path}", files.show_file),
        RouteSpec("GET", "/edit/{revision}/{path:path}", editor.show_editor),
        RouteSpec("POST", "/edit/{revision}/{path:path}", editor.save_card),
        RouteSpec("GET", "/raw/{revision}/{path:path}", resolve_file),
        RouteSpec("GET", "/resolve/{revision}/{path:path}", resolve_file),
        RouteSpec("GET", "", show_artifact),
    ),
)
"""Routes that would also match paths of optional parts: `/api/settings/…` and all paths of one or two segments."""
