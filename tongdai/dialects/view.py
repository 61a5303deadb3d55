"""A domain's view of its records."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec


class View(msgspec.Struct, frozen=True):
    """The time zone of local times, and the URL that recording tokens are appended to."""

    zone: ZoneInfo
    recordings: str

    def local(self, moment: datetime | None) -> str:
        """`YYYY-MM-DD HH:MM:SS`, "" for None."""
        if moment is None:
            return ""
        return moment.astimezone(self.zone).isoformat(" ", "seconds")[:19]
