"""Whether a webhook's receiver has taken an event."""


def is_accepted(status: int, *, accept_redirects: bool = False) -> bool:
    """Whether the receiver has taken the event: 2xx; with `accept_redirects` also 302 and 303,
    which Google Apps Script answers after its work is done.
    """
    return 200 <= status < 300 or (accept_redirects and status in (302, 303))
