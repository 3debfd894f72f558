"""Encryption at rest and keyed hashes, with keys derived from SECRET_KEY, one for each purpose.

SECRET_KEY_FALLBACKS keep what an older key encrypted readable while keys are rotated.
"""

import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_VERSION = b"\x01"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_OVERHEAD_BYTES = len(_VERSION) + _SALT_BYTES + _NONCE_BYTES + 16


class CannotDecrypt(Exception):
    """The token was changed, cut short, made for another purpose or by a key that is no longer known."""


def encrypt(data: bytes, *, purpose: str) -> bytes:
    """Return ``data`` encrypted and authenticated (AES-256-GCM), 45 bytes longer than it was."""
    salt = secrets.token_bytes(_SALT_BYTES)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = _cipher(settings.SECRET_KEY, purpose, salt)
    return _VERSION + salt + nonce + cipher.encrypt(nonce, data, purpose.encode())


def decrypt(token: bytes, *, purpose: str) -> bytes:
    """Return what ``encrypt`` was given for the same purpose; raises CannotDecrypt."""
    token = bytes(token)
    if len(token) < _OVERHEAD_BYTES or not token.startswith(_VERSION):
        raise CannotDecrypt("This is no encrypted value, or it was cut short.")
    salt, nonce, body = token[1:17], token[17:29], token[29:]
    for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(secret_key, purpose, salt).decrypt(nonce, body, purpose.encode())
        except InvalidTag:
            continue
    raise CannotDecrypt(
        "The value was changed, or was encrypted with another SECRET_KEY: put the former key into SECRET_KEY_FALLBACKS."
    )


def keyed_hash(data: bytes, *, purpose: str) -> str:
    """Return the keyed BLAKE2b (RFC 7693, section 2.9) of ``data`` as 64 hexadecimal digits.

    Every request is hashed; an HMAC of OpenSSL would let go of the interpreter each time and wait to get it back.
    """
    return _keyed_hash(data, settings.SECRET_KEY, purpose)


def keyed_hashes(data: bytes, *, purpose: str) -> tuple[str, ...]:
    """Return the hashes under SECRET_KEY and then under each of its fallbacks, for finding what was stored before."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(_keyed_hash(data, key, purpose) for key in keys)


def _keyed_hash(data: bytes, secret_key: str, purpose: str) -> str:
    return hashlib.blake2b(data, digest_size=32, key=_derived_key(secret_key, f"hash:{purpose}")).hexdigest()


def _cipher(secret_key: str, purpose: str, salt: bytes) -> AESGCM:
    # A key for every message: random nonces under one key would limit GCM to 2**32 messages.
    return AESGCM(hmac.digest(_derived_key(secret_key, f"encrypt:{purpose}"), salt, "sha256"))


@lru_cache(maxsize=64)
def _derived_key(secret_key: str, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(secret_key.encode())
