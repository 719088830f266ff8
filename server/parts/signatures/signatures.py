"""Signatures of whole revisions, as OpenSSF Model Signing writes them: `model.sig`, a sigstore bundle around an in-toto statement.

The statement lists every file with its SHA-256. Those are our blobs' names, so nothing is hashed again: the library checks the
signature, and compares what was signed with what we know. See docs/trust.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.cards.policy import IGNORED, check_contents
from hub.errors import MissingExtra, Unreachable, WrongSignature
from hub.names import ArtifactName
from hub.records import File, Signature, SigningKey
from hub.registry.database.database import Database
from hub.store import BlobStore
from server.parts.signatures import FILE
from server.parts.signatures.signing_keys import trusted_keys

LARGEST_BYTES = 16 << 20
_UNSIGNED = (".git", ".gitattributes", ".github", ".gitignore")
"""What the library leaves out by itself; folders end at a `/`."""
_SHOWN = 5
_FIX = f"sign it again with `hub sign FOLDER --key KEY`, or leave `{FILE}` out"


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a bundle says, before anybody has checked who says so."""

    digests: dict[str, str]
    material: dict[str, Any]


def signature_in(files: Sequence[File], name: ArtifactName, database: Database, store: BlobStore) -> Signature | None:
    """The signature among the files of an artifact, judged by the keys of its owner; None for files without one.

    Raises WrongSignature for one that does not fit.
    """
    bundle = read_bundle(files, store)
    if bundle is None:
        return None
    try:
        return verify_bundle(files, bundle, trusted_keys(database, name))
    except MissingExtra as reason:
        return _unverified(str(reason))


def read_bundle(files: Sequence[File], store: BlobStore) -> bytes | None:
    """Return the content of `model.sig`; None for files without one. Raises WrongSignature for one that is too large."""
    found = next((file for file in files if file.path == FILE), None)
    if found is None:
        return None
    if found.size_bytes > LARGEST_BYTES:
        raise WrongSignature(f"`{FILE}` has {found.size_bytes} bytes, and {LARGEST_BYTES} are the most.")
    with store.open(found.digest) as opened:
        return opened.read()


def verify_bundle(files: Iterable[File], bundle: bytes, keys: Sequence[SigningKey]) -> Signature:
    """What the signature in `bundle` is worth for `files`, to somebody who trusts `keys`.

    Raises WrongSignature when it is for other files, was not made by the key that it names, or is none; MissingExtra without the
    library. By a key that is not among `keys`, or of a kind that needs the network, it is not verified, and says why.
    """
    try:
        statement = _read(bundle)
    except _Unsupported as unsupported:
        return _unverified(str(unsupported))
    kept = {file.path: file.digest.hex for file in files if file.path != FILE}
    covered = {path: digest for path, digest in kept.items() if not _is_unsigned(path) or path in statement.digests}
    _compare(statement.digests, covered)
    if "publicKey" in statement.material:
        return _by_key(statement, bundle, covered, keys)
    if "x509CertificateChain" in statement.material:
        return _by_certificate(statement, bundle, covered, keys)
    signer = _identity(statement.material)
    reason = "signed with sigstore by the identity that its certificate names; not verified here: that needs the transparency log"
    return _unverified(reason, "sigstore", signer)


def _unverified(reason: str, method: str = "", signer: str = "", fingerprint: str = "") -> Signature:
    return Signature(verified=False, method=method, signer=signer, account="", fingerprint=fingerprint, reason=reason)


