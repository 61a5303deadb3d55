"""Checks of the certificate of SIP over TLS and of browser phones."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from tongdai.cli.doctor.finding import Finding, fail, ok, warn
from tongdai.settings import Settings

SOON = timedelta(days=14)
"""Those who renew certificates for 90 days do so 30 days before their end."""
_RENEW = "Renew it; tongdai takes the new files within a minute, without a restart."


def examine(known: Settings) -> Iterator[Finding]:
    """A finding for the certificate that the settings name, if they do."""
    certificate, key = known.sip_tls_cert, known.sip_tls_key
    if certificate and key:
        yield _one(certificate, key, datetime.now(UTC))


def _one(path: Path, key: Path, now: datetime) -> Finding:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, key)
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as reason:
        return fail("certificate", f"{path} and {key} are of no use: {reason}", _RENEW)
    if (begins := max(one.not_valid_before_utc for one in chain)) > now:
        return fail(
            "certificate", f"{path} is valid only from {begins:%Y-%m-%d %H:%M} UTC", _RENEW
        )
    ends = min(one.not_valid_after_utc for one in chain)  # of any in the chain
    if ends <= now:
        return fail("certificate", f"{path} has ended on {ends:%Y-%m-%d %H:%M} UTC", _RENEW)
    if ends - now < SOON:
        return warn("certificate", f"{path} ends on {ends:%Y-%m-%d %H:%M} UTC", _RENEW)
    return ok("certificate", f"{path} is valid until {ends:%Y-%m-%d}")
