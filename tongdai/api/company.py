"""A company as a file, for operators: exported, compared, applied."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.admin.company import applying, yaml_file
from tongdai.admin.company.applying import Applied, Means
from tongdai.admin.company.difference import Change
from tongdai.admin.company.yaml_file import File
from tongdai.api import changes, etags, problems, resources, responses
from tongdai.api.etags import IfMatch
from tongdai.api.operations import Operation, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request

YAML = "application/yaml"  # RFC 9512
_MOST = 2 * 1024 * 1024  # bytes of a file


class ExportQuery(Struct, frozen=True):
    """Which moment is wanted."""

    at: Annotated[
        str,
        Meta(
            description="As it was then, by the audit log: ISO 8601, in the domain's time zone "
            "unless it has an offset. Without it: as it is."
        ),
    ] = ""


class Planned(Struct, frozen=True):
    """What differs between the domain and the file."""

    domain: str
    changes: list[Change]


@operation(
    "GET",
    "/v1/admin/company",
    may="domain:operate",
    tag=resources.TAG,
    gives={200: ("The file, with its `ETag`.", YAML)},
    fails=(errors.Invalid, errors.Gone),
)
async def export_company(request: Request, principal: Principal, query: ExportQuery) -> ASGIApp:
    """Export the company as a file.

    YAML, as `tongdai export` writes it, without secrets.
    """
    moment = _moment(query.at, principal) if query.at else None
    async with changes.reading(request, principal, beyond=True) as tx:
        if moment is None:
            found = await applying.export(tx, principal.domain_uuid)
        else:
            found = await applying.past(tx, principal.domain_uuid, moment)
    text = yaml_file.write(found)
    return Response(text, headers={"ETag": etags.of(text), **responses.NO_STORE}, media_type=YAML)


@operation(
    "POST",
    "/v1/admin/company/plan",
    may="domain:operate",
    tag=resources.TAG,
    reads=YAML,
    gives={200: ("What would change.", Planned)},
    fails=(errors.Invalid, errors.Conflict),
)
async def plan_company(request: Request, principal: Principal) -> ASGIApp:
    """Compare the company with a file.

    Nothing changes; a file that cannot be applied is refused as it would be then.
    """
    file = await _file(request, principal)
    async with changes.transaction(request, principal, beyond=True) as tx:
        found = await applying.plan(tx, file, _means(request))
    return responses.json(Planned(found.domain, found.changes))


@operation(
    "PUT",
    "/v1/admin/company",
    may="domain:operate",
    tag=resources.TAG,
    reads=YAML,
    gives={200: ("What has changed; new passwords are shown this once.", Applied)},
    fails=(errors.Invalid, errors.Conflict, problems.PreconditionFailed),
)
async def apply_company(request: Request, principal: Principal, headers: IfMatch) -> ASGIApp:
    """Make the company as a file says.

    In one transaction, or not at all. What a section of the file does not have is deleted;
    sections that are not given stay. The same file again changes nothing. `If-Match` takes the
    ETag of the export.
    """
    file = await _file(request, principal)
    async with changes.transaction(request, principal, beyond=True) as tx:
        if headers.if_match:
            known = yaml_file.write(await applying.export(tx, principal.domain_uuid))
            etags.check(etags.of(known), headers)
        done = await applying.apply(tx, file, _means(request))
    return responses.json(done, headers=responses.NO_STORE)


async def _file(request: Request, principal: Principal) -> File:
    """The file of the body, which is this domain's. Raises errors.Invalid."""
    body = await request.body(_MOST)
    try:
        file = yaml_file.read(body.decode("utf-8-sig"))
    except UnicodeDecodeError as reason:
        raise errors.Invalid(messages.NOT_YAML(why="not UTF-8"), field="file") from reason
    if (given := file.company.domain.name) != principal.user.domain_name:
        why = messages.OTHER_COMPANY(file=given, domain=principal.user.domain_name)
        raise file.refusal(errors.Invalid(why, field="name"), "domain")
    return file


def _moment(text: str, principal: Principal) -> datetime:
    """Raises errors.Invalid."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as reason:
        raise errors.Invalid(messages.MOMENT_NEEDED, field="at") from reason
    return found if found.tzinfo else found.replace(tzinfo=principal.zone)


def _means(request: Request) -> Means:
    deps = request.context.deps
    return Means(
        master_key=deps.master_key,
        guard=deps.callback_guard,
        most_subscriptions=deps.most_subscriptions,
    )


OPERATIONS: tuple[Operation, ...] = (export_company, plan_company, apply_company)
