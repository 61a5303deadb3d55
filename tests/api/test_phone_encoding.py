"""Numbers that clients encode: the known answers come from `openssl enc -aes-256-ecb -K ...`."""

import base64

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given
from hypothesis import strategies as st

from tongdai import errors, messages
from tongdai.api import phone_encoding

KEY = b"0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("MDg5OTA5ODg5OQ==", "0899098899"),
        ("MDg5OTA5ODg5OQ", "0899098899"),
        ("KzYzOT4+Pj8/Pw==", "+639>>>???"),
        ("KzYzOT4-Pj8_Pw", "+639>>>???"),
        ("KzYzOT4 Pj8/Pw==", "+639>>>???"),  # + of a query string that was not escaped
    ],
)
def test_base64_is_read_as_clients_write_it(text: str, number: str) -> None:
    assert phone_encoding.from_base64(text, "phone") == number


@pytest.mark.parametrize(
    "text", ["MDg5O", "!MDg5OTA5ODg5OQ==", "gA==", "MDg5\nOTA5", "0899.098", "é", "１２"]
)
def test_what_is_no_base64_of_a_text_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidPhone) as refused:
        phone_encoding.from_base64(text, "phone")
    assert (refused.value.field, refused.value.reason) == ("phone", messages.NOT_BASE64)


@given(st.text(alphabet="+0123456789 .-()", min_size=1, max_size=40))
def test_whatever_was_encoded_comes_back(number: str) -> None:
    encoded = base64.b64encode(number.encode()).decode()
    assert phone_encoding.from_base64(encoded, "phone") == number

    padder = PKCS7(128).padder()
    padded = padder.update(number.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES256(KEY), modes.ECB()).encryptor()  # noqa: S305
    encrypted = (encryptor.update(padded) + encryptor.finalize()).hex()
    assert phone_encoding.from_aes(encrypted, KEY, "phone") == number
    assert phone_encoding.from_aes(encrypted.upper(), KEY, "phone") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a174f6b94eaa577bacb9013ee0d9c90e", "0899098899"),
        ("aca6251a913151610c6f8f3402940ac9", "+84899098899"),
    ],
)
def test_aes_is_that_of_openssl(text: str, number: str) -> None:
    assert phone_encoding.from_aes(text, KEY, "phone") == number


@pytest.mark.parametrize(
    "text",
    [
        "a174f6b94eaa577bacb9013ee0d9c90f",  # another block: its padding is wrong
        "a174f6b94eaa577bacb9013ee0d9c9",
        "MDg5OTA5ODg5OQ==",
        "0899098899",
        "g" * 32,
    ],
)
def test_what_does_not_decrypt_is_refused_for_one_reason(text: str) -> None:
    with pytest.raises(errors.InvalidPhone) as refused:
        phone_encoding.from_aes(text, KEY, "phone")
    assert (refused.value.field, refused.value.reason) == ("phone", messages.NOT_ENCRYPTED)


def test_the_key_of_another_domain_does_not_decrypt() -> None:
    with pytest.raises(errors.InvalidPhone):
        phone_encoding.from_aes("a174f6b94eaa577bacb9013ee0d9c90e", KEY[::-1], "phone")
