"""The cookie of a session, and the proof that a request with it was made by a page of our own.

A browser sends a cookie with whatever request any page makes it send. So the cookie counts only
where the request says that it comes from our own origin, and has a header that pages of other
origins cannot add: the browser asks first, by CORS, and is refused credentials.
"""

from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from tongdai import errors, messages
from tongdai.api.requests import Request
from tongdai.store.sessions import LONGEST_S

PROOF = "X-Requested-With"
"""The header that a page of ours adds, with any value."""
_PLAIN, _SECURE = "tongdai_session", "__Host-tongdai_session"


def secret(request: Request) -> str:
    """The secret of the session; "" without a cookie. Raises errors.NotAuthenticated where the
    request does not prove that a page of our own made it.
    """
    found = {
        pair.partition("=")[0].strip(): pair.partition("=")[2].strip()
        for pair in request.header(b"cookie").split(";")
    }.get(_name(request), "")
    if found and not is_ours(request):
        raise errors.NotAuthenticated(messages.NOT_OUR_PAGE(header=PROOF))
    return found


def is_ours(request: Request) -> bool:
    """Whether a page of our own made the request, or a program that is no browser and has the
    header.
    """
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    return (
        request.has_header(PROOF.lower().encode())
        and site in ("", "same-origin")
        and (not origin or urlsplit(origin).netloc in _own_hosts(request))
    )


def _own_hosts(request: Request) -> tuple[str, ...]:
    """As the request names us, and as the operator does (a proxy may name us otherwise)."""
    return request.header(b"host"), urlsplit(request.context.deps.base_url).netloc


def given(request: Request, secret: str) -> dict[str, str]:
    """The header that makes the browser keep the secret, out of reach of scripts; "" ends that."""
    cookie: SimpleCookie = SimpleCookie({_name(request): secret})
    about = cookie[_name(request)]
    about["path"], about["httponly"], about["samesite"] = "/", True, "Strict"
    about["max-age"] = LONGEST_S if secret else 0
    about["secure"] = _is_secure(request)
    return {"Set-Cookie": about.OutputString()}


def _name(request: Request) -> str:
    """With TLS a name that browsers take from this very host only (RFC 6265bis, __Host-)."""
    return _SECURE if _is_secure(request) else _PLAIN


def _is_secure(request: Request) -> bool:
    return bool(request.scope.get("scheme") == "https")
