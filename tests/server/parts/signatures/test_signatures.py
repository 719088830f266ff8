"""OpenSSF Model Signing: signatures are created, verified at commit without reading files again, and shown."""

import json
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from starlette.testclient import TestClient

from hub.cards import Card, write_card
from hub.cli import main
from hub.conditioning import Conditioning
from hub.errors import InvalidSignature
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.registry.accounts.permissions import Actor
from server.app import create_app
from server.parts.signatures import FILE
from server.parts.signatures.signatures import fingerprint_of, read_key, sign, verify_bundle
from tests.builders.artifacts import a_folder
from tests.builders.server.commits import commit

ROOT = Actor("root")
REPO = ArtifactName("ada", "thing")


def a_key(folder, name="key", password=None):
    """Return files with a private key and its public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    how = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture
def keys(tmp_path):
    return a_key(tmp_path)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "thing"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("one")
    (made / "sub" / "b.txt").write_text("two")
    return made


@pytest.fixture
def client(hub):
    for name in ("ada", "eve"):
        hub.accounts.add(name, ROOT)
    hub.accounts.add("lab", ROOT, kind="organisation")
    hub.accounts.set_member(hub.accounts.get("lab"), hub.accounts.get("ada"), "write", ROOT)
    token = hub.tokens.create(hub.accounts.get("ada"), "write", ROOT)
    client = TestClient(create_app(hub), headers={"Authorization": f"Bearer {token}"})
    client.post("/api/repos/create", json={"name": "thing"})
    return client


def register(client, public, account="ada"):
    return client.post(f"/api/v1/accounts/{account}/signing-keys", json={"name": "laptop", "pem": public.read_text()})


def contents_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def seen(client):
    return client.get("/api/v1/artifacts/ada/thing/security").json()


def test_a_signature_by_a_registered_key_is_verified_and_shown(
    hub, client, folder, keys, monkeypatch, tmp_path, capsys
):
    assert register(client, keys[1]).status_code == 201
    sign(folder, keys[0])
    assert commit(client, contents_of(folder)).status_code == 200
    found = seen(client)
    assert found["verified_by"] == "ada, laptop"
    assert found["signature"]["fingerprint"] == fingerprint_of(keys[1].read_text())[1]
    page = client.get("/ada/thing").text
    assert "signed by ada" in page and "signed by ada, key laptop" in page
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    main(["show", "ada/thing"])
    assert "signed by ada, key laptop" in capsys.readouterr().out
    main(["show", "ada/thing", "--json"])
    assert json.loads(capsys.readouterr().out)["signature"]["verified"] is True


def test_verification_does_not_read_blobs_again(hub, client, folder, keys, monkeypatch):
    register(client, keys[1])
    sign(folder, keys[0])
    files = contents_of(folder)
    commit(client, {path: raw for path, raw in files.items() if path != FILE})
    opened = []
    genuine = type(hub.store).open
    monkeypatch.setattr(
        type(hub.store), "open", lambda self, digest, size: (opened.append(digest), genuine(self, digest, size))[1]
    )
    assert commit(client, {FILE: files[FILE]}).status_code == 200
    signature = next(file for file in hub.registry.revision(REPO).files if file.path == FILE)
    assert set(opened) == {signature.digest}
    assert seen(client)["verified_by"]


def test_an_unsigned_revision_is_accepted(client):
    assert commit(client, {"a.txt": b"one"}).status_code == 200
    assert seen(client)["signature"] is None
    page = client.get("/ada/thing").text
    assert "<dt>Signature</dt><dd>unsigned</dd>" in page
    assert "signed by" not in page


def test_a_signature_by_an_unregistered_key_is_unverified(client, folder, keys):
    sign(folder, keys[0])
    assert commit(client, contents_of(folder)).status_code == 200
    found = seen(client)["signature"]
    assert (found["verified"], found["method"]) == (False, "key")
    assert "the owner has not registered here" in found["reason"]
    assert "not verified" in client.get("/ada/thing").text


def test_keys_of_other_users_are_not_trusted(client, hub, folder, keys):
    token = hub.tokens.create(hub.accounts.get("eve"), "write", ROOT)
    eve = TestClient(client.app, headers={"Authorization": f"Bearer {token}"})
    assert register(eve, keys[1], "eve").status_code == 201
    assert register(eve, keys[1], "ada").status_code == 403
    sign(folder, keys[0])
    commit(client, contents_of(folder))
    assert seen(client)["verified_by"] == ""


def test_keys_of_members_are_trusted_for_an_organisation(hub, client, folder, keys):
    register(client, keys[1])
    sign(folder, keys[0])
    client.post("/api/repos/create", json={"name": "thing", "organization": "lab"})
    from server.parts.signatures.signing_keys import trusted_keys

    assert [key.account for key in trusted_keys(hub.registry.database, ArtifactName("lab", "thing"))] == ["ada"]
    assert trusted_keys(hub.registry.database, ArtifactName("eve", "thing")) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda files: files | {"a.txt": b"other"}, "`a.txt` differs from the signed file"),
        (lambda files: files | {"c.txt": b"more"}, "`c.txt` was not signed"),
        (
            lambda files: {path: raw for path, raw in files.items() if path != "a.txt"},
            "`a.txt` was signed and is missing",
        ),
        (lambda files: files | {FILE: b"{}"}, "is not a model signature"),
        (lambda files: files | {FILE: b"\xff\xfe"}, "is not a model signature"),
        (lambda files: files | {FILE: _forged(files[FILE])}, "was not made with the key that it names"),
    ],
)
def test_a_commit_with_a_wrong_signature_is_refused(client, hub, folder, keys, change, reason):
    sign(folder, keys[0])
    before = hub.registry.head(REPO)
    if "key that it names" in reason:
        register(client, keys[1])  # Without it the signature could not be checked: see the next test.
    response = commit(client, change(contents_of(folder)))
    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert hub.registry.head(REPO) == before


def test_a_signature_that_cannot_be_checked_is_unverified(client, folder, keys):
    sign(folder, keys[0])
    files = contents_of(folder)
    assert commit(client, files | {FILE: _forged(files[FILE])}).status_code == 200
    assert seen(client)["verified_by"] == ""


def _forged(bundle):
    """Return the same statement with another signature."""
    parsed = json.loads(bundle)
    parsed["dsseEnvelope"]["signatures"][0]["sig"] = (
        "MEUCIQ" + parsed["dsseEnvelope"]["signatures"][0]["sig"][6:-6] + "AAAAAA"
    )
    return json.dumps(parsed).encode()


def test_a_signed_file_cannot_be_changed_but_its_signature_can_be_removed(client, folder, keys):
    register(client, keys[1])
    sign(folder, keys[0])
    commit(client, contents_of(folder))
    assert commit(client, {"a.txt": b"changed"}).status_code == 400
    (folder / "a.txt").write_text("changed")
    sign(folder, keys[0])
    assert commit(client, contents_of(folder)).status_code == 200
    assert seen(client)["verified_by"]
    lines = '{"key":"header","value":{"summary":"x"}}\n{"key":"deletedFile","value":{"path":"model.sig"}}'
    assert client.post("/api/models/ada/thing/commit/main", content=lines).status_code == 200
    assert seen(client)["signature"] is None


def test_a_signature_that_ignores_all_files_is_refused(client, folder, keys):
    """Signers can ignore any path in the library; here, ignored files count as unsigned."""
    from model_signing import hashing, signing

    register(client, keys[1])
    how = hashing.Config().set_ignored_paths(paths=["model.sig", "a.txt"])
    signing.Config().use_elliptic_key_signer(private_key=keys[0]).set_hashing_config(how).sign(folder, folder / FILE)
    response = commit(client, contents_of(folder))
    assert response.status_code == 400 and "`a.txt` was not signed" in response.text


def test_a_revoked_key_is_no_longer_trusted(client, folder, keys):
    fingerprint = register(client, keys[1]).json()["fingerprint"]
    assert register(client, keys[1]).status_code == 409
    assert client.delete(f"/api/v1/accounts/ada/signing-keys/{fingerprint}").json() == {"items": []}
    assert client.delete(f"/api/v1/accounts/ada/signing-keys/{fingerprint}").status_code == 404
    sign(folder, keys[0])
    commit(client, contents_of(folder))
    assert seen(client)["verified_by"] == ""


def test_a_certificate_of_a_registered_authority_is_verified(client, folder, tmp_path):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=300)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=Lab CA", "-days", "30", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr",
            "-subj", "/CN=Ada's signer")  # fmt: skip
    (tmp_path / "ext").write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n")
    openssl(
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-out",
        "leaf.pem",
        "-days",
        "20",
        "-extfile",
        "ext",
    )
    from model_signing import hashing, signing

    signer = signing.Config().use_certificate_signer(
        private_key=tmp_path / "leaf.key",
        signing_certificate=tmp_path / "leaf.pem",
        certificate_chain=[tmp_path / "ca.pem"],
    )
    signer.set_hashing_config(hashing.Config().set_ignored_paths(paths=["model.sig"])).sign(folder, folder / FILE)
    commit(client, contents_of(folder))
    assert seen(client)["signature"]["method"] == "certificate"
    assert seen(client)["verified_by"] == ""
    assert register(client, tmp_path / "ca.pem").json()["kind"] == "certificate"
    commit(client, {"again.txt": b""}) and commit(client, contents_of(folder))
    lines = '{"key":"header","value":{"summary":"x"}}\n{"key":"deletedFile","value":{"path":"model.sig"}}'
    client.post("/api/models/ada/thing/commit/main", content=lines)
    commit(client, contents_of(folder))
    assert seen(client)["verified_by"] == "ada, CN=Ada's signer"


def test_a_sigstore_identity_is_shown_as_unverified(client, folder, keys):
    sign(folder, keys[0])
    parsed = json.loads((folder / FILE).read_text())
    parsed["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": [{}]}
    (folder / FILE).write_text(json.dumps(parsed))
    assert commit(client, contents_of(folder)).status_code == 200
    found = seen(client)["signature"]
    assert (found["verified"], found["method"]) == (False, "sigstore")
    assert "needs the transparency log" in found["reason"]


def test_keys_signing_and_verifying_work_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "cards"))
    base = Card(
        kind="base",
        summary="A base.",
        license="MIT",
        languages=("en",),
        conditioning=Conditioning(width=128, length=16),
    )
    write_card(base, tmp_path / "cards" / "bases" / "emoji-sd")
    private, public = a_key(tmp_path)
    _, other = a_key(tmp_path, "other")
    made = a_folder(tmp_path / "mulan-yo")
    (made / "__pycache__").mkdir()
    (made / "__pycache__" / "x.txt").write_text("left out by push, so by sign")
    assert main(["sign", str(made), "--key", str(private)]) == 0
    assert "signed 3 files" in capsys.readouterr().out
    assert main(["push", str(made)]) == 0
    capsys.readouterr()
    assert main(["verify", "mulan-yo", "--signature", "--key", str(public)]) == 0
    assert "3 files signed by sha256:" in capsys.readouterr().out
    assert main(["verify", "mulan-yo", "--signature", "--key", str(other)]) == 1
    assert "not registered" in capsys.readouterr().err
    assert main(["verify", "mulan-yo", "--signature"]) == 2
    (made / "README.md").write_text((made / "README.md").read_text() + "\nMore.\n")
    assert main(["push", str(made)]) == 2
    assert "`README.md` differs from the signed file" in capsys.readouterr().err


def test_keys_are_registered_listed_and_revoked_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    _, public = a_key(tmp_path)
    main(["admin", "user", "add", "ada"])
    assert main(["admin", "key", "add", "ada", str(public), "--label", "laptop"]) == 0
    capsys.readouterr()
    main(["admin", "key", "list", "ada"])
    fingerprint, kind, name = capsys.readouterr().out.strip().split("\t")
    assert (kind, name, len(fingerprint)) == ("key", "laptop", 64)
    assert main(["admin", "key", "revoke", "ada", fingerprint[:12]]) == 0
    assert main(["admin", "key", "revoke", "ada", fingerprint[:12]]) == 2


@pytest.mark.parametrize("pem", ["", "words", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_an_invalid_key_is_refused(tmp_path, pem):
    (tmp_path / "key.pem").write_text(pem)
    with pytest.raises(InvalidSignature):
        read_key(tmp_path / "key.pem")


def test_a_key_with_a_password_signs(tmp_path, folder, hub):
    private, public = a_key(tmp_path, "locked", "open sesame")
    with pytest.raises(InvalidSignature, match="cannot sign"):
        sign(folder, private)
    target, count = sign(folder, private, "open sesame")
    assert count == 2
    from hub.records import File

    files = [File(path, *hub.store.put(raw)) for path, raw in contents_of(folder).items()]
    assert verify_bundle(files, target.read_bytes(), [read_key(public)]).verified


def test_publishing_a_local_folder_checks_its_signature(hub, tmp_path, keys):
    made = a_folder(tmp_path / "mulan-yo")
    sign(made, keys[0])
    revision = publish(made, ArtifactName("local", "mulan-yo"), hub.registry, hub.store)
    assert revision.signature is not None and not revision.signature.verified
