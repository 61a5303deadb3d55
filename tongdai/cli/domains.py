"""tongdai domain: the tenants."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from tongdai import settings
from tongdai.admin import domains as admin
from tongdai.cli import options, session, terminal
from tongdai.pbx import directory
from tongdai.store import db, domains

app = typer.Typer(
    no_args_is_help=True, help="Domains: the tenants. A domain's name is also its SIP domain."
)

Name = Annotated[
    str, typer.Argument(help="A DNS name, such as sales.example.vn.", show_default=False)
]
TIME_ZONE = typer.Option(help="Of its local times and days.")
COUNTRY_CODE = typer.Option(help="Of its national numbers, without +.")
REGION = typer.Option(
    help="Its country in two letters, where several share the country code: CA of 1.",
    show_default=False,
)
CALL_ID_MODE = typer.Option(
    help="The call_id that events carry: each leg's own, or the conversation's."
)
RINGING_HANGUPS = typer.Option(
    "--ringing-hangups/--no-ringing-hangups",
    help="A hangup event for each extension that stops ringing, not for talks alone.",
)
RECORDING = typer.Option("--recording/--no-recording", help="Record answered calls.")
RECORDING_DAYS = typer.Option(min=0, help="Days that recordings stay; 0: for ever.")
RECORDING_FORMAT = typer.Option(help="The format of new recordings.")
RECORDING_STEREO = typer.Option(
    "--recording-stereo/--recording-mono",
    help="Both sides apart in new recordings: the party outside on the left, the extension on the "
    "right.",
)
CDR_DAYS = typer.Option(
    min=0, help="Days that call records stay, with their recordings; 0: for ever."
)
EVENT_DAYS = typer.Option(
    min=0,
    help="Days that events and the log of their deliveries stay, 7 or more; 0: as "
    "TONGDAI_EVENT_DAYS says.",
)
AUDIT_DAYS = typer.Option(
    min=0, help="Days that the audit log stays; 0: as TONGDAI_AUDIT_DAYS says."
)
MAX_CALLS = typer.Option(help="Calls at the same time.")
DESTINATIONS = typer.Option(
    help="Permitted destinations beyond the country's own numbers, comma-separated: +44, "
    "+ (all countries), 1900.",
    show_default=False,
)
CALLS_PER_MINUTE = typer.Option(
    min=0, help="Outbound calls that may begin within a minute; 0: no limit."
)
SHOWS_CALLEE = typer.Option(
    "--click2call-shows-callee/--click2call-shows-extension",
    help="The number on the phone that a click-to-call rings: the one that it will call, or the "
    "extension's own.",
)
WAITS = typer.Option(
    "--click2call-waits/--click2call-does-not-wait",
    help="Whether /v1/click2call answers when its extension has answered or has not, as "
    "with wait=answer; /v1/click2call/async never waits by itself.",
)
HOLD_MUSIC = typer.Option(
    help='The prompt that a party on hold and in queues hears; "": the music of the switch.',
    show_default=False,
)
FEATURE_CODES = typer.Option(
    help="What differs from `tongdai feature-codes`, comma-separated: pickup=*6, or pickup= for "
    "no code.",
    show_default=False,
)
PARK_TIMEOUT = typer.Option(
    min=directory.PARK_S[0],
    max=directory.PARK_S[1],
    help="Seconds until a parked call comes back to the extension that parked it.",
    show_default=False,
)
NODE = typer.Option(
    help="The switch that carries its calls, by its TONGDAI_NODE; default: this installation's.",
    show_default=False,
)
PHONE_KEY = typer.Option(
    help='32 ASCII characters or 64 hexadecimal digits; "-" reads it from standard input; without '
    "it a random one is made.",
    show_default=False,
)
WEBRTC = typer.Option(
    "--webrtc/--no-webrtc",
    help="Browsers may register as its extensions too, besides SIP phones. A change holds for all "
    "extensions; single ones can differ.",
)
MINUTES_PER_DAY = typer.Option(min=0, help="Minutes of outbound calls a day; 0: no limit.")


@app.command()
def create(
    name: Name,
    *,
    time_zone: Annotated[str, TIME_ZONE] = domains.NEW.time_zone,
    country_code: Annotated[str, COUNTRY_CODE] = domains.NEW.country_code,
    region: Annotated[str, REGION] = domains.NEW.region,
    call_id_mode: Annotated[directory.CallIdMode, CALL_ID_MODE] = domains.NEW.call_id_mode,
    ringing_hangups: Annotated[bool, RINGING_HANGUPS] = domains.NEW.ringing_hangups,
    recording: Annotated[bool, RECORDING] = domains.NEW.recording,
    recording_days: Annotated[int, RECORDING_DAYS] = domains.NEW.recording_days or 0,
    recording_format: Annotated[directory.RecordingFormat, RECORDING_FORMAT] = (
        domains.NEW.recording_format
    ),
    recording_stereo: Annotated[bool, RECORDING_STEREO] = domains.NEW.recording_stereo,
    cdr_days: Annotated[int, CDR_DAYS] = domains.NEW.cdr_days or 0,
    event_days: Annotated[int, EVENT_DAYS] = domains.NEW.event_days or 0,
    audit_days: Annotated[int, AUDIT_DAYS] = domains.NEW.audit_days or 0,
    max_calls: Annotated[int, MAX_CALLS] = domains.NEW.max_calls,
    destinations: Annotated[str, DESTINATIONS] = "",
    feature_codes: Annotated[str, FEATURE_CODES] = "",
    calls_per_minute: Annotated[int, CALLS_PER_MINUTE] = domains.NEW.calls_per_minute or 0,
    minutes_per_day: Annotated[int, MINUTES_PER_DAY] = domains.NEW.minutes_per_day or 0,
    node: Annotated[str | None, NODE] = None,
    webrtc: Annotated[bool, WEBRTC] = domains.NEW.webrtc,
    as_json: options.Json = False,
) -> None:
    """Make a domain.

    Example: tongdai domain create sales.example.vn --recording-days 90
    """

    async def work(tx: db.Tx) -> directory.Domain:
        return await domains.insert(
            tx,
            name,
            time_zone=time_zone,
            country_code=country_code,
            region=region,
            call_id_mode=call_id_mode,
            ringing_hangups=ringing_hangups,
            recording=recording,
            recording_days=recording_days or None,
            recording_format=recording_format,
            recording_stereo=recording_stereo,
            cdr_days=cdr_days or None,
            event_days=event_days or None,
            audit_days=audit_days or None,
            max_calls=max_calls,
            destinations=options.listed(destinations) or (),
            feature_codes=options.listed(feature_codes) or (),
            calls_per_minute=calls_per_minute or None,
            minutes_per_day=minutes_per_day or None,
            node=node or settings.load().node,
            webrtc=webrtc,
        )

    terminal.one(session.run(work), as_json=as_json)


@app.command("list")
def list_(*, as_json: options.Json = False) -> None:
    """Show all domains."""
    columns = (
        "name",
        "enabled",
        "time_zone",
        "country_code",
        "recording",
        "max_calls",
        "suspended_until",
        "domain_uuid",
    )
    terminal.many(session.run(domains.list), *columns, as_json=as_json)


@app.command()
def show(name: Name, *, as_json: options.Json = False) -> None:
    """Show a domain."""
    terminal.one(session.call(name, domains.get), as_json=as_json)


@app.command()
def update(
    name: Name,
    *,
    time_zone: Annotated[str | None, TIME_ZONE] = None,
    country_code: Annotated[str | None, COUNTRY_CODE] = None,
    region: Annotated[str | None, REGION] = None,
    call_id_mode: Annotated[directory.CallIdMode | None, CALL_ID_MODE] = None,
    ringing_hangups: Annotated[bool | None, RINGING_HANGUPS] = None,
    recording: Annotated[bool | None, RECORDING] = None,
    recording_days: Annotated[int | None, RECORDING_DAYS] = None,
    recording_format: Annotated[directory.RecordingFormat | None, RECORDING_FORMAT] = None,
    recording_stereo: Annotated[bool | None, RECORDING_STEREO] = None,
    cdr_days: Annotated[int | None, CDR_DAYS] = None,
    event_days: Annotated[int | None, EVENT_DAYS] = None,
    audit_days: Annotated[int | None, AUDIT_DAYS] = None,
    max_calls: Annotated[int | None, MAX_CALLS] = None,
    destinations: Annotated[str | None, DESTINATIONS] = None,
    calls_per_minute: Annotated[int | None, CALLS_PER_MINUTE] = None,
    minutes_per_day: Annotated[int | None, MINUTES_PER_DAY] = None,
    node: Annotated[str | None, NODE] = None,
    webrtc: Annotated[bool | None, WEBRTC] = None,
    click2call_shows_callee: Annotated[bool | None, SHOWS_CALLEE] = None,
    click2call_waits: Annotated[bool | None, WAITS] = None,
    hold_music: Annotated[str | None, HOLD_MUSIC] = None,
    feature_codes: Annotated[str | None, FEATURE_CODES] = None,
    park_timeout: Annotated[int | None, PARK_TIMEOUT] = None,
    unsuspend: Annotated[bool, options.UNSUSPEND] = False,
    enabled: Annotated[bool | None, options.ENABLED] = None,
    as_json: options.Json = False,
) -> None:
    """Change a domain; what is not given stays.

    Example: tongdai domain update sales.example.vn --time-zone Asia/Tokyo --disable
    """
    changes = options.given(
        time_zone=time_zone,
        country_code=country_code,
        region="" if country_code and region is None else region,
        call_id_mode=call_id_mode,
        ringing_hangups=ringing_hangups,
        recording=recording,
        recording_format=recording_format,
        recording_stereo=recording_stereo,
        max_calls=max_calls,
        destinations=options.listed(destinations),
        enabled=enabled,
        node=node,
        webrtc=webrtc,
        click2call_shows_callee=click2call_shows_callee,
        click2call_waits=click2call_waits,
        hold_music=hold_music,
        feature_codes=options.listed(feature_codes),
        park_timeout_s=park_timeout,
    )
    limits = options.given(
        recording_days=recording_days,
        cdr_days=cdr_days,
        event_days=event_days,
        audit_days=audit_days,
        calls_per_minute=calls_per_minute,
        minutes_per_day=minutes_per_day,
    )
    changes |= {limit: number or None for limit, number in limits.items()}

    async def work(tx: db.Tx) -> directory.Domain:
        await session.turn(tx, (await domains.by_name(tx, name)).domain_uuid)
        return await admin.update(tx, name, changes, unsuspend=unsuspend)

    terminal.one(session.run(work), as_json=as_json)


@app.command("phone-key")
def phone_key(
    name: Name,
    *,
    key: Annotated[str | None, PHONE_KEY] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the key away.")] = False,
    as_json: options.Json = False,
) -> None:
    """Give a domain a key with which its clients encrypt telephone numbers (click-to-call with
    encrypt_method=aes), and show it; the key before is no longer valid.

    Example: tongdai domain phone-key sales.example.vn
    """
    master_key = session.master_key()
    if remove:
        session.change(name, domains.set_phone_key, master_key, None)
        return terminal.say(f"Domain {name} has no key for telephone numbers.")
    given = options.secret(key)
    made = session.change(name, admin.give_phone_key, master_key, given)
    terminal.fields({"key": made}, as_json=as_json)
    return terminal.once("key")


@app.command("export-data")
def export_data(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)],
    *,
    as_json: options.Json = False,
) -> None:
    """Write all data of a domain into a folder: a file of JSON lines for each kind, such as
    cdrs.jsonl, and its recordings. Passwords and keys are left out.

    Example: tongdai domain export-data sales.example.vn ./sales
    """
    company_data, files = _whole()

    async def work(database: db.Database) -> dict[str, int]:
        shown = terminal.Progress("writing")
        written = await company_data.write(database, files, name, folder, shown)
        return cast("dict[str, int]", written)

    terminal.fields(session.in_steps(work), as_json=as_json)


def _whole() -> tuple[Any, Any]:
    """The use cases of all data, and the recordings' files: imported for those who use them."""
    files = import_module("tongdai.recording_files")
    recordings = files.LocalFolder(settings.load().data.absolute() / "recordings")
    return import_module("tongdai.admin.company_data"), recordings


@app.command()
def delete(
    name: Name,
    *,
    recordings: Annotated[
        bool, typer.Option("--recordings", help="Delete its recordings now, not a week later.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a domain with all in it: users, extensions, call records, subscriptions, and its
    values in the audit log. Recordings go a week later, or at once with --recordings. A deletion
    that was interrupted is finished by the same command, or within hours by the engine; until then
    the domain stays disabled.
    """
    if not yes:
        typer.confirm(
            f"Delete {name} with its users, extensions, call records and subscriptions?",
            abort=True,
        )
    company_data, files = _whole()

    async def work(database: db.Database) -> None:
        shown = terminal.Progress("deleting")
        await company_data.erase(database, files, name, shown, recordings=recordings)

    session.in_steps(work)
    terminal.say(f"Deleted domain {name}.")
