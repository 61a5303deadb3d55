"""One-time codes of authenticator apps (TOTP, RFC 6238): six digits, SHA-1, every 30 seconds, as
all of them know; and recovery codes.
"""

import re
import secrets
from typing import Final

import pyotp
import segno
from pyotp.utils import strings_equal

STEP_S: Final = 30
_AROUND: Final = (0, -1, 1)  # steps that a clock may be off
_RECOVERY: Final = (10, 2, 5)  # codes, groups of each, characters of a group
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # that nobody takes for another


def new_secret() -> str:
    """160 random bits in base 32, as apps read them."""
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether it can be one of `new_secret`."""
    return re.fullmatch("[A-Z2-7]{32}", text) is not None


def code(secret: str, step: int) -> str:
    """The code of the time step."""
    return pyotp.TOTP(secret, interval=STEP_S).generate_otp(step)


def step_of(secret: str, given: str, now: float) -> int | None:
    """The time step whose code was given, at that Unix time or one step beside; None if it is
    none of those.
    """
    typed, this = "".join(given.split()), int(now) // STEP_S
    steps = [this + off for off in _AROUND]
    return next((step for step in steps if strings_equal(code(secret, step), typed)), None)


def uri(secret: str, account: str, issuer: str) -> str:
    """`otpauth://...`, which apps read."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=account, issuer_name=issuer)


def qr_svg(text: str) -> str:
    """The text as a QR code, an SVG element."""
    return segno.make_qr(text, error="m").svg_inline()


def new_recovery_codes() -> list[str]:
    """Ten of 49 random bits, such as `k3m9p-x7qra`."""
    codes, groups, size = _RECOVERY
    return [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(size)) for _ in range(groups))
        for _ in range(codes)
    ]


def as_recovery_code(given: str) -> str:
    """As it was made, however it was typed."""
    return "".join(given.lower().split())
