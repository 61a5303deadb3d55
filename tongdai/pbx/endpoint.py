"""Names of devices' PJSIP endpoints: made and parsed only here.

An extension's default device is the endpoint `101@domain`. A further device has its own name in
the user part: `101-browser@domain`. The device `webrtc` has the endpoint `101-webrtc@domain`, for
browsers that register as `101@domain` itself: the edge proxy (tongdai/edge) marks their messages.
A trunk's endpoint is its UUID, without "@".
"""

import re
from typing import Self

import msgspec

DEFAULT = "default"
"""Name of the device that every extension has."""
WEBRTC = "webrtc"
"""Name of the device for browsers that register with the user name and password of the default
device. No other device may have it."""
DEVICE = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""Names that a device may have."""
_ENDPOINT = re.compile(rf"([0-9]{{2,8}})(?:-({DEVICE.pattern}))?@([a-z0-9.-]{{1,254}})")


def account(extension: str, device: str) -> str:
    """The name of the device in its domain, the user part of its endpoint's name: 101,
    101-browser.
    """
    return extension if device == DEFAULT else f"{extension}-{device}"


class Endpoint(msgspec.Struct, frozen=True):
    """The endpoint of one device of an extension. `str()` gives its name in Asterisk."""

    extension: str
    domain: str
    device: str = DEFAULT

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """The endpoint of that name; None if the name is not a device's, but such as a trunk's."""
        found = _ENDPOINT.fullmatch(name)
        return cls(found[1], found[3], found[2] or DEFAULT) if found else None

    @property
    def user(self) -> str:
        """The user part of the SIP address that its user enters, and its user name in digest
        authentication.
        """
        is_named = self.device not in (DEFAULT, WEBRTC)
        return f"{self.extension}-{self.device}" if is_named else self.extension

    def __str__(self) -> str:
        return f"{account(self.extension, self.device)}@{self.domain}"
