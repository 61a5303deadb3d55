"""Who calls, and whether we may tell (RFC 3323, RFC 3325)."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tongdai.pbx import caller_identity
from tongdai.pbx.signals import Arrived


def arrived(caller: str = "anonymous", **said: str) -> Arrived:
    return Arrived(
        UUID(int=1), "c", datetime(2026, 11, 30, tzinfo=UTC), "trunk", "t", "1", caller, "", **said
    )


@pytest.mark.parametrize(
    ("signal", "number"),
    [
        (arrived("0899888999"), "0899888999"),
        (arrived("+84899888999;cpc=ordinary"), "0899888999"),
        (arrived("+84-899-888-999"), "0899888999"),
        (arrived("899888999"), "0899888999"),  # delivered without its leading 0
        (arrived("+12025550123"), "0012025550123"),
        (arrived("Bank24h"), "Bank24h"),
        (arrived(""), "anonymous"),
        (arrived(), "anonymous"),
        (
            arrived(identity='"An" <sip:+84899888999@c.vn>, <tel:+84899888999>'),
            "0899888999",
        ),
        (arrived(identity="<sip:c.vn>, <tel:+84899888999>"), "0899888999"),
        (arrived("0900000001", identity="<sip:0899888999@c.vn>"), "0899888999"),
        (arrived("0899888999", privacy="none"), "0899888999"),
        (arrived("0899888999", privacy="history"), "0899888999"),
        (arrived("0899888999", privacy="id"), "anonymous"),
        (arrived("0899888999", privacy="critical; ID"), "anonymous"),
        (arrived(identity="<sip:0899888999@c.vn>, <tel:+84899888999>", privacy="id"), "anonymous"),
        (arrived("0899888999", presentation="prohib_not_screened"), "anonymous"),
        (arrived("0899888999", presentation="allowed_not_screened"), "0899888999"),
    ],
)
def test_the_callers_number(signal: Arrived, number: str) -> None:
    assert caller_identity.caller_number(signal, "84") == number
