"""Signatures of revisions in the OpenSSF Model Signing format: `model.sig`, a sigstore bundle around an in-toto statement.

The statement lists every file with its SHA-256, which is also its blob id. So no file is hashed again: the library verifies the
signature and compares the signed digests with the known ones. See docs/publish/signatures.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.cards.policy import IGNORED, check_contents
from hub.errors import InvalidSignature, MissingExtra, Unreachable
from hub.names import ArtifactName
from hub.records import File, Signature, SigningKey
from hub.registry.database.database import Database
from hub.store import BlobStore
from server.parts.signatures import FILE
from server.parts.signatures.signing_keys import trusted_keys

MAX_BYTES = 16 << 20
_UNSIGNED = (".git", ".gitattributes", ".github", ".gitignore")
"""Files and folders that the library does not sign by default."""
_SHOWN_PROBLEMS = 5
_FIX = f"sign the folder again with `hub sign FOLDER --key KEY`, or remove `{FILE}`"


@dataclass(frozen=True, slots=True)
class _Statement:
    """The content of a bundle, before the signature is verified."""

    digests: dict[str, str]
    material: dict[str, Any]


def signature_in(files: Sequence[File], name: ArtifactName, database: Database, store: BlobStore) -> Signature | None:
    """Return the signature of the files of an artifact, verified with its owner's keys; None for unsigned files.

    Raises InvalidSignature if the signature is invalid or belongs to other files.
    """
    bundle = read_bundle(files, store)
    if bundle is None:
        return None
    try:
        return verify_bundle(files, bundle, trusted_keys(database, name))
    except MissingExtra as reason:
        return _unverified(str(reason))


def read_bundle(files: Sequence[File], store: BlobStore) -> bytes | None:
    """Return the content of `model.sig`; None for unsigned files. Raises InvalidSignature if it is too large."""
    found = next((file for file in files if file.path == FILE), None)
    if found is None:
        return None
    if found.size_bytes > MAX_BYTES:
        raise InvalidSignature(f"`{FILE}` has {found.size_bytes} bytes, the maximum is {MAX_BYTES}.")
    with store.open(found.digest, found.size_bytes) as opened:
        return opened.read()


def verify_bundle(files: Iterable[File], bundle: bytes, keys: Sequence[SigningKey]) -> Signature:
    """Verify the signature in `bundle` of `files` with the trusted `keys`.

    A signature by another key, or of a kind that needs network access, is returned as unverified, with the reason. Raises
    InvalidSignature if the signature is invalid, belongs to other files or was not made with the key that it names; MissingExtra
    without the library.
    """
    try:
        statement = _read(bundle)
    except _Unsupported as unsupported:
        return _unverified(str(unsupported))
    digests = {file.path: file.digest.hex for file in files if file.path != FILE}
    covered = {
        path: digest
        for path, digest in digests.items()
        if path in statement.digests or path.partition("/")[0] not in _UNSIGNED
    }
    _compare(statement.digests, covered)
    if "publicKey" in statement.material:
        return _by_key(statement, bundle, covered, keys)
    if "x509CertificateChain" in statement.material:
        return _by_certificate(statement, bundle, covered, keys)
    signer = _identity(statement.material)
    reason = (
        "signed with sigstore by the identity in its certificate; not verified here: this needs the transparency log"
    )
    return _unverified(reason, "sigstore", signer)


def _verified(key: SigningKey, signer: str) -> Signature:
    return Signature(
        verified=True, method=key.kind, signer=signer, account=key.account, fingerprint=key.fingerprint, reason=""
    )


def _unverified(reason: str, method: str = "", signer: str = "", fingerprint: str = "") -> Signature:
    return Signature(verified=False, method=method, signer=signer, account="", fingerprint=fingerprint, reason=reason)


def fingerprint_of(pem: str) -> tuple[str, str]:
    """Return the kind (`key` or `certificate`) and SHA-256 of a public key or certificate. Raises InvalidSignature, MissingExtra.

    The library supports elliptic-curve keys: P-256, P-384 and P-521.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
    except ImportError as error:
        raise MissingExtra("serve", "signing keys") from error
    raw = b"" if "\0" in pem else pem.encode()  # Databases cannot store NUL in text.
    try:
        if "BEGIN CERTIFICATE" in pem:
            der = x509.load_pem_x509_certificate(raw).public_bytes(Encoding.DER)
            return "certificate", hashlib.sha256(der).hexdigest()
        key = load_pem_public_key(raw)
    except ValueError as error:
        raise InvalidSignature(
            "not a public key or certificate in PEM format: `openssl ec -in key.pem -pubout` prints one."
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in {"secp256r1", "secp384r1", "secp521r1"}:
        raise InvalidSignature("a signing key must be an elliptic-curve key: P-256, P-384 or P-521.")
    encoded = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return "key", hashlib.sha256(encoded).hexdigest()


def read_key(path: Path) -> SigningKey:
    """Load a public key or certificate from a file. Raises InvalidSignature, Unreachable."""
    try:
        pem = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable(f"cannot read {path}: {error}.") from error
    kind, fingerprint = fingerprint_of(pem)
    return SigningKey(account=path.name, name=path.name, kind=kind, fingerprint=fingerprint, pem=pem)


def sign(folder: Path, key: Path, password: str | None = None) -> tuple[Path, int]:
    """Sign all files of `folder` that `hub push` publishes. Returns the path of `model.sig` and the number of files.

    Raises InvalidSignature for an unusable key, InvalidSource for a folder that cannot be published, MissingExtra.
    """
    try:
        from model_signing import hashing, signing
    except ImportError as error:
        raise MissingExtra("serve", "`hub sign`") from error
    target = folder / FILE
    paths = [path for path in check_contents(folder) if path != FILE]
    left_out = [each.relative_to(folder) for each in folder.rglob("*") if each.name in IGNORED]
    how = hashing.Config().set_ignored_paths(paths=[Path(FILE), *left_out]).set_allow_symlinks(True)
    secret: Any = password.encode() if password else None  # Annotated as str, but must be bytes.
    try:
        signer = signing.Config().use_elliptic_key_signer(private_key=key, password=secret)
        signer.set_hashing_config(how).sign(folder, target)
    except (ValueError, TypeError, OSError) as error:
        raise InvalidSignature(
            f"{key} cannot sign ({error}): create a key with `openssl ecparam -name prime256v1 -genkey -noout`."
        ) from error
    return target, len(paths)


class _Unsupported(Exception):
    """A signature that cannot be verified here, but might be valid."""


def _read(bundle: bytes) -> _Statement:
    """Parse a bundle. Raises InvalidSignature; _Unsupported for other kinds of statements."""
    try:
        parsed = json.loads(bundle)
        payload = json.loads(base64.b64decode(parsed["dsseEnvelope"]["payload"], validate=True))
        material = dict(parsed["verificationMaterial"])
        predicate = payload["predicate"]
        if payload["predicateType"] != "https://model_signing/signature/v1.0":
            raise _Unsupported(f"unsupported kind of statement: {str(payload['predicateType'])[:100]}")
        how = predicate["serialization"]
        if (how["method"], how["hash_type"]) != ("files", "sha256"):
            raise _Unsupported(f"unsupported digests: {how['method']} with {how['hash_type']}, not files with sha256")
        digests = {str(each["name"]): str(each["digest"]) for each in predicate["resources"]}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise InvalidSignature(
            f"`{FILE}` is not a model signature ({type(error).__name__}: {error}): {_FIX}."
        ) from error
    return _Statement(digests, material)


def _compare(signed: dict[str, str], files: dict[str, str]) -> None:
    """Raise InvalidSignature unless the signed files are exactly the files of the revision."""
    problems = [
        f"`{path}` differs from the signed file" for path in files if path in signed and signed[path] != files[path]
    ]
    problems += [f"`{path}` was not signed" for path in files if path not in signed]
    problems += [f"`{path}` was signed and is missing" for path in signed if path not in files]
    if problems:
        more = [f"and {len(problems) - _SHOWN_PROBLEMS} more"] if len(problems) > _SHOWN_PROBLEMS else []
        shown = "; ".join(problems[:_SHOWN_PROBLEMS] + more)
        raise InvalidSignature(f"`{FILE}` does not match the files ({shown}): {_FIX}.")


def _by_key(statement: _Statement, bundle: bytes, files: dict[str, str], keys: Sequence[SigningKey]) -> Signature:
    hint = str((statement.material["publicKey"] or {}).get("hint") or "")
    candidates = [key for key in keys if key.kind == "key" and (not hint or key.fingerprint == hint)]
    if not candidates:
        signer = f"the key sha256:{hint[:16]}…" if hint else "an unnamed key"
        return _unverified(f"signed by {signer}, which the owner has not registered here", "key", fingerprint=hint)
    for key in candidates:
        if _is_signed_with(key, bundle, files):
            return _verified(key, key.name)
    raise InvalidSignature(f"`{FILE}` was not made with the key that it names: {_FIX}.")


def _by_certificate(
    statement: _Statement, bundle: bytes, files: dict[str, str], keys: Sequence[SigningKey]
) -> Signature:
    subject, fingerprint = _leaf(statement.material)
    for key in keys:
        if key.kind == "certificate" and _is_signed_with(key, bundle, files):
            return _verified(key, subject)
    reason = "signed with a certificate whose chain has no certificate that the owner has registered here"
    return _unverified(reason, "certificate", subject, fingerprint)


def _is_signed_with(key: SigningKey, bundle: bytes, files: dict[str, str]) -> bool:
    """Return whether `key` has signed exactly these files."""
    try:
        from model_signing import hashing, manifest, verifying
        from model_signing._hashing.hashing import Digest  # Not public.
    except ImportError as error:
        raise MissingExtra("serve", "a signature") from error

    class KnownDigests(hashing.Config):
        """Returns the known digests instead of hashing files."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]  # The library has no types.

        def hash(self, model_path: Any, *, files_to_hash: Any = None) -> Any:  # noqa: ARG002 - the library's signature
            how = manifest.SerializationType.from_args(
                {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}
            )
            items = [how.new_item(path, Digest("sha256", bytes.fromhex(digest))) for path, digest in files.items()]
            return manifest.Manifest("model", items, how)

        def add_ignored_paths(self, *, model_path: Any, paths: Any) -> None:
            """Do nothing: the exclusions in a signature are not honoured."""

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
        try:
            config.verify(Path(folder), signature)
        except Exception:  # noqa: BLE001 - the library does not wrap exceptions of its parsers, cryptography and OpenSSL
            return False
        return True


def _leaf(material: dict[str, Any]) -> tuple[str, str]:
    """Return the subject and SHA-256 of the signing certificate, as claimed by the bundle."""
    from cryptography import x509

    try:
        raw = base64.b64decode(material["x509CertificateChain"]["certificates"][0]["rawBytes"])
        return x509.load_der_x509_certificate(raw).subject.rfc4514_string()[:200], hashlib.sha256(raw).hexdigest()
    except (LookupError, TypeError, ValueError) as error:
        raise InvalidSignature(f"`{FILE}` has no readable certificate: {_FIX}.") from error


def _identity(material: dict[str, Any]) -> str:
    """Return the identity in a sigstore certificate; empty if it cannot be read."""
    try:
        from cryptography import x509
    except ImportError:
        return ""
    try:
        raw = base64.b64decode((material.get("certificate") or {})["rawBytes"])
        extensions = x509.load_der_x509_certificate(raw).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return ", ".join(str(each.value) for each in names)[:200]
    except (LookupError, TypeError, ValueError, x509.ExtensionNotFound):
        return ""
