"""tongdai up and tongdai serve: processes that run until Ctrl-C."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Mapping
from typing import Annotated, Any

import structlog
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from tongdai import app, errors, logs, process, settings, settings_file
from tongdai.cli import options, ready, terminal

console = Console(stderr=True)
log = structlog.get_logger()


def up(
    data: Annotated[
        str | None,
        typer.Option(
            envvar="TONGDAI_DATA",
            help="Folder of everything that must survive.",
            show_default="data",
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            envvar="TONGDAI_HTTP", help="Address of the API.", show_default="127.0.0.1:8080"
        ),
    ] = None,
    sip: Annotated[
        str | None,
        typer.Option(
            envvar="TONGDAI_SIP",
            help="SIP address for phones and carriers, UDP and TCP.",
            show_default="127.0.0.1:5060",
        ),
    ] = None,
    rtp: Annotated[
        str | None,
        typer.Option(
            envvar="TONGDAI_RTP",
            help="UDP ports of audio, first-last.",
            show_default="10000-11999",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            envvar="TONGDAI_WORKERS",
            help="Processes that serve the API.",
            show_default="1",
        ),
    ] = None,
    *,
    sandbox: Annotated[
        bool | None,
        typer.Option(
            envvar="TONGDAI_SANDBOX",
            help="A demo company with a simulated carrier and robot phones.",
            show_default="false",
        ),
    ] = None,
) -> None:
    """Run everything in one process: PostgreSQL, Asterisk, engine, webhooks, API. Ctrl-C stops it
    all.

    Any other setting comes from the environment or the settings file; `tongdai config` lists them.
    """
    given = options.given(data=data, http=http, sip=sip, rtp=rtp, workers=workers, sandbox=sandbox)
    chosen = _chosen(given)
    logs.configure(chosen)
    _run(_up(chosen), chosen)


def serve(
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="api, engine, webhooks or edge; several times for several.", show_default="all"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            envvar="TONGDAI_WORKERS",
            help="Processes that serve the API.",
            show_default="1",
        ),
    ] = None,
) -> None:
    """Run some roles in this process, on the database and Asterisk that the settings name.

    API and webhooks processes may be many; of engines one leads and the others stand by. The edge
    proxy, for browser phones, runs on the machine of Asterisk.
    """
    roles = tuple(role or app.ROLES)
    if wrong := [name for name in roles if name not in app.ROLES]:
        raise typer.BadParameter(f"{wrong[0]}: not one of {', '.join(app.ROLES)}")
    chosen = _chosen(options.given(workers=workers))
    logs.configure(chosen)
    _run(app.serve(chosen, roles), chosen)  # type: ignore[arg-type]  # checked above


def _chosen(given: Mapping[str, object]) -> settings.Settings:
    """The settings, of which these were given as options."""
    named = {settings.PREFIX + name.upper(): settings.text(value) for name, value in given.items()}
    return settings.load(settings_file.environment({**os.environ, **named}))


def _run(work: Coroutine[Any, Any, None], chosen: settings.Settings) -> None:
    """Where log lines are JSON, a refusal is one too."""
    process.open_files()
    try:
        uvloop.run(_until_signalled(work))
    except errors.TongdaiError as reason:
        if not chosen.log_json:
            raise
        # no traceback: it is a refusal
        log.error("failed", code=reason.code, why=reason.text("en"))  # noqa: TRY400
        raise typer.Exit(terminal.code_of(reason)) from reason


async def _until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Runs the work; SIGINT and SIGTERM end it cleanly, repeated ones change nothing."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    except* Exception as group:  # noqa: BLE001 the first reason is what the operator can mend
        raise _first(group) from None


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group


async def _up(chosen: settings.Settings) -> None:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("starting", total=None)
        said = ""

        def progress(text: str, done: int, total: int) -> None:
            nonlocal said
            bar.update(task, description=text, completed=done, total=total or None)
            if text != said and chosen.log_json:
                log.info("step", what=text)
            elif text != said and not console.is_terminal:
                console.print(text)
            said = text

        async with app.up(chosen, progress) as (instance, work):
            serving = asyncio.ensure_future(work)
            try:
                await asyncio.wait(
                    [serving, asyncio.ensure_future(instance.ready.wait())],
                    return_when="FIRST_COMPLETED",
                )
                if serving.done():
                    await serving
                bar.stop()
                ready.write(instance)
                ready.show(instance)
                await serving
            finally:
                ready.remove(instance)
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
                if chosen.log_json:
                    log.info("stopping")
                else:
                    console.print("stopping")
