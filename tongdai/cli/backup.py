"""tongdai backup and tongdai restore."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from tongdai import backup as backups
from tongdai import errors, settings, settings_file
from tongdai.cli import options, terminal

Folder = Annotated[Path, typer.Argument(help="The folder of the backup.", show_default=False)]


def backup(folder: Folder, *, as_json: options.Json = False) -> None:
    """Back up the database, the recordings and the master key into a folder, while calls go on.

    The same folder each night: only new recordings are copied, and those that were deleted go.
    Keep it where only you can read it: with the master key, all passwords in it can be read.

    Example: tongdai backup /backup/tongdai
    """
    _show(backups.make, settings.load(), folder, "writing", as_json=as_json)


def restore(
    folder: Folder,
    data: Annotated[
        str | None,
        typer.Option(envvar="TONGDAI_DATA", help="The new data folder.", show_default="data"),
    ] = None,
    *,
    as_json: options.Json = False,
) -> None:
    """Restore a backup into a new data folder, and into TONGDAI_DSN, an empty database, if it is
    set.

    `tongdai up` starts it; webhooks that were due are sent then.

    Example: tongdai restore /backup/tongdai --data /var/lib/tongdai
    """
    given = {"TONGDAI_DATA": data} if data else {}
    chosen = settings.load(settings_file.environment({**os.environ, **given}))
    _show(backups.restore, chosen, folder, "restoring", as_json=as_json)


def _show(
    work: Callable[
        [settings.Settings, Path, backups.Progress], Coroutine[Any, Any, backups.About]
    ],
    chosen: settings.Settings,
    folder: Path,
    verb: str,
    *,
    as_json: bool,
) -> None:
    try:
        about = asyncio.run(work(chosen, folder, terminal.Progress(verb)))
    except OSError as reason:
        raise errors.SetupError(str(reason)) from reason
    terminal.one(about, as_json=as_json)
