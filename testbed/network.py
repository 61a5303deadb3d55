"""A network of its own for a part of a test: WebRTC uses no address of loopback, and nothing of
ours may use those of the machine.

Linux has the network as a property of a thread (unshare(2), network_namespaces(7)). So the
sockets of this thread, and of the processes that it starts, are in that network, while the rest of
the test is in the machine's.
"""

import asyncio
import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")

ADDRESS = "10.77.0.1"
CLONE_NEWNET = 0x40000000
_LOOPBACK = "ip link set lo up"
# a pair of virtual network cards; all that is sent to the address stays in the machine
_CARD = (
    "ip link add td0 type veth peer name td1 && ip link set td0 up && ip link set td1 up && "
    f"ip address add {ADDRESS}/24 dev td0 && ip route add default dev td0"
)


class NotAllowed(Exception):
    """This process may make no networks; the message says why."""


class Network:
    """A thread with an event loop in a network of its own, with 127/8 and, unless it is
    `loopback_only`, ADDRESS.
    """

    def __init__(self, *, loopback_only: bool = False) -> None:
        """Raises NotAllowed."""
        if not shutil.which("ip"):
            raise NotAllowed("there is no `ip` (iproute2)")
        self._commands = [_LOOPBACK] if loopback_only else [_LOOPBACK, _CARD]
        self._loop = asyncio.new_event_loop()
        made: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, args=(made,), name="network")
        self._thread.start()
        try:
            made.result()
        except NotAllowed:
            self._thread.join()
            raise

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of the coroutine, which runs in the network."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """The thread has ended; the network goes with its last process."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _live(self, made: Future[None]) -> None:
        try:
            self._make()
        except NotAllowed as reason:
            made.set_exception(reason)
            return
        made.set_result(None)
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _make(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise NotAllowed(f"unshare(CLONE_NEWNET): {os.strerror(ctypes.get_errno())}")
        for command in self._commands:
            done = subprocess.run(
                ["sh", "-c", command], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise NotAllowed(f"{command}: {done.stderr.strip()}")
