"""Requests to the API, and its refusals."""

import gzip
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

ANSWER_S = 350.0  # click-to-call with wait=answer takes as long as a phone rings


class Refused(Exception):
    """Why a command was refused, in a line, and the exit code: 1 refused, 2 wrong usage, 3 not
    found, 4 not possible now.
    """

    def __init__(self, why: str, *, code: int = 1) -> None:
        super().__init__(why)
        self.code = code


class Api:
    """The API of a server, with a token after `log_in`."""

    def __init__(self, server: str) -> None:
        self._server, self._token = server, ""

    def log_in(self, api_key: str) -> None:
        """Requests carry a token of the API key from now on. Raises Refused."""
        made = self.ask("POST", "/v1/auth/token", body={"api_key": api_key})
        self._token = made["data"]["token"]

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        media_type: str = "",
    ) -> Any:
        """The JSON of the response, its text, or its bytes if it is neither. The body is bytes of
        the `media_type`, if that is given. Raises Refused with the API's error.
        """
        url = f"{self._server}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None
        if body is not None:
            content = body if media_type else json.dumps(body).encode()
            headers["Content-Type"] = media_type or "application/json"
        asked = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 http(s)
        try:
            with urllib.request.urlopen(asked, timeout=ANSWER_S) as answer:  # noqa: S310  # nosec B310
                return _decoded(answer)
        except urllib.error.HTTPError as reason:
            with reason:
                raise self._refused(reason) from None
        except (OSError, ValueError) as reason:
            why = getattr(reason, "reason", reason)
            if isinstance(why, ssl.SSLCertVerificationError):
                raise Refused(_untrusted(self._server, why), code=4) from reason
            raise Refused(f"{self._server} does not answer: {why}", code=4) from reason

    def _refused(self, answer: urllib.error.HTTPError) -> Refused:
        try:
            why = str(_decoded(answer)["message"])
        except (OSError, ValueError, KeyError, TypeError):
            why = f"{self._server} answers {answer.code}: is tongdai there?"
        return Refused(why, code={404: 3, 429: 4, 503: 4}.get(answer.code, 1))


def _untrusted(server: str, why: ssl.SSLCertVerificationError) -> str:
    return (
        f"{server} answers, but its certificate is not trusted: {why.verify_message}. Set "
        "SSL_CERT_FILE to the certificate of its authority."
    )


def _decoded(answer: Any) -> Any:
    content = answer.read()
    if answer.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    media_type = answer.headers.get("Content-Type", "json")
    if "json" not in media_type:
        return content if media_type.startswith("audio/") else content.decode()
    return json.loads(content) if content else None
