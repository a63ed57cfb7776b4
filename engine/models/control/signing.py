"""Signatures: Ed25519 over bytes, verified before anything in them is parsed.

The private key stays with the operator (``.labline/keys/operator.pem``, mode 0600); the public
ones are part of the workspace (``keys/*.pub``), so a factory holds nothing it could forge with.
"""

import hashlib
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from labline.engine.errors import LablineError

PublicKeys = Mapping[str, Ed25519PublicKey]


class Signer:
    """A private key that signs.

    Examples
    --------
    >>> signer = Signer(Ed25519PrivateKey.generate())
    >>> verify(signer.public_keys(), signer.key_id, b"text", signer.sign(b"text"))
    True
    >>> verify(signer.public_keys(), signer.key_id, b"other", signer.sign(b"text"))
    False
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    @classmethod
    def load(cls, path: Path) -> "Signer":
        """Read a private key.

        Raises
        ------
        LablineError
            ``LL-KEY-MISSING`` when there is none.
        """
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError as error:
            raise LablineError(
                "LL-KEY-MISSING", f"there is no signing key at {path}", "labline models keygen"
            ) from error
        except ValueError as error:
            raise LablineError(
                "LL-KEY-INVALID", f"{path} is no PEM private key", "labline models keygen"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise LablineError(
                "LL-KEY-INVALID", f"{path} is not an Ed25519 key", "labline models keygen"
            )
        return cls(key)

    def sign(self, data: bytes) -> str:
        """Return a signature as base64 text."""
        return b64encode(self._key.sign(data)).decode()

    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        """Return the public half under its id."""
        return {self.key_id: self._key.public_key()}


def key_id(key: Ed25519PublicKey) -> str:
    """Return 16 hexadecimal digits that name a public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def verify(keys: PublicKeys, name: str, data: bytes, signature: str) -> bool:
    """Tell whether `signature` over `data` is by the trusted key called `name`."""
    key = keys.get(name)
    if key is None:
        return False
    try:
        raw = b64decode(signature, validate=True)
        if b64encode(raw).decode() != signature:  # the same bytes, spelt in another way
            return False
        key.verify(raw, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def generate(private: Path, public: Path) -> str:
    """Make a key pair unless there is one; return its id."""
    if private.exists():
        return Signer.load(private).key_id
    key = Ed25519PrivateKey.generate()
    private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    public.parent.mkdir(parents=True, exist_ok=True)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public.write_text(b64encode(raw).decode() + "\n")
    return key_id(key.public_key())


def load_public_keys(folder: Path) -> dict[str, Ed25519PublicKey]:
    """Return the trusted keys of a workspace by id."""
    keys = {}
    for path in sorted(folder.glob("*.pub")):
        try:
            key = Ed25519PublicKey.from_public_bytes(b64decode(path.read_text(), validate=False))
        except ValueError as error:
            raise LablineError(
                "LL-KEY-INVALID", f"{path} is no Ed25519 public key", "labline models keygen"
            ) from error
        keys[key_id(key)] = key
    return keys
