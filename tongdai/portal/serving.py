"""The portal's files over HTTP, before the API. They are read once: a process serves the version
that it began with.

A page is `index.html` at each of its paths; the browser shows the part that the path names.
"""

import gzip
from collections.abc import Mapping
from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path

from msgspec import Struct
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

FILES = Path(__file__).parent / "files"
PAGES = frozenset(
    {"", "account", "audit", "calls", "developers", "operator", "people", "reports", "routing"}
)
"""The first parts of the paths of pages, as in `web/portal/src/pages.ts`; "": `/` itself."""

_INDEX = "index.html"
_HASHED = "assets/"  # their names change with their contents
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; media-src 'self' blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>tongdai</title>
<link rel="icon" href="/favicon.ico">
<h1>tongdai</h1>
<p>The API runs. The portal does not: it is not built, as when Node.js could not be had.
<code>bin/setup</code> builds it, and says why it cannot. Then start tongdai again.</p>
<p lang="vi">API đang chạy. Giao diện web chưa được build, ví dụ vì không lấy được Node.js.
Lệnh <code>bin/setup</code> build giao diện và cho biết lý do nếu không được. Sau đó hãy khởi động
lại tongdai.</p>
<ul><li><a href="/guides">/guides</a></li><li><a href="/schema">/schema</a></li></ul>
</html>
"""


class File(Struct, frozen=True):
    """A file, as it is and compressed (b"" if that does not pay)."""

    body: bytes
    zipped: bytes
    media_type: str
    etag: str
    cached: str  # Cache-Control


def create(api: ASGIApp, folder: Path = FILES) -> ASGIApp:
    """The application: the portal's files at their paths, and the API at all others."""
    files = _read(folder)

    async def portal(scope: Scope, receive: Receive, send: Send) -> None:
        name = _name(scope["path"], files) if scope["type"] == "http" else None
        if name is None:
            return await api(scope, receive, send)
        response = _response(files[name], scope) if name in files else _not_built()
        return await response(scope, receive, send)

    return portal


def _name(path: str, files: Mapping[str, File]) -> str | None:
    """The file at that path; None: it is not the portal's."""
    wanted = path.strip("/")
    if wanted in files and wanted != _INDEX:
        return wanted
    if f"{wanted}.html" in files and f"{wanted}.html" != _INDEX:
        return f"{wanted}.html"  # a page of its own, as /phone
    return _INDEX if wanted.partition("/")[0] in PAGES else None


def _response(file: File, scope: Scope) -> Response:
    asked = Headers(scope=scope)
    headers = _SECURITY | {
        "ETag": file.etag,
        "Cache-Control": file.cached,
        "Vary": "Accept-Encoding",
    }
    if scope["method"] not in ("GET", "HEAD"):
        return Response(status_code=405, headers={"Allow": "GET, HEAD"})
    if file.etag in asked.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.zipped and "gzip" in asked.get("accept-encoding", ""):
        return Response(
            file.zipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.media_type
        )
    return Response(file.body, headers=headers, media_type=file.media_type)


def _not_built() -> Response:
    return HTMLResponse(_NOT_BUILT, status_code=503, headers={"Cache-Control": "no-store"})


def _read(folder: Path) -> dict[str, File]:
    paths = [
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    ]
    return {
        name: _file(path, name) for path in paths for name in [path.relative_to(folder).as_posix()]
    }


def _file(path: Path, name: str) -> File:
    body = path.read_bytes()
    zipped = gzip.compress(body, 6, mtime=0)
    return File(
        body,
        zipped if len(zipped) < 0.9 * len(body) else b"",
        guess_type(name)[0] or "application/octet-stream",
        f'"{sha256(body).hexdigest()[:24]}"',
        "public, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-cache",
    )
