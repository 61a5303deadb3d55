"""The addresses by which Asterisk knows browsers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongdai.asterisk import browser_addresses
from tongdai.asterisk.browser_addresses import Clients, ClientsWriter, source

KEY, OTHER = b"k" * 32, b"o" * 32


@given(st.ip_addresses().map(str))
def test_every_client_has_an_address_of_its_own_on_loopback(client: str) -> None:
    found = source(client, KEY)
    assert browser_addresses.is_source(found)
    assert found == source(client, KEY)


def test_the_address_depends_on_the_key_and_on_the_64_of_ipv6() -> None:
    assert source("203.0.113.9", KEY) != source("203.0.113.9", OTHER)
    assert source("203.0.113.9", KEY) != source("203.0.113.8", KEY)
    assert source("203.0.113.9", KEY) == source("::ffff:203.0.113.9", KEY)
    assert source("2001:db8::1", KEY) == source("2001:db8::ffff:2", KEY)
    assert source("2001:db8::1", KEY) != source("2001:db8:0:1::1", KEY)


def test_others_addresses_of_loopback_stand_for_nobody() -> None:
    for address in ("127.0.0.1", "127.63.1.1", "127.192.0.1", "203.0.113.9", "::1"):
        assert not browser_addresses.is_source(address)
    for address in ("127.64.0.0", "127.99.1.2", "127.100.1.2", "127.191.255.255"):
        assert browser_addresses.is_source(address)


def test_the_engine_finds_the_real_address(tmp_path: Path) -> None:
    known, writer = Clients(tmp_path), ClientsWriter(tmp_path)
    shown = source("203.0.113.9", KEY)
    assert known.real(shown) == shown, "before the edge proxy has written it"
    writer.note(shown, "203.0.113.9")
    assert known.real(shown) == "203.0.113.9"
    writer.note(source("2001:db8::1", KEY), "2001:db8::1")
    assert known.real(source("2001:db8::1", KEY)) == "2001:db8::1"
    assert known.real("203.0.113.7") == "203.0.113.7"


def test_a_restarted_edge_proxy_keeps_the_pairs(tmp_path: Path) -> None:
    ClientsWriter(tmp_path).note("127.64.0.1", "203.0.113.9")
    again = ClientsWriter(tmp_path)
    again.note("127.64.0.2", "203.0.113.8")
    again.note("127.64.0.1", "203.0.113.7")
    known = Clients(tmp_path)
    assert known.real("127.64.0.1") == "203.0.113.7", "the latest"
    assert known.real("127.64.0.2") == "203.0.113.8"


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_addresses, "MOST", 20)
    writer = ClientsWriter(tmp_path)
    for number in range(100):
        writer.note(f"127.64.0.{number}", "203.0.113.9")
    lines = (tmp_path / browser_addresses.FILE).read_text().splitlines()
    assert len(lines) <= 40
    assert Clients(tmp_path).real(lines[-1].split()[0]) == "203.0.113.9"
