"""Signatures that the receivers' libraries accept."""

import base64
import hashlib
import hmac

import pytest

from tongdai import errors, ids
from tongdai.webhooks import sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_vector_of_the_standard() -> None:
    signature = sign.signature(
        sign.key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_headers_sign_id_timestamp_and_body() -> None:
    event, body = ids.new(), '{"from_number":"Tổng đài"}'.encode()
    headers = sign.headers(event, 1700000000, body, [sign.key(SECRET)])
    expected = hmac.new(
        base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        f"{event}.1700000000.".encode() + body,
        hashlib.sha256,
    )

    assert headers == {
        "webhook-id": str(event),
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1," + base64.b64encode(expected.digest()).decode(),
    }


def test_every_bit_of_id_timestamp_and_body_counts() -> None:
    key, body = sign.key(SECRET), b'{"a":1}'
    good = sign.signature(key, "id", 1700000000, body)
    flipped = [
        body[:n] + bytes([body[n] ^ 1 << bit]) + body[n + 1 :]
        for n in range(len(body))
        for bit in range(8)
    ]
    others = [sign.signature(key, "id", 1700000000, changed) for changed in flipped]

    assert good not in [
        *others,
        sign.signature(key, "ie", 1700000000, body),
        sign.signature(key, "id", 1700000001, body),
    ]


def test_two_secrets_give_two_signatures_in_their_order() -> None:
    event = ids.new()
    new, old = bytes(32), bytes(range(24))

    both = sign.headers(event, 1, b"{}", [new, old])["webhook-signature"]

    assert both.split(" ") == [
        sign.headers(event, 1, b"{}", [key])["webhook-signature"] for key in (new, old)
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_not base64",
        "whsec_ổ",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
    ],
)
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        sign.key(secret)

    assert refused.value.field == "secret"


@pytest.mark.parametrize("size", [24, 32, 64])
def test_24_to_64_bytes_are_a_secret(size: int) -> None:
    assert sign.key("whsec_" + base64.b64encode(bytes(size)).decode()) == bytes(size)
