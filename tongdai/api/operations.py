"""Operations of the API. Each is declared once, at its handler: method and path, permission,
parameters, responses and errors. The declaration gives its route, the reading of its parameters,
the check of its permission, and the OpenAPI document (`tongdai.api.openapi`).

A handler names what it takes by its parameters:

    request: Request          the request itself
    principal: Principal      the user of a domain, for all but public operations
    principal: Caller         the same, or an operator who names no domain
    path, query, headers      structs, read as `tongdai.api.parameters` says
    fields                    a struct too, of the query and, over it, a JSON or form body
    body                      a struct, the JSON or form body
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, get_type_hints

import msgspec
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tongdai import errors, messages
from tongdai.api import cookies, inputs, parameters, problems
from tongdai.api.context import Context
from tongdai.api.principals import Caller, Operator, Principal
from tongdai.api.requests import MAX_BODY, Request, bearer
from tongdai.permissions import Permission

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler: TypeAlias = Callable[..., Awaitable[ASGIApp]]

PUBLIC: Literal["public"] = "public"
"""In place of a permission: no token is needed."""
_TAKES = ("path", "query", "headers", "fields", "body")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One declared operation; its handler's docstring is the summary and, after an empty line, the
    description.
    """

    methods: tuple[Method, ...]
    paths: tuple[str, ...]  # in Starlette's notation: {name} or {name:path}
    handler: Handler
    may: Permission | Literal["public"]
    tag: str  # of the OpenAPI document; "": not in the document
    reads: str  # the media type of a body that the handler reads itself; "": it reads none
    # by status, its content: a struct, a media type, several, or None
    gives: Mapping[int, tuple[str, Any]]
    fails: tuple[type[errors.TongdaiError], ...]
    takes: dict[str, type[msgspec.Struct]]  # by the handler's parameter
    wants: frozenset[str]  # "request" and "principal", if the handler takes them
    needs_domain: bool  # an operator has to name one
    is_limited: bool  # counts against the rate of the client's address
    answers_head: bool  # HEAD is answered as GET is, without the body
    most_bytes: int  # of a body that is read into a struct

    async def response(self, request: Request) -> ASGIApp:
        """The handler's response, after the check of the principal's permission. Raises
        errors.TongdaiError.
        """
        given: dict[str, Any] = {"request": request} if "request" in self.wants else {}
        if self.may != PUBLIC:
            principal = await self._principal(request, self.may)
            if "principal" in self.wants:
                given["principal"] = principal
        for name, kind in self.takes.items():
            given[name] = await _read(request, name, kind, self.most_bytes)
        return await self.handler(**given)

    async def _principal(self, request: Request, permission: Permission) -> Caller:
        """Raises errors.NotAuthenticated, errors.Forbidden, errors.TooManyRequests."""
        principal = await principal_of(request)
        request.context.by_domain.take(principal.key)
        return permitted(principal, permission, needs_domain=self.needs_domain)


def operation(
    method: Method | tuple[Method, ...],
    *paths: str,
    may: Permission | Literal["public"],
    gives: Mapping[int, tuple[str, Any]],
    tag: str = "",
    reads: str = "",
    fails: tuple[type[errors.TongdaiError], ...] = (),
    is_limited: bool = True,
    answers_head: bool = True,
    most_bytes: int = MAX_BODY,
) -> Callable[[Handler], Operation]:
    """Declares a handler as an operation."""

    def declare(handler: Handler) -> Operation:
        hints = get_type_hints(handler)
        return Operation(
            methods=method if isinstance(method, tuple) else (method,),
            paths=paths,
            handler=handler,
            may=may,
            tag=tag,
            reads=reads,
            gives=gives,
            fails=fails,
            takes={name: hints[name] for name in _TAKES if name in hints},
            wants=frozenset({"request", "principal"} & hints.keys()),
            needs_domain=hints.get("principal", Principal) is Principal,
            is_limited=is_limited,
            answers_head=answers_head,
            most_bytes=most_bytes,
        )

    return declare


async def principal_of(request: Request) -> Caller:
    """The principal of the request's token, or of its session's cookie; an operator who names a
    domain is one in that. Raises errors.NotAuthenticated, errors.NotFound for the domain.
    """
    principals = request.context.principals
    if not request.has_header(b"authorization") and (secret := cookies.secret(request)):
        principal = await principals.of_session(secret)
    else:
        principal = await principals.of(bearer(request))
    if isinstance(principal, Operator) and (name := inputs.query(request).last("domain")):
        return await principals.within(principal, name)
    return principal


def permitted(principal: Caller, permission: Permission, *, needs_domain: bool = True) -> Caller:
    """The principal, which has the permission: the only place that checks it. With `needs_domain`
    it is one in a domain. Raises errors.Forbidden.
    """
    if needs_domain and isinstance(principal, Operator):
        raise errors.Forbidden(messages.DOMAIN_NEEDED)
    if permission not in principal.permissions:
        raise errors.Forbidden(messages.PERMISSION_NEEDED(permission=permission))
    return principal


def routes(context: Context, declared: Iterable[Operation]) -> list[Route]:
    """One route for each path, in the order of declaration."""
    by_path: dict[str, dict[str, Operation]] = {}
    for one in declared:
        for path in one.paths:
            by_path.setdefault(path, {}).update(dict.fromkeys(one.methods, one))
    return [Route(path, Endpoint(context, path, known)) for path, known in by_path.items()]


def template(path: str) -> str:
    """The path in the notation of the OpenAPI document and the metrics."""
    return path.replace(":path}", "}")


class Endpoint:
    """An ASGI application: the operations of one path. It answers OPTIONS always, and HEAD if GET
    only reads: never if GET does what POST does (RFC 9110 §9.2.1).
    """

    def __init__(self, context: Context, path: str, operations: dict[str, Operation]) -> None:
        self._context, self._template = context, template(path)
        read = operations.get("GET")
        is_read = read and read.methods == ("GET",) and read.answers_head
        reads = {"HEAD": read} if read and is_read else {}
        self._operations = operations | reads
        self._allow = ", ".join([*self._operations, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request. Every error becomes a response, unless a response has begun."""
        scope["path_template"] = self._template
        request, has_begun = Request(self._context, scope, receive), False

        async def note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            response = await self._response(request)
            await response(scope, receive, note)
        except Exception as reason:
            if has_begun:
                raise
            refusal = problems.response(reason, request.language, scope["path"])
            await refusal(scope, receive, send)

    async def _response(self, request: Request) -> ASGIApp:
        method = request.scope["method"]
        operation = self._operations.get(method)
        if operation is None or operation.is_limited:
            self._context.by_address.take(request.address)
        if operation is not None:
            return await operation.response(request)
        if method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": self._allow})
        raise problems.MethodNotAllowed(self._allow)


async def _read(
    request: Request, name: str, kind: type[msgspec.Struct], most_bytes: int
) -> msgspec.Struct:
    match name:
        case "path":
            return parameters.read_path(kind, request.path_parameters)
        case "query":
            return parameters.read(kind, inputs.query(request))
        case "headers":
            return parameters.read_headers(kind, request)
        case "fields":
            return parameters.read(kind, await inputs.fields(request))
        case _:
            return await inputs.struct(request, kind, most_bytes)
