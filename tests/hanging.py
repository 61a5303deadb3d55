"""A way to PostgreSQL on which it can be made to hang: it takes connections and keeps them, and
nothing comes back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from testbed.proxy import Proxy, proxy


@asynccontextmanager
async def before(dsn: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the embedded server of this DSN, and the DSN that leads through it."""
    direct = urlsplit(dsn)
    socket = f"{parse_qs(direct.query)['host'][0]}/.s.PGSQL.5432"
    async with proxy(lambda: asyncio.open_unix_connection(socket)) as between:
        login = direct.netloc.rpartition("@")[0]
        yield between, f"postgresql://{login}@127.0.0.1:{between.port}{direct.path}"
