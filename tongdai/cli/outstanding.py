"""tongdai outstanding: events and deliveries of all domains that are still outstanding."""

from tongdai.cli import options, session, terminal
from tongdai.store import outstanding as store


def outstanding(*, as_json: options.Json = False) -> None:
    """Show what is outstanding in each domain: live calls, ended calls, and due deliveries.

    Each with the age of the oldest in seconds. An ended call is outstanding for a moment, while
    its recording is closed; one that stays is reconstructed from the switch's CEL log within half
    a minute.

    Example: tongdai outstanding
    """
    terminal.many(
        session.run(store.all),
        "domain",
        "live",
        "live_s",
        "ended",
        "ended_s",
        "due",
        "due_s",
        as_json=as_json,
    )
