"""Every change is in the audit log: each endpoint that writes is in one of the two tables here."""

from __future__ import annotations

import pytest

from hub.home import Home
from hub.local import LocalHub
from server import create_app
from tests.builders import postgres
from tests.builders.server.journey import Journey
from tests.builders.server.people import furnish

BYTES = "uploads are invisible until they are committed; the table `uploads` records the account"
READS = "only reads, despite its method"
REFUSES = "only refuses"
IMAGES = "generates images, and changes nothing"
COOKIE = "only sets a cookie"
NOT_LOGGED = {
    "api.cancel_try": IMAGES,
    "check.check_upload": READS,
    "choose_locale.choose_locale": COOKIE,
    "api.create_try": IMAGES,
    "large_files.duplicate_large_files": BYTES,
    "lfs.plan_transfers": READS,
    "lfs_objects.complete_object": BYTES,
    "lfs_objects.receive_object": BYTES,
    "lfs_objects.receive_part": BYTES,
    "lfs_objects.verify_object": READS,
    "oauth.begin_login": "the code authorizes nothing until a user confirms it, which is logged",
    "try_page.start_try": IMAGES,
    "paths.describe_paths": READS,
    "preupload.plan_upload": READS,
    "routes.redeliver": "repeats a delivery with the same id; deliveries have their own log",
    "service.refuse_locks": REFUSES,
    "service.refuse_push": REFUSES,
    "service.send_pack": READS,
    "unsupported.refuse_address": REFUSES,
    "unsupported.refuse_discussions": REFUSES,
    "unsupported.refuse_group": REFUSES,
    "validate_card.validate_card": READS,
    "xet.drop_telemetry": "ignores telemetry of the client",
    "xet.receive_shard": BYTES,
    "xet.receive_xorb": BYTES,
}
"""Endpoints that accept POST, PUT, PATCH or DELETE but write no audit entry, each with the reason."""

