"""tongdai prompt: sound of a company, played as hold music and to callers."""

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from tongdai import audio, errors
from tongdai.cli import options, session, terminal
from tongdai.store import db, prompts

app = typer.Typer(
    no_args_is_help=True,
    help="Prompts: sound of a company, played as hold music and to callers.",
)

Name = Annotated[
    str, typer.Argument(help="For people, in any script, without /.", show_default=False)
]


@app.command()
def upload(
    name: Name,
    file: Annotated[Path, typer.Argument(help="WAV, MP3, OGG or FLAC, up to 10 minutes.")],
    *,
    domain: options.Domain,
    as_json: options.Json = False,
) -> None:
    """Make a prompt of a sound file, or give it other sound.

    Example: tongdai prompt upload "Lời chào" chao.mp3 --domain sales.example.vn
    """
    content = _read(file)
    converted = asyncio.run(audio.convert(content, field="file"))

    async def kept(tx: db.Tx, domain_uuid: UUID) -> prompts.Configured:
        await prompts.keep(tx, domain_uuid, name, content, converted)
        return await prompts.configured(tx, domain_uuid, name)

    terminal.one(session.change(domain, kept), as_json=as_json)


def _read(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as reason:
        raise errors.SetupError(f"{file}: {reason.strerror}") from reason
    if len(content) > audio.MOST_BYTES:
        raise errors.SetupError(f"{file} has more than {audio.MOST_BYTES >> 20} MB")
    return content


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's prompts."""
    found = session.call(domain, prompts.list)
    terminal.many(found, "name", "duration_s", "created_at", as_json=as_json)


@app.command()
def show(name: Name, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a prompt."""
    terminal.one(session.call(domain, prompts.configured, name), as_json=as_json)


@app.command()
def download(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A new file, or one that is replaced.")],
    *,
    domain: options.Domain,
) -> None:
    """Write a prompt's sound into a file, as the switch plays it: WAV, 16 kHz.

    Example: tongdai prompt download "Lời chào" chao.wav --domain sales.example.vn
    """
    sound = session.call(domain, prompts.audio, name)
    try:
        file.write_bytes(sound)
    except OSError as reason:
        raise errors.SetupError(f"{file}: {reason.strerror}") from reason
    terminal.say(f"Wrote {file}.")


@app.command()
def delete(name: Name, *, domain: options.Domain) -> None:
    """Delete a prompt that nothing plays."""
    session.change(domain, prompts.delete, name)
    terminal.say(f"Deleted prompt {name}.")
