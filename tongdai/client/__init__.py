"""The command line for a tongdai on another machine: its API, and this package alone.

It needs the standard library only, nothing of the server, so it runs on Windows and macOS too. The
commands are those of the server's own OpenAPI document.
"""

from tongdai.client.commands import run
from tongdai.client.http import Refused
from tongdai.client.profiles import Access, access

__all__ = ["Access", "Refused", "access", "run"]