WRITES = {
    "access_request.request_access": [("access", "bob")],
    "actions.change_like": [("like", "bob"), ("unlike", "bob")],
    "actions.change_yank": [("revision.yank", "ada"), ("revision.unyank", "ada")],
    "administration.add_organisation": [("organisation.add", "root")],
    "administration.add_signing_key": [("signing-key.add", "ada")],
    "administration.add_user": [("user.add", "root")],
    "administration.allow_file": [("file.allow", "root")],
    "administration.allow_unsafe_files": [("repository.settings", "root")],
    "administration.allow_webhook_host": [("setting", "root")],
    "administration.create_token": [("token.create", "root")],
    "administration.free_name": [("repository.free", "root")],
    "administration.remove_user": [("user.remove", "root")],
    "administration.restore_user": [("user.restore", "root")],
    "administration.retry_jobs": [("outbox.retry", "root")],
    "administration.revoke_signing_key": [("signing-key.revoke", "ada")],
    "administration.revoke_token": [("token.revoke", "root")],
    "administration.set_admin": [("user.admin", "root")],
    "administration.set_file_policy": [("setting", "root")],
    "administration.set_member": [("organisation.member", "root")],
    "administration.set_password": [("user.password", "root")],
    "administration.set_quota": [("user.quota", "root")],
    "branches.create_branch": [("branch.create", "ada")],
    "branches.create_tag": [("tag.create", "ada")],
    "branches.delete_branch": [("branch.delete", "ada")],
    "branches.delete_tag": [("tag.delete", "ada")],
    "branches.squash_branch": [("commit", "ada")],
    "commits.make_commit": [("commit", "ada")],
    "page.answer_device": [("device.accept", "bob")],
    "duplicates.duplicate_repository": [("commit", "ada")],
    "access_requests.answer_request": [("access", "ada")],
    "access_requests.request_file_access": [("access", "bob")],
    "access_requests.grant_access": [("access", "ada")],
    "large_files.erase_large_files": [("files.erase", "ada")],
    "likes.add_like": [("like", "bob")],
    "likes.remove_like": [("unlike", "bob")],
    "login.log_in": [("session.begin", "bob")],
    "login.log_out": [("session.end", "bob")],
    "flagged_files.allow_file": [("file.block", "root")],
    "oauth.issue_token": [("token.create", "bob"), ("token.renew", "bob")],
    "repositories.create_repository": [("commit", "ada")] * 2,
    "repositories.remove_repository": [("repository.delete", "ada")],
    "repositories.rename_repository": [("repository.move", "ada")],
    "repositories.set_repository": [("repository.settings", "ada")] * 2,
    "repository_settings.change_visibility": [("repository.settings", "ada")] * 2,
    "revisions.put_alias": [("alias.set", "ada")] * 2,
    "revisions.remove_alias": [("alias.delete", "ada")],
    "revisions.unyank_revision": [("revision.unyank", "ada")],
    "revisions.yank_revision": [("revision.yank", "ada")],
    "routes.change_for_client": [("webhook.change", "ada")],
    "routes.update_webhook": [("webhook.change", "ada")],
    "routes.create_for_client": [("webhook.create", "ada")],
    "routes.create_webhook": [("webhook.create", "ada")],
    "routes.delete_for_client": [("webhook.delete", "ada")],
    "routes.delete_webhook": [("webhook.delete", "ada")],
    "routes.disable_for_client": [("webhook.change", "ada")],
    "routes.enable_for_client": [("webhook.change", "ada")],
    "scores.post_dispute": [("score.dispute", "ada")],
    "scores.post_score": [("score.publish", "bob")],
    "password_and_sessions.change_password": [("user.password", "bob"), ("session.begin", "bob")],
    "access_tokens.create_token": [("token.create", "bob")],
    "password_and_sessions.end_session": [("session.end", "bob")],
    "access_tokens.revoke_token": [("token.revoke", "bob")],
}
"""Endpoint → action and actor of the audit entries of its calls in `Journey`. A new repository gets an initial commit."""
WRITES |= {
    "flagged_files.block": [("file.block", "root")], "flagged_files.unblock": [("file.unblock", "root")],
    "administration.answer_report": [("report.answer", "root")], "administration.block_file": [("file.block", "root")],
    "administration.create_reset_link": [("user.reset-link", "root")], "administration.hide_artifact": [("repository.hide", "root")],
    "administration.set_account_policy": [("setting", "root")], "administration.show_artifact": [("repository.show", "root")],
    "administration.unblock_file": [("file.unblock", "root")], "artifact_reports.post_report": [("report.add", "bob")],
    "report_form.report": [("report.add", "bob")], "reported.answer": [("report.answer", "root")],
    "server_health.change_policy": [("setting", "root")] * 3, "background_jobs.retry_jobs": [("outbox.retry", "root")],
    "user_accounts.add_account": [("user.add", "root")], "user_accounts.change_user": [("user.reset-link", "root")],
    "publish.begin_artifact": [("commit", "bob")], "editor.save_card": [("commit", "bob")],
    "reset.reset_password": [("user.password", "zoe")], "sign_up.create_account": [("user.add", "iris"), ("session.begin", "iris")],
    "profile.change": [("user.profile", "ada")], "own_organisations.create": [("organisation.add", "ada")],
    "own_organisations.change_organisation": [("organisation.profile", "ada")],
    "own_organisations.change_member": [("organisation.member", "ada")], "own_organisations.leave": [("organisation.member", "ada")],
    "password_and_sessions.end_other_sessions": [("session.end", "ada")], "access_decisions.decide": [("access", "ada")],
}  # fmt: skip


def test_every_endpoint_that_accepts_changes_is_in_one_of_the_tables(hub):
    endpoints = {
        f"{route.endpoint.__module__.rpartition('.')[2]}.{route.endpoint.__name__}"
        for route in create_app(hub).routes
        if (getattr(route, "methods", None) or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    assert endpoints - {*WRITES, *NOT_LOGGED} == set(), (
        "add it to WRITES and `Journey`, or to NOT_LOGGED with the reason"
    )
    assert {*WRITES, *NOT_LOGGED} - endpoints == set()


@pytest.fixture
def hub(request, hub, tmp_path):
    """Return the usual hub, or one on PostgreSQL if the test is parametrized with it."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield hub
        return
    address = postgres.a_registry(request.getfixturevalue("cluster"))
    with LocalHub.open(Home(hub.home.database, tmp_path, tmp_path / "cards", database_url=address)) as opened:
        furnish(opened)
        yield opened


@pytest.fixture
def journey(hub, token_of, browse):
    done = Journey(hub, token_of, browse)
    settled = (done.gate, done.organise, done.log_in, done.watch, done.end)
    for part in (done.administer, done.publish, done.annotate, *settled):
        part()
    return done


@pytest.mark.parametrize("hub", ["sqlite", "postgres"], indirect=True)
def test_each_endpoint_writes_the_listed_audit_entries_with_actor_token_and_address(journey):
    assert journey.entries == WRITES
    assert journey.wrong == []
