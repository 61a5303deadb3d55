"""Asterisk's security log: who gave which proof, whatever strangers write into it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tongdai.asterisk import security
from tongdai.asterisk.security import Attempt, Offset

AT = datetime(2026, 11, 23, 16, 7, 21, 492_000, UTC)


def line(
    event: str = "ChallengeResponseFailed",
    *,
    address: str = "IPV4/UDP/192.0.2.7/5060",
    account: str = "101@a.vn",
    call: str = "abc",
    response: str = "f00",
) -> str:
    return (
        f'[2026-11-23 16:07:21.493] SECURITY[3069] res_security_log.c: SecurityEvent="{event}",'
        'EventTV="2026-11-23T16:07:21.492+0000",Severity="Error",Service="PJSIP",EventVersion="1",'
        f'AccountID="{account}",SessionID="{call}",LocalAddress="IPV4/UDP/203.0.113.1/5060",RemoteAddress="{address}",'
        f'Challenge="1/2",Response="{response}",ExpectedResponse=""'
    )


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("IPV4/UDP/192.0.2.7/5060", "192.0.2.7"),
        ("IPV4/TLS/192.0.2.7/40000", "192.0.2.7"),
        ("IPV4/WS/192.0.2.7/40000", "192.0.2.7"),
        ("IPV6/TCP/2001:db8::7/5060", "2001:db8::7"),
    ],
)
def test_a_wrong_proof(written: str, address: str) -> None:
    wrong = Attempt(AT, address, is_successful=False, account="101@a.vn")
    assert security.attempt(line(address=written)) == wrong


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("SuccessfulAuth", True),
        ("InvalidPassword", False),
        ("ChallengeSent", None),
        ("SomethingNew", None),
    ],
)
def test_what_counts(event: str, told: bool | None) -> None:
    found = security.attempt(line(event))
    assert (found.is_successful if found else None) is told


@pytest.mark.parametrize("account", ['101@a.vn",AccountID="102@a.vn', "alice", "", "101@A b"])
def test_an_account_is_an_endpoint_of_ours_or_unknown(account: str) -> None:
    found = security.attempt(line(account=account))
    assert found
    assert found.account in ("", "101@a.vn")


FORGED = 'LocalAddress="IPV4/UDP/203.0.113.1/5060",RemoteAddress="IPV4/UDP/198.51.100.1/5060"'


def test_nobody_can_have_another_address_banned() -> None:
    assert security.attempt(line(call=f'x",{FORGED},SessionID="')) == security.attempt(line())
    quoted = FORGED.replace('"', '\\"')  # a quoted string of a header keeps its backslashes
    assert security.attempt(line(response=f'x\\",{quoted}')) == security.attempt(line())


def test_the_log_is_read_on_from_line_to_line_over_rotation(tmp_path: Path) -> None:
    path = tmp_path / "security"
    assert security.read(path, Offset()) == ([], Offset())
    path.write_text(f"{line()}\nsomething else\n{line('SuccessfulAuth')}"[:-10])
    attempts, offset = security.read(path, Offset())
    assert [each.is_successful for each in attempts] == [False]

    with path.open("a") as file:
        file.write(f"{line('SuccessfulAuth')[-10:]}\n")
    attempts, offset = security.read(path, offset)
    assert [each.is_successful for each in attempts] == [True]
    assert security.read(path, offset) == ([], offset)

    path.write_text(f"{line()}\n")  # cut short
    attempts, offset = security.read(path, offset)
    assert len(attempts) == 1
    path.rename(tmp_path / "security.1")
    path.write_text(f"{line()}\n{line()}\n")
    attempts, offset = security.read(path, offset)
    assert len(attempts) == 2


def test_of_a_long_log_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "security"
    path.write_text(f"{line()}\n" * (2 * security.TAIL // len(line())))
    attempts, _ = security.read(path, Offset())
    assert 0 < len(attempts) <= security.TAIL // len(line())