def fingerprint_of(pem: str) -> tuple[str, str]:
    """Kind (`key` or `certificate`) and SHA-256 of a public key or certificate. Raises WrongSignature for anything else.

    Keys are elliptic-curve keys, as the library takes them: P-256, P-384, P-521.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
    except ImportError as error:
        raise MissingExtra("serve", "signing keys") from error
    raw = b"" if "\0" in pem else pem.encode()  # No database keeps a NUL in a text.
    try:
        if "BEGIN CERTIFICATE" in pem:
            return "certificate", hashlib.sha256(
                x509.load_pem_x509_certificate(raw).public_bytes(Encoding.DER)
            ).hexdigest()
        key = load_pem_public_key(raw)
    except ValueError as error:
        raise WrongSignature(
            "this is no public key and no certificate in PEM: `openssl ec -in key.pem -pubout` prints one."
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in {"secp256r1", "secp384r1", "secp521r1"}:
        raise WrongSignature("a signing key is an elliptic-curve key: P-256, P-384 or P-521.")
    spelt = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return "key", hashlib.sha256(spelt).hexdigest()


def read_key(path: Path) -> SigningKey:
    """The public key or certificate in a file, as nobody's in particular. Raises WrongSignature, Unreachable."""
    try:
        pem = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable(f"cannot read {path}: {error}.") from error
    kind, fingerprint = fingerprint_of(pem)
    return SigningKey(account=path.name, name=path.name, kind=kind, fingerprint=fingerprint, pem=pem)


def sign(folder: Path, key: Path, password: str | None = None) -> tuple[Path, int]:
    """Sign every file of `folder` that would be published, into its `model.sig`; that file, and how many were signed.

    Raises WrongSignature for a key that cannot sign, WrongSource for a folder that may not be published.
    """
    try:
        from model_signing import hashing, signing
    except ImportError as error:
        raise MissingExtra("serve", "`hub sign`") from error
    target = folder / FILE
    paths = [path for path in check_contents(folder) if path != FILE]
    left_out = [each.relative_to(folder) for each in folder.rglob("*") if each.name in IGNORED]
    how = hashing.Config().set_ignored_paths(paths=[Path(FILE), *left_out]).set_allow_symlinks(True)
    secret: Any = password.encode() if password else None  # The library says text, and needs bytes.
    try:
        signer = signing.Config().use_elliptic_key_signer(private_key=key, password=secret)
        signer.set_hashing_config(how).sign(folder, target)
    except (ValueError, TypeError, OSError) as error:
        raise WrongSignature(
            f"{key} cannot sign ({error}): `openssl ecparam -name prime256v1 -genkey -noout` makes a key."
        ) from error
    return target, len(paths)


class _Unsupported(Exception):
    """A signature that may be good, and that cannot be checked here."""


def _read(bundle: bytes) -> _Statement:
    """Take a bundle apart. Raises WrongSignature, and _NotHere for statements of other kinds."""
    try:
        parsed = json.loads(bundle)
        payload = json.loads(base64.b64decode(parsed["dsseEnvelope"]["payload"], validate=True))
        material = dict(parsed["verificationMaterial"])
        predicate = payload["predicate"]
        if payload["predicateType"] != "https://model_signing/signature/v1.0":
            raise _Unsupported(f"a statement of another kind than model signing: {str(payload['predicateType'])[:100]}")
        how = predicate["serialization"]
        if (how["method"], how["hash_type"]) != ("files", "sha256"):
            raise _Unsupported(
                f"it was made over {how['method']} with {how['hash_type']}, and files with sha256 are checked here"
            )
        digests = {str(each["name"]): str(each["digest"]) for each in predicate["resources"]}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise WrongSignature(
            f"`{FILE}` is no signature of a model ({type(error).__name__}: {error}): {_FIX}."
        ) from error
    return _Statement(digests, material)


def _compare(signed: dict[str, str], kept: dict[str, str]) -> None:
    """Raises WrongSignature unless exactly the files that are kept were signed."""
    problems = [f"`{path}` is not what was signed" for path in kept if path in signed and signed[path] != kept[path]]
    problems += [f"`{path}` was not signed" for path in kept if path not in signed]
    problems += [f"`{path}` was signed and is not here" for path in signed if path not in kept]
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise WrongSignature(f"`{FILE}` is for other files ({'; '.join(problems[:_SHOWN])}{more}): {_FIX}.")


