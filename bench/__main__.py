"""python -m bench [NAME ...] [--rate 50 ...]: runs those named, or all, one after the other.

Options are the parameters of the benchmarks' main(), whole numbers. Each benchmark gets those that
it has.
"""

import inspect
import sys
from collections.abc import Callable

from bench import (
    bulk,
    calls,
    cdrs,
    click2call,
    decision,
    disk,
    export,
    housekeeping,
    live,
    portal,
    provisioning,
    reports,
    search,
    start,
    webhooks,
)

ALL: dict[str, Callable[..., None]] = {
    "bulk": bulk.main,
    "calls": calls.main,
    "click2call": click2call.main,
    "cdrs": cdrs.main,
    "decision": decision.main,
    "disk": disk.main,
    "export": export.main,
    "housekeeping": housekeeping.main,
    "live": live.main,
    "portal": portal.main,
    "provisioning": provisioning.main,
    "reports": reports.main,
    "search": search.main,
    "start": start.main,
    "webhooks": webhooks.main,
}


def asked(arguments: list[str]) -> tuple[list[str], dict[str, int]]:
    """The names of benchmarks, and the options by name."""
    names, options = [], {}
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("--"):
            options[argument.removeprefix("--")] = int(next(rest))
        else:
            names.append(argument)
    return names or list(ALL), options


if __name__ == "__main__":
    names, options = asked(sys.argv[1:])
    if unknown := set(names) - set(ALL):
        sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    for name in names:
        print(f"\n== {name}: {(ALL[name].__module__)}", flush=True)
        known = inspect.signature(ALL[name]).parameters
        ALL[name](**{option: value for option, value in options.items() if option in known})
