"""Names of devices' PJSIP endpoints: made and parsed only here.

An extension's default device is the endpoint `101@domain`. A further device has its own name in
the user part: `101-browser@domain`. A trunk's endpoint is its UUID, without "@".
"""

import re
from typing import Self

import msgspec

DEFAULT = "default"
"""Name of the device that every extension has."""
DEVICE = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""Names that a device may have."""
_ENDPOINT = re.compile(rf"([0-9]{{2,8}})(?:-({DEVICE.pattern}))?@([a-z0-9.-]{{1,254}})")


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
        """The user part of its SIP address, and its name in digest authentication."""
        return self.extension if self.device == DEFAULT else f"{self.extension}-{self.device}"

    def __str__(self) -> str:
        return f"{self.user}@{self.domain}"
