"""A domain's view of its records, and moments as clients read them."""

from datetime import datetime
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

Utc: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A moment with its offset, in JSON by RFC 3339."""


class View(msgspec.Struct, frozen=True):
    """The time zone of local times, and the URL that recording tokens are appended to."""

    zone: ZoneInfo
    recordings: str

    def local(self, moment: datetime | None) -> str:
        """`YYYY-MM-DD HH:MM:SS`, "" for None."""
        return _text(moment, self.zone)


def local(moment: datetime | None, zone: str) -> str:
    """The same, in the time zone of that name."""
    return _text(moment, ZoneInfo(zone))


def _text(moment: datetime | None, zone: ZoneInfo) -> str:
    if moment is None:
        return ""
    return str(moment.astimezone(zone))[:19]  # isoformat("seconds") takes longer
