"""The addresses of clients behind proxies, and the limits on their connections."""

import pytest

from tongdai.edge.clients import Limits, Proxies


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # no proxy: not believed
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),  # the first is the client's
        ("127.0.0.1", ["198.51.100.1", "203.0.113.9, 10.0.0.5"], "203.0.113.9"),
        ("10.0.0.5", ["203.0.113.9", "127.0.0.1"], "203.0.113.9"),
        ("10.0.0.5", ["10.0.0.5"], "10.0.0.5"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("127.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
    ],
)
def test_the_client_behind_proxies(peer: str, forwarded: list[str], client: str) -> None:
    assert Proxies(["10.0.0.5/32"]).client(peer, forwarded) == client


def test_connections_are_limited_in_all_and_by_client() -> None:
    limits = Limits(most=3, of_client=2)
    assert [limits.opened() for _ in range(4)] == [True, True, True, False]
    limits.closed()
    limits.closed()
    assert limits.opened()
    assert [limits.taken("a") for _ in range(3)] == [True, True, False]
    assert limits.taken("b")
    limits.given_back("a")
    limits.given_back("a")
    assert limits.taken("a")
