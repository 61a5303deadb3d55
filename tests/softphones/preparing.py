"""The settings of a softphone in a company."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.company import PASSWORD, Company, Office
from testbed.softphones.softphone import Setup, Transport

HERTZ = 500
# of Python 3.13 and later there is no wheel
with_pjsua2 = pytest.mark.skipif(find_spec("pjsua2") is None, reason="no pjsua2 for this Python")
Prepare = Callable[..., Setup]


@pytest.fixture
def prepare(company: Company, office: Office, tmp_path: Path) -> Prepare:
    """Makes the settings of a phone, with a folder of its own."""
    made = 0

    def setup(transport: Transport = "udp", **changes: object) -> Setup:
        nonlocal made
        made += 1
        folder = tmp_path / f"softphone-{made}"
        folder.mkdir()
        settings = office.instance.settings
        plain = Setup(
            folder=folder,
            server=settings["sip_tls"] if transport == "tls" else office.instance.sip,
            trust=settings["sip_tls_cert"] if transport == "tls" else "",
            domain=company.name,
            user="101",
            password=PASSWORD,
            hertz=HERTZ,
            transport=transport,
        )
        return replace(plain, **changes)

    return setup
