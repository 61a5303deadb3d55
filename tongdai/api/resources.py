"""A noun of the configuration as a resource: the operations that list, create, get, change and
delete it, declared for any noun alike.

Lists are continued by a cursor. Each thing has an ETag, which `If-Match` names (RFC 9110 §13.1.1);
changes are JSON Merge Patches (RFC 7396).
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.admin.nouns import Noun
from tongdai.api import changes, cursors, derived, etags, idempotency, problems, responses
from tongdai.api.cursors import ListQuery
from tongdai.api.etags import IfMatch
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import Operation, operation
from tongdai.api.principals import Caller, Operator, Principal
from tongdai.api.requests import Request
from tongdai.permissions import Permission
from tongdai.store import db, lists

TAG = "Administration"
_NOTHING: Mapping[str, Any] = {}
_NO_FIELDS: Mapping[str, Permission] = {}
_OF_ALL = "An operator who names no domain gets those of all domains."


class Resource:
    """The operations of one noun."""

    def __init__(
        self,
        path: str,
        noun: Noun,
        new: type[Struct],
        scope: str,
        *,
        makes: Permission | None = None,
        reserved: Mapping[str, Permission] = _NO_FIELDS,
    ) -> None:
        """`makes` is the permission to create and delete one, if another than to change it;
        `reserved` are the fields whose change needs one of its own.
        """
        self.noun, self.new, self.path = noun, new, f"/v1/admin/{path}"
        self.reads: Permission = f"{scope}:read"  # type: ignore[assignment]
        self.writes: Permission = f"{scope}:write"  # type: ignore[assignment]
        self.makes, self.reserved = makes or self.writes, reserved
        self.title = noun.word.title().replace(" ", "")
        self.change = derived.change_of(
            new,
            without=(noun.key, *noun.fixed, *(set(noun.inputs) - set(noun.renewable))),
            more=noun.changes,
            name=f"{self.title}Change",
            about=f"What is to change of a {noun.word}; what is not given stays.",
        )
        self.shown = derived.shown_of(
            new,
            noun.kind,
            inputs=noun.inputs,
            once=noun.once,
            name=f"Configured{self.title}",
            about=f"A {noun.word} as it is."
            + "".join(f" A new {one} is shown this once." for one in noun.once),
        )
        self.list_of = msgspec.defstruct(
            f"{self.title}List",
            [("data", list[self.shown]), ("next_cursor", str)],  # type: ignore[name-defined]
            frozen=True,
            namespace={"__doc__": 'Some of them; `next_cursor` is "" at the end.'},
        )
        self.of = msgspec.defstruct(
            f"Of{self.title}",
            [("name", Annotated[str, Meta(description=f"Its {noun.key}.")])],
            frozen=True,
        )

    def check(self, principal: Caller, known: Any | None, given: Mapping[str, Any] | None) -> None:
        """Raises errors.Forbidden or errors.Conflict if the principal may not create (`known` is
        None), change, or delete (`given` is None) this one.
        """

    def deleted(self, request: Request, known: Any) -> None:
        """What follows the deletion of one, once it is committed."""

    def operations(self) -> tuple[Operation, ...]:
        """List, create, get, change, delete."""
        return (self._list(), self._create(), self._get(), self._change(), self._delete())

    def _declared(
        self,
        handler: Any,
        *,
        name: str,
        doc: str,
        takes: Mapping[str, Any],
        method: Any,
        may: Permission,
        gives: Mapping[int, tuple[str, Any]],
        fails: tuple[type[errors.TongdaiError], ...] = (),
        is_one: bool = True,
    ) -> Operation:
        handler.__name__, handler.__doc__ = name, doc
        kind = Principal if self.noun.of == "domain" else Caller
        handler.__annotations__ = {"request": Request, "principal": kind, **takes}
        path = f"{self.path}/{{name}}" if is_one else self.path
        return operation(method, path, may=may, tag=TAG, gives=gives, fails=fails)(handler)

    def _list(self) -> Operation:
        async def handler(request: Request, principal: Caller, query: ListQuery) -> ASGIApp:
            wanted, after = cursors.wanted(self.noun.listing, query)
            async with changes.reading(request, principal, beyond=self.noun.beyond) as tx:
                rows = await lists.page(
                    tx, self.noun.listing, self._place(principal), wanted,
                    limit=query.limit, after=after,
                )  # fmt: skip
            found = db.structs(rows, self.noun.kind)
            data = [self._render(one) for one in found]
            cursor = (
                cursors.next_of(self.noun.listing, wanted, rows[-1])
                if len(found) == query.limit
                else ""
            )
            return responses.json(self.list_of(data=data, next_cursor=cursor))

        plural = f"{self.noun.word}s"
        return self._declared(
            handler,
            name=f"list_{plural.replace(' ', '_')}",
            doc=f"List {plural}.\n\nAsk again with `next_cursor` until it is empty."
            + (f" {_OF_ALL}" if self.noun.beyond and self.noun.of == "domain" else ""),
            takes={"query": ListQuery, **({"principal": Caller} if self.noun.beyond else {})},
            method="GET",
            may=self.reads,
            gives={200: ("Some of them.", self.list_of)},
            fails=(errors.Invalid,),
            is_one=False,
        )

    def _get(self) -> Operation:
        async def handler(request: Request, principal: Caller, path: Any) -> ASGIApp:
            principal = await self._within(request, principal, path.name)
            async with changes.reading(request, principal, beyond=self.noun.beyond) as tx:
                found = await self._found(tx, self._place(principal), path.name)
            return self._one(found)

        return self._declared(
            handler,
            name=f"get_{self.noun.word.replace(' ', '_')}",
            doc=f"Get a {self.noun.word}.\n\nIts `ETag` changes with each change of it.",
            takes={"path": self.of},
            method="GET",
            may=self.reads,
            gives={200: ("It, with its `ETag`.", self.shown)},
            fails=(errors.NotFound,),
        )

    def _create(self) -> Operation:
        async def handler(
            request: Request, principal: Caller, headers: IdempotencyKey, body: Any
        ) -> ASGIApp:
            key, fields = request.context.master_key, msgspec.structs.asdict(body)
            self.check(principal, None, fields)
            asked = idempotency.asked(request, principal, headers, body)
            place = None if self.noun.of == "itself" else self._place(principal)
            async with self._changing(request, principal) as tx:

                async def made() -> Response:
                    once = await self.noun.create(tx, place, key, fields)
                    found = await self._found(tx, place, self.noun.name_of(fields))
                    return self._one(found, once, status=201)

                return await idempotency.once(tx, key, asked, made)

        return self._declared(
            handler,
            name=f"create_{self.noun.word.replace(' ', '_')}",
            doc=f"Create a {self.noun.word}.",
            takes={"headers": IdempotencyKey, "body": self.new},
            method="POST",
            may=self.makes,
            gives={201: ("It is created.", self.shown)},
            fails=(errors.Invalid, errors.Conflict),
            is_one=False,
        )

    def _change(self) -> Operation:
        async def handler(
            request: Request, principal: Caller, path: Any, headers: IfMatch, body: Any
        ) -> ASGIApp:
            given = {
                name: value
                for name, value in msgspec.structs.asdict(body).items()
                if value is not UNSET
            }
            self._check_reserved(principal, given)
            principal = await self._within(request, principal, path.name)
            key, name = request.context.master_key, self.noun.renamed(path.name, given)
            place = self._place(principal)
            async with self._changing(request, principal) as tx:
                known = await self._found(tx, place, path.name)
                self.check(principal, known.thing, given)
                etags.check(known.etag, headers)
                once = await self.noun.change(tx, place, key, path.name, given)
                changed = await self._found(tx, place, name)
            return self._one(changed, once)

        return self._declared(
            handler,
            name=f"update_{self.noun.word.replace(' ', '_')}",
            doc=f"Change a {self.noun.word}.\n\nA JSON Merge Patch (RFC 7396): what is not given "
            "stays. With `If-Match` it is changed only if nobody else did so before."
            + self._reservations(),
            takes={"path": self.of, "headers": IfMatch, "body": self.change},
            method="PATCH",
            may=self.writes,
            gives={200: ("It is changed.", self.shown)},
            fails=(errors.NotFound, errors.Invalid, errors.Conflict, problems.PreconditionFailed),
        )

    def _delete(self) -> Operation:
        async def handler(
            request: Request, principal: Caller, path: Any, headers: IfMatch
        ) -> ASGIApp:
            principal = await self._within(request, principal, path.name)
            place = self._place(principal)
            is_domain = self.noun.of == "itself"
            async with self._changing(request, principal, is_deletion=is_domain) as tx:
                known = await self._found(tx, place, path.name)
                self.check(principal, known.thing, None)
                etags.check(known.etag, headers)
                await self.noun.delete(tx, place, path.name)
            self.deleted(request, known.thing)
            return responses.json(responses.Deleted(deleted=True))

        return self._declared(
            handler,
            name=f"delete_{self.noun.word.replace(' ', '_')}",
            doc=f"Delete a {self.noun.word}.\n\nRefused while something leads to it; the answer "
            "says what.",
            takes={"path": self.of, "headers": IfMatch},
            method="DELETE",
            may=self.makes,
            gives={200: ("It is deleted.", responses.Deleted)},
            fails=(errors.NotFound, errors.Conflict, problems.PreconditionFailed),
        )

    def _changing(
        self, request: Request, principal: Caller, *, is_deletion: bool = False
    ) -> AbstractAsyncContextManager[db.Tx]:
        beyond = self.noun.beyond
        return changes.transaction(request, principal, beyond=beyond, is_deletion=is_deletion)

    async def _within(self, request: Request, principal: Caller, name: str) -> Caller:
        """The principal; an operator who names no domain but this is in this."""
        if self.noun.of == "itself" and isinstance(principal, Operator):
            return await request.context.principals.within(principal, name)
        return principal

    def _place(self, principal: Caller) -> UUID | None:
        """The domain that these belong to."""
        return None if self.noun.of == "installation" else principal.domain_uuid

    def _check_reserved(self, principal: Caller, given: Mapping[str, Any]) -> None:
        """Raises errors.Forbidden for a field that the principal may not change."""
        for field in given.keys() & self.reserved.keys():
            if (needed := self.reserved[field]) not in principal.permissions:
                raise errors.Forbidden(messages.PERMISSION_NEEDED(permission=needed), field=field)

    def _reservations(self) -> str:
        """What the document says of reserved fields."""
        by_permission: dict[Permission, list[str]] = {}
        for field, permission in self.reserved.items():
            by_permission.setdefault(permission, []).append(f"`{field}`")
        return "".join(
            f" To change {', '.join(fields)} takes `{permission}`."
            for permission, fields in by_permission.items()
        )

    def _render(self, thing: Any, once: Mapping[str, Any] = _NOTHING) -> Struct:
        fields = msgspec.structs.asdict(thing)
        known = {name: fields[name] for name in self.shown.__struct_fields__ if name in fields}
        return self.shown(**known, **once)

    def _one(
        self, found: "_Found", once: Mapping[str, Any] = _NOTHING, *, status: int = 200
    ) -> Response:
        headers = {"ETag": found.etag, **responses.NO_STORE}
        return responses.json(self._render(found.thing, once), status=status, headers=headers)

    async def _found(self, tx: db.Tx, place: UUID | None, name: str) -> "_Found":
        """The thing. Its ETag changes with what clients can change, a password too, and not with
        what tongdai itself writes. Raises errors.NotFound.
        """
        thing = await self.noun.get(tx, place, name)
        revision = await self.noun.revision(tx, place, name)
        fields = msgspec.structs.asdict(thing)
        given = {name: value for name, value in fields.items() if name not in self.noun.own}
        return _Found(thing, etags.of((given, revision)))


class _Found(Struct, frozen=True):
    """A thing as it is now."""

    thing: Any
    etag: str
