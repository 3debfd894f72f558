import hashlib
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.services import encryption
from accounts.services.encryption import CannotDecrypt


@given(st.binary(max_size=2000))
def test_what_was_encrypted_is_read_back(data: bytes) -> None:
    token = encryption.encrypt(data, purpose="answers")

    assert encryption.decrypt(token, purpose="answers") == data
    assert len(token) == len(data) + 45


def test_the_same_text_never_looks_the_same_and_never_shows() -> None:
    first = encryption.encrypt(b"a secret prompt", purpose="answers")
    second = encryption.encrypt(b"a secret prompt", purpose="answers")

    assert first != second
    assert b"secret" not in first


@given(position=st.integers(0, 59), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed(position: int, bit: int) -> None:
    token = bytearray(encryption.encrypt(b"fifteen letters", purpose="answers"))
    token[position] ^= 1 << bit

    with pytest.raises(CannotDecrypt):
        encryption.decrypt(bytes(token), purpose="answers")


@pytest.mark.parametrize("length", [0, 1, 44, 59])
def test_a_token_cut_short_is_noticed(length: int) -> None:
    token = encryption.encrypt(b"fifteen letters", purpose="answers")

    with pytest.raises(CannotDecrypt):
        encryption.decrypt(token[:length], purpose="answers")


def test_another_purpose_cannot_read_it() -> None:
    token = encryption.encrypt(b"text", purpose="answers")

    with pytest.raises(CannotDecrypt):
        encryption.decrypt(token, purpose="prompts")


def test_a_former_secret_key_still_reads_what_it_encrypted(settings: Settings) -> None:
    former = settings.SECRET_KEY
    token = encryption.encrypt(b"text", purpose="answers")
    settings.SECRET_KEY = "the-next-key" * 5

    with pytest.raises(CannotDecrypt, match="SECRET_KEY_FALLBACKS"):
        encryption.decrypt(token, purpose="answers")
    settings.SECRET_KEY_FALLBACKS = ["unrelated", former]
    assert encryption.decrypt(token, purpose="answers") == b"text"


def test_a_keyed_hash_is_blake2b_under_a_key_derived_for_its_purpose(settings: Settings) -> None:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"hash:prompts").derive(settings.SECRET_KEY.encode())

    expected = hashlib.blake2b(b"text", digest_size=32, key=derived).hexdigest()
    assert encryption.keyed_hash(b"text", purpose="prompts") == expected
    assert encryption.keyed_hash(b"text", purpose="other") != encryption.keyed_hash(b"text", purpose="prompts")


def test_hashes_under_former_keys_follow_the_present_one(settings: Settings) -> None:
    former = encryption.keyed_hash(b"text", purpose="prompts")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the-next-key" * 5

    assert encryption.keyed_hashes(b"text", purpose="prompts") == (
        encryption.keyed_hash(b"text", purpose="prompts"),
        former,
    )


def test_a_keyed_hash_derives_its_key_only_once() -> None:
    encryption.keyed_hash(b"text", purpose="prompts")
    started = time.process_time()
    for _ in range(1000):
        encryption.keyed_hash(b"text", purpose="prompts")

    # A thousand take about 2 ms; deriving the key each time would take more than 30 ms.
    assert time.process_time() - started < 0.02
