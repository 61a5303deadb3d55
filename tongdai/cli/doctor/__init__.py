"""tongdai doctor: finds the faults of a set-up and says how to mend them. It only reads, and needs
nothing running.
"""

import asyncio
from collections.abc import Iterable

import typer

from tongdai import errors, settings, settings_file
from tongdai.cli import options, terminal
from tongdai.cli.doctor import certificates, installation, machine, ports
from tongdai.cli.doctor.finding import Finding, fail

_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(*, as_json: options.Json = False) -> None:
    """Check this set-up; show its faults, and how to mend them.

    It changes nothing, and works with nothing running. Each line says ok, warn or fail; with any
    fail it ends with 1.
    """
    found = asyncio.run(_examined())
    if as_json:
        terminal.json(found)
    else:
        terminal.say("\n".join(_lines(found)))
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(1)


async def _examined() -> list[Finding]:
    found = [machine.python(), machine.clock()]
    try:
        variables = settings_file.environment()
        found += machine.unknown(variables)
        known = settings.load(variables)
    except errors.SetupError as wrong:
        return [*found, fail("settings", str(wrong), "Mend it; `tongdai config` lists all.")]
    found += [machine.postgresql(known), machine.asterisk(known), machine.disk(known)]
    found += [*ports.examine(known), *certificates.examine(known), *machine.exposure(known)]
    found.append(machine.browsers())
    if (folder := machine.folder(known)).state == "fail":
        return [*found, folder]
    return [*found, folder, machine.master_key(known), *await installation.examine(known)]


def _lines(found: Iterable[Finding]) -> Iterable[str]:
    width = max(len(finding.check) for finding in found)
    for finding in found:
        state = typer.style(f"{finding.state:4}", fg=_COLOURS[finding.state])
        yield f"{state}  {finding.check:{width}}  {finding.found}"
        if finding.mend:
            yield f"      {'':{width}}  -> {finding.mend}"
