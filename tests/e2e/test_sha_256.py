"""Digests by SHA-256 (RFC 8760), with TONGDAI_SIP_SHA."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed import wire
from testbed.company import PASSWORD, Company, Office, operated
from testbed.instance import Instance
from testbed.phones import SippSetup


@pytest.fixture(scope="module")
async def pbx() -> AsyncIterator[Instance]:
    """An instance that asks phones for SHA-256 too."""
    with tempfile.TemporaryDirectory(prefix="tongdai-sha-256-") as folder:
        instance = Instance(Path(folder), sandbox=False, sip_sha="1")
        try:
            await instance.start()
            yield instance
        finally:
            await instance.end()


@pytest.fixture(scope="module")
async def office(pbx: Instance, sipp_command: list[str]) -> AsyncIterator[Office]:
    with tempfile.TemporaryDirectory(prefix="tongdai-sipp-") as folder:
        async with operated(pbx, SippSetup(sipp_command, Path(folder), pbx.sip)) as made:
            yield made


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_phone_takes_the_digest_that_it_knows(
    company: Company, office: Office, algorithm: wire.Algorithm
) -> None:
    for user in ("101", f"101@{company.name}"):
        async with wire.udp(office.instance.sip) as line:
            for password, last in ((PASSWORD, 200), ("wrong", 401)):
                answers = await wire.authenticated(
                    line,
                    "REGISTER",
                    "101",
                    company.name,
                    password,
                    login=user,
                    algorithm=algorithm,
                )
                assert [wire.status(answer) for answer in answers] == [401, last]
                assert answers[0].count("WWW-Authenticate:") == 2, "one challenge an algorithm"
