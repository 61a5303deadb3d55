# ruff: noqa: S608 -- all parts of statements are ours; values are arguments
"""The conditions on listed call detail records, and the SQL that finds them.

A filter becomes *branches*: selections of which an index gives the newest records in order, and
none of which has a record of another. So a list reads a few rows of each branch, and a total adds
the counts of each.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple
from uuid import UUID

import msgspec

from tongdai import ids
from tongdai.pbx import cdr

FIRST = datetime(1, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 28, tzinfo=UTC)
_PLACE = re.compile(r"<(\d+)>")
_MANY = 8  # values; beyond, one branch has all of them, which PostgreSQL sorts


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """The conditions on listed records. An empty tuple means no condition; of several values any
    one matches.
    """

    since: datetime = FIRST  # first moment of time_started
    until: datetime = LAST  # first moment after
    statuses: tuple[str, ...] = ()
    directions: tuple[int, ...] = ()
    durations: tuple[int, ...] = ()  # seconds
    extensions: tuple[str, ...] = ()  # the record's, either local party's, a participant's
    phones: tuple[str, ...] = ()  # canonical, either side, or a participant
    recordings: tuple[str, ...] = ()  # recording tokens, or ids of recorded calls
    least_duration: int = 0  # seconds
    hotlines: tuple[str, ...] = ()
    ended_since: datetime = FIRST  # first moment of time_ended
    ended_until: datetime = LAST  # first moment after

    @property
    def is_only_time(self) -> bool:
        """Whether the time is its only condition, or it has none."""
        return not (self.statuses or self.directions) and self.counted_by_day

    @property
    def counted_by_day(self) -> bool:
        """Whether `cdr_days` has the number of its records."""
        return self == Filter(self.since, self.until, self.statuses, self.directions)


class Position(msgspec.Struct, frozen=True):
    """A position in the list: after this record, before the next older one."""

    time_started: datetime
    cdr_uuid: UUID


class Statement(NamedTuple):
    sql: str
    arguments: list[object]


class Branch(NamedTuple):
    """Records of `source`, which has the columns of `cdrs`, that fulfil `condition`."""

    source: str
    condition: str


class Query:
    """The statements on one domain's records that match a filter."""

    def __init__(self, domain_uuid: UUID, wanted: Filter) -> None:
        self._bound: list[object] = []
        self._wanted = wanted
        self._domain = self._bind(domain_uuid)

    def keys(self, top: Position, limit: int, offset: int) -> Statement:
        """The cdr_uuids of `limit` records after that position, less the first `offset`, newest
        first.
        """
        place = f"(time_started, cdr_uuid) < ({self._bind(top.time_started)}, "
        place += f"{self._bind(top.cdr_uuid)})"
        # each branch is of the same order: of none more than these are needed
        order = "ORDER BY time_started DESC, cdr_uuid DESC LIMIT"
        newest = f"{order} {limit + offset}"
        selects = [
            f"(SELECT time_started, cdr_uuid FROM {source} WHERE {each} {newest})"
            for source, each in self._branches(place)
        ]
        found = " UNION ALL ".join(selects)
        return self._numbered(
            f"SELECT cdr_uuid FROM ({found}) AS found {order} {limit} OFFSET {offset}"
        )

    def count(self) -> Statement:
        """The exact number of records."""
        before = f"time_started < {self._bind(self._wanted.until)}"
        counts = [
            f"(SELECT count(*) FROM {source} WHERE {each})"
            for source, each in self._branches(before)
        ]
        return self._numbered(f"SELECT {' + '.join(counts)}")

    def _bind(self, value: object) -> str:
        """Stands for the value in a condition."""
        self._bound.append(value)
        return f"<{len(self._bound) - 1}>"

    def _numbered(self, text: str) -> Statement:
        """With the arguments that the text has: a condition may not be in it."""
        used = list(dict.fromkeys(map(int, _PLACE.findall(text))))
        sql = _PLACE.sub(lambda each: f"${used.index(int(each[1])) + 1}", text)
        return Statement(sql, [self._bound[each] for each in used])

    def _any(self, column: str, values: Sequence[object]) -> str:
        return f"{column} = ANY({self._bind(values)})"

    def _branches(self, before: str) -> list[Branch]:
        """All branches, with all conditions; `before` is the upper end of their time."""
        common = [f"domain_uuid = {self._domain}", before, *self._times()]
        own, others = self._narrowest()
        rest = [*common, *others]
        return [Branch(one.source, " AND ".join([*rest, one.condition])) for one in own]

    def _times(self) -> Iterator[str]:
        wanted = self._wanted
        yield f"time_started >= {self._bind(wanted.since)}"
        if wanted.ended_since != FIRST:
            ended_since = self._bind(wanted.ended_since)
            yield f"time_ended >= {ended_since}"
            yield f"time_started >= {ended_since} - {self._longest()}"
        if wanted.ended_until != LAST:
            ended_until = self._bind(wanted.ended_until)
            # what ended before has begun before: the index has the beginning
            yield f"time_ended < {ended_until} AND time_started < {ended_until}"

    def _longest(self) -> str:
        """The time that no call of the domain was longer than."""
        return f"""(SELECT interval '1 second' * (coalesce(max(duration), 0) + 1) FROM cdrs
            WHERE domain_uuid = {self._domain})"""

    def _narrowest(self) -> tuple[list[Branch], list[str]]:
        """The branches by the condition that most likely has the fewest records, and the other
        conditions.
        """
        given = [*self._conditions()]
        if not given:
            return [Branch("cdrs", "true")], []
        (own, _), *rest = given
        return own, [whole for _, whole in rest]

    def _conditions(self) -> Iterator[tuple[list[Branch], str]]:
        """Each condition as branches, and as a whole; the narrowest first."""
        wanted = self._wanted
        if wanted.recordings:
            yield self._alone(self._recorded(wanted.recordings))
        if wanted.phones:
            yield self._phone(wanted.phones)
        if wanted.extensions:
            yield self._extension(wanted.extensions)
        if wanted.durations:
            yield self._column("duration", wanted.durations)
        if wanted.least_duration:
            yield self._alone(f"duration >= {self._bind(wanted.least_duration)}")
        if wanted.hotlines:
            yield self._column("hotline", wanted.hotlines)
        if wanted.statuses or wanted.directions:
            yield self._outcome(wanted.statuses, wanted.directions)

    @staticmethod
    def _alone(condition: str) -> tuple[list[Branch], str]:
        return [Branch("cdrs", condition)], condition

    def _column(self, column: str, values: Sequence[object]) -> tuple[list[Branch], str]:
        return [Branch("cdrs", each) for each in self._each(column, values)], self._any(
            column, values
        )

    def _each(self, column: str, values: Sequence[object]) -> list[str]:
        """A condition for each value: an index on several gives no order."""
        values = list(dict.fromkeys(values))
        if len(values) > _MANY:
            return [self._any(column, values)]
        return [f"{column} = {self._bind(value)}" for value in values]

    def _outcome(
        self, statuses: Sequence[str], directions: Sequence[int]
    ) -> tuple[list[Branch], str]:
        """`cdrs_outcome` has direction, status and time: a branch for each pair."""
        pairs = product(
            self._each("direction", directions or [*cdr.DIRECTIONS.values()]),
            self._each("status", statuses or cdr.STATUSES),
        )
        whole = [self._any("status", statuses)] if statuses else []
        whole += [self._any("direction", directions)] if directions else []
        return [Branch("cdrs", " AND ".join(pair)) for pair in pairs], " AND ".join(whole)

    def _phone(self, phones: Sequence[str]) -> tuple[list[Branch], str]:
        """Records with one of the numbers on either side, or of a participant."""
        caller, called = (self._any(f"{side}_canonical", phones) for side in ("from", "to"))
        conditions = [
            *self._each("from_canonical", phones),
            *(f"{each} AND NOT {caller}" for each in self._each("to_canonical", phones)),
        ]
        return self._or_joined(conditions, f"({caller} OR {called})", phones)

    def _extension(self, extensions: Sequence[str]) -> tuple[list[Branch], str]:
        """Records of the extensions, of local calls with one on either side, or of a
        participant.
        """
        own = self._any("extension", extensions)
        caller, called = (self._any(f"{side}_canonical", extensions) for side in ("from", "to"))
        local = [
            *(f"{each} AND NOT {own}" for each in self._each("from_canonical", extensions)),
            *(
                f"{each} AND NOT ({own} OR {caller})"
                for each in self._each("to_canonical", extensions)
            ),
        ]
        conditions = [
            *self._each("extension", extensions),
            *(f"direction = 1 AND {each}" for each in local),
        ]
        sides = f"({own} OR direction = 1 AND ({caller} OR {called}))"
        return self._or_joined(conditions, sides, extensions)

    def _or_joined(
        self, conditions: Sequence[str], sides: str, numbers: Sequence[str]
    ) -> tuple[list[Branch], str]:
        """The records of these conditions, which together are `sides`, and those that have one of
        the numbers among their participants.
        """
        since, until = self._bind(self._wanted.since), self._bind(self._wanted.until)
        joined = f"""SELECT DISTINCT domain_uuid, time_started, cdr_uuid FROM cdr_participants
            WHERE domain_uuid = {self._domain} AND {self._any("number", numbers)}
              AND time_started >= {since} AND time_started < {until}"""
        source = f"({joined}) AS joined JOIN cdrs USING (domain_uuid, time_started, cdr_uuid)"
        branches = [Branch("cdrs", each) for each in conditions]
        branches.append(Branch(source, f"NOT {sides}"))
        found = f"cdr_uuid IN (SELECT cdr_uuid FROM ({joined}) AS joined)"
        return branches, f"({sides} OR {found})"

    def _recorded(self, names: Sequence[str]) -> str:
        """Records with a recording of that token, or with that id."""
        uuids = [uuid for name in names if (uuid := ids.read(name))]
        return f"""cdr_uuid = ANY(ARRAY(
            SELECT cdr_uuid FROM recordings WHERE domain_uuid = {self._domain}
              AND (token = ANY({self._bind(names)}) OR cdr_uuid = ANY({self._bind(uuids)}))))"""
