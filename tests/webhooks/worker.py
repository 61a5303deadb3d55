"""A dispatcher in a process of its own, to be killed: python -m tests.webhooks.worker DSN"""

import asyncio
import sys

from tongdai.encryption import MasterKey
from tongdai.store import db
from tongdai.webhooks.client import Client
from tongdai.webhooks.dispatcher import Dispatcher
from tongdai.webhooks.guard import Guard


async def main(dsn: str) -> None:
    database = db.Database(dsn)
    await database.open()
    async with Client(Guard(["127.0.0.0/8"]), "worker") as client:
        await Dispatcher(database, MasterKey(bytes(range(32))), client).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
