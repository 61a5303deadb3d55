"""ETags, and `If-Match` (RFC 9110 §13.1.1): nobody overwrites what somebody else has changed
meanwhile.
"""

from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tongdai.api import problems


class IfMatch(Struct, frozen=True, rename={"if_match": "If-Match"}):
    if_match: Annotated[
        str, Meta(description="The ETag that you read; 412 if it was changed since.")
    ] = ""


def of(state: Any) -> str:
    """The ETag of that state."""
    return f'"{blake2b(msgspec.json.encode(state), digest_size=12).hexdigest()}"'


def check(etag: str, headers: IfMatch) -> None:
    """Raises problems.PreconditionFailed if the client has read another state than that of the
    ETag.
    """
    asked = {tag.strip() for tag in headers.if_match.split(",")}
    if headers.if_match and not asked & {etag, "*"}:
        raise problems.PreconditionFailed
