"""tongdai owed: what every domain has yet to be told."""

from tongdai.cli import options, session, terminal
from tongdai.store import owed as store


def owed(*, as_json: options.Json = False) -> None:
    """Show what is owed to each domain: by live calls, by calls that are over (debts), and
    deliveries that are due.

    Each with the age of the oldest in seconds. Debts last a moment, while a recording is closed;
    others are looked into and settled from the switch's journal within half a minute.

    Example: tongdai owed
    """
    terminal.many(
        session.run(store.all),
        "domain",
        "live",
        "live_s",
        "debts",
        "debts_s",
        "due",
        "due_s",
        as_json=as_json,
    )
