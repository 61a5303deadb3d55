"""tongdai queue: callers wait in order, with music, for agents."""

from typing import Annotated

import typer

from tongdai.cli import options, session, terminal
from tongdai.pbx.directory import Queue
from tongdai.store import queues

app = typer.Typer(
    no_args_is_help=True, help="Queues: callers wait in order, with music, for agents."
)

NEW = Queue("")  # with the defaults of a queue
Number = Annotated[str, typer.Argument(metavar="QUEUE", help="2 to 8 digits.", show_default=False)]
AGENTS = typer.Option(
    help="Extensions, comma-separated; the longest idle is offered first.", show_default=False
)
RING_TIMEOUT = typer.Option(help="Seconds that an agent rings, 3 to 300.")
NO_ANSWER_DELAY = typer.Option(
    help="Seconds before an agent who did not answer is offered again, 0 to 3600."
)
WRAP_UP = typer.Option(help="Seconds that an agent has after a talk, 0 to 3600.")
TIMEOUT = typer.Option(help="Seconds that a caller waits at most, 3 to 7200.")
MUSIC = typer.Option(
    help="The hold music: a prompt by its name, or a class of the switch; default: the domain's."
)
SERVICE_LEVEL = typer.Option(
    help="Seconds within which an answer is in time, for reports, 1 to 3600."
)


@app.command()
def create(
    number: Number,
    *,
    domain: options.Domain,
    agents: Annotated[str, AGENTS] = "",
    name: Annotated[str, options.NAME] = "",
    ring_timeout: Annotated[int, RING_TIMEOUT] = NEW.ring_timeout_s,
    no_answer_delay: Annotated[int, NO_ANSWER_DELAY] = NEW.no_answer_delay_s,
    wrap_up: Annotated[int, WRAP_UP] = NEW.wrap_up_s,
    timeout: Annotated[int, TIMEOUT] = NEW.timeout_s,
    overflow: Annotated[str, options.OVERFLOW] = "",
    music: Annotated[str, MUSIC] = NEW.moh_class,
    service_level: Annotated[int, SERVICE_LEVEL] = NEW.service_level_s,
    as_json: options.Json = False,
) -> None:
    """Make a queue.

    Example: tongdai queue create 700 --domain sales.example.vn --agents 101,102 --name "Hỗ trợ"
    --overflow 600
    """
    made = Queue(
        number,
        name=name,
        agents=options.listed(agents) or (),
        ring_timeout_s=ring_timeout,
        no_answer_delay_s=no_answer_delay,
        wrap_up_s=wrap_up,
        timeout_s=timeout,
        overflow=overflow,
        moh_class=music,
        service_level_s=service_level,
    )
    session.change(domain, queues.insert, made)
    terminal.one(made, as_json=as_json)


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's queues."""
    columns = (
        "number",
        "name",
        "agents",
        "ring_timeout_s",
        "no_answer_delay_s",
        "wrap_up_s",
        "timeout_s",
        "overflow",
        "moh_class",
        "service_level_s",
    )
    terminal.many(session.call(domain, queues.list), *columns, as_json=as_json)


@app.command()
def show(number: Number, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a queue."""
    terminal.one(session.call(domain, queues.get, number), as_json=as_json)


@app.command()
def update(
    number: Number,
    *,
    domain: options.Domain,
    agents: Annotated[str | None, AGENTS] = None,
    name: Annotated[str | None, options.NAME] = None,
    ring_timeout: Annotated[int | None, RING_TIMEOUT] = None,
    no_answer_delay: Annotated[int | None, NO_ANSWER_DELAY] = None,
    wrap_up: Annotated[int | None, WRAP_UP] = None,
    timeout: Annotated[int | None, TIMEOUT] = None,
    overflow: Annotated[str | None, options.OVERFLOW] = None,
    music: Annotated[str | None, MUSIC] = None,
    service_level: Annotated[int | None, SERVICE_LEVEL] = None,
    as_json: options.Json = False,
) -> None:
    """Change a queue; what is not given stays.

    Example: tongdai queue update 700 --domain sales.example.vn --agents 101,102,103 --timeout 600
    """
    changes = options.given(
        agents=options.listed(agents),
        name=name,
        ring_timeout_s=ring_timeout,
        no_answer_delay_s=no_answer_delay,
        wrap_up_s=wrap_up,
        timeout_s=timeout,
        overflow=overflow,
        moh_class=music,
        service_level_s=service_level,
    )
    changed = session.change(domain, queues.change, number, changes)
    terminal.one(changed, as_json=as_json)


@app.command()
def delete(number: Number, *, domain: options.Domain) -> None:
    """Delete a queue that nothing leads to."""
    session.change(domain, queues.delete, number)
    terminal.say(f"Deleted queue {number}.")