def _by_key(statement: _Statement, bundle: bytes, kept: dict[str, str], keys: Sequence[SigningKey]) -> Signature:
    hint = str((statement.material["publicKey"] or {}).get("hint") or "")
    named = [key for key in keys if key.kind == "key" and (not hint or key.fingerprint == hint)]
    if not named:
        whose = f"by the key sha256:{hint[:16]}…, which" if hint else "by a key that is not named, and"
        reason = f"signed {whose} the owner has not registered here"
        return _unverified(reason, "key", fingerprint=hint)
    for key in named:
        if _is_signed_with(key, bundle, kept):
            return Signature(
                verified=True,
                method="key",
                signer=key.name,
                account=key.account,
                fingerprint=key.fingerprint,
                reason="",
            )
    raise WrongSignature(f"`{FILE}` was not made by the key that it names: {_FIX}.")


def _by_certificate(
    statement: _Statement, bundle: bytes, kept: dict[str, str], keys: Sequence[SigningKey]
) -> Signature:
    subject, fingerprint = _leaf(statement.material)
    for key in keys:
        if key.kind == "certificate" and _is_signed_with(key, bundle, kept):
            return Signature(
                verified=True,
                method="certificate",
                signer=subject,
                account=key.account,
                fingerprint=key.fingerprint,
                reason="",
            )
    reason = "signed with a certificate that leads back to none that the owner has registered here"
    return _unverified(reason, "certificate", subject, fingerprint)


def _is_signed_with(key: SigningKey, bundle: bytes, kept: dict[str, str]) -> bool:
    """Whether the library finds that `key` has signed exactly `kept`."""
    try:
        from model_signing import hashing, manifest, verifying
        from model_signing._hashing.hashing import Digest  # Has no public name.
    except ImportError as error:
        raise MissingExtra("serve", "a signature") from error

    class KnownDigests(hashing.Config):
        """Answers with the digests that we have, instead of reading the files again."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]  # The library says no types.

        def hash(self, model_path: Any, *, files_to_hash: Any = None) -> Any:  # noqa: ARG002 - the library's signature
            how = manifest.SerializationType.from_args(
                {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}
            )
            items = [how.new_item(path, Digest("sha256", bytes.fromhex(digest))) for path, digest in kept.items()]
            return manifest.Manifest("model", items, how)

        def add_ignored_paths(self, *, model_path: Any, paths: Any) -> None:
            """What a signature wants to be left out counts all the same."""

    with tempfile.TemporaryDirectory() as folder:
        pem, signature = Path(folder, "key.pem"), Path(folder, FILE)
        pem.write_text(key.pem, encoding="utf-8")
        signature.write_bytes(bundle)
        config = verifying.Config()
        if key.kind == "key":
            config.use_elliptic_key_verifier(public_key=pem)
        else:
            config.use_certificate_verifier(certificate_chain=[pem])
        config.set_hashing_config(KnownDigests())
        return _succeeds(lambda: config.verify(Path(folder), signature))


def _succeeds(verify: Callable[[], object]) -> bool:
    try:
        verify()
    except Exception:  # noqa: BLE001 - the library raises whatever its parsers, cryptography and OpenSSL raise
        return False
    return True


def _leaf(material: dict[str, Any]) -> tuple[str, str]:
    """Subject and SHA-256 of the certificate that signed, as it says itself."""
    from cryptography import x509

    try:
        raw = base64.b64decode(material["x509CertificateChain"]["certificates"][0]["rawBytes"])
        return x509.load_der_x509_certificate(raw).subject.rfc4514_string()[:200], hashlib.sha256(raw).hexdigest()
    except (LookupError, TypeError, ValueError) as error:
        raise WrongSignature(f"`{FILE}` holds no readable certificate: {_FIX}.") from error


def _identity(material: dict[str, Any]) -> str:
    """Who a sigstore certificate says it is for; empty where it cannot be read."""
    try:
        from cryptography import x509
    except ImportError:
        return ""
    try:
        raw = base64.b64decode((material.get("certificate") or {})["rawBytes"])
        names = (
            x509.load_der_x509_certificate(raw).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
        return ", ".join(str(each.value) for each in names)[:200]
    except (LookupError, TypeError, ValueError, x509.ExtensionNotFound):
        return ""


def _is_unsigned(path: str) -> bool:
    return path.partition("/")[0] in _UNSIGNED
