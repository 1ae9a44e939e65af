"""Locust's entry point: the flood's fields in its form, their check, and the end of each flood in time.

    locust -f traffic/locustfile.py                      the web form, or POST /swarm with the same fields
    locust -f traffic/locustfile.py --headless -u 2 ...  without

A form that asks for something impossible is refused before anything is sent; a flood nobody stops ends by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import gevent
import locust.runners
import locust.web
from flask import Response, jsonify, request
from gevent.pool import Group
from locust import events
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING, WorkerRunner

from nodes.errors import UsageError
from nodes.registry import did_you_mean
from traffic.guard import guarded
from traffic.page import dressed
from traffic.profiles import (
    DEFAULT_TARGETS,
    RATE_DEFAULT,
    SECONDS_DEFAULT,
    SECONDS_MAX,
    SIZE_DEFAULT,
    Swarm,
    check_users,
    parse_form,
)
from traffic.targets import require_ours
from traffic.users import USERS_OF, HttpUser, TcpStreamUser, UdpUser, swarm_of

__all__ = ["HttpUser", "TcpStreamUser", "UdpUser"]  # Locust looks for its users here

timers = Group()
locust.web.DEFAULT_CACHE_TIME = 0.2
"""How long the web interface repeats its last statistics, seconds. The controller dates floods started by hand by them."""
GRACE_S = 0.5
"""Users stop by themselves at the flood's end; the runner follows this much later (own)."""


FIELDS = ("kind", "rate", "size", "sockets", "port", "targets", "seconds", "floods")
LOCUSTS_FIELDS = ("user_count", "spawn_rate", "host", "run_time", "profile", "shape_class", "user_classes")
"""What Locust's own form has beside ours. Any other of its options would be taken too: `headless` among them, after which a
master that has no command line waits for nobody."""
MASTER_SILENCE_S = 10
"""A worker whose master says nothing for so long ends, to be started anew with the next one (Locust: 60 s)."""
LOST_MASTER = 1
"""A worker's exit code, whoever ended it: what compose starts anew is what did not end with 0."""


def add_fields(parser: Any) -> None:
    """The flood's fields: on the command line, in the web form and in POST /swarm."""
    targets = os.environ.get("NETRESERVE_FLOOD_TARGETS", DEFAULT_TARGETS)
    parser.add_argument("--kind", default="udp", choices=["udp", "tcp", "http", "mix"], help="What junk to send")
    parser.add_argument("--rate", default=RATE_DEFAULT, help="Packets, segments or requests per second, all together")
    parser.add_argument("--size", default=SIZE_DEFAULT, help="Payload of a datagram or request, e.g. '1400 B'")
    parser.add_argument("--sockets", default="0", help="Sockets at each initiator; 0: as the default sinks have")
    parser.add_argument("--port", default="0", help="First port of the sinks; 0: that of the default sinks")
    parser.add_argument("--targets", default=targets, help="Names or addresses in 198.18.0.0/15, with commas")
    parser.add_argument("--seconds", default=str(SECONDS_DEFAULT), help=f"The flood's length, at most {SECONDS_MAX}")
    parser.add_argument(
        "--floods",
        default="",
        include_in_web_ui=False,
        help="Several at once, as JSON, instead of kind, rate, size ...",
    )
    parser.add_argument("--share", type=int, default=0, include_in_web_ui=False, help="Set by the master; leave it")


def check_requests(environment: Environment, **_: object) -> None:
    """On the master: checks what is asked for, on the command line now and in every POST /swarm."""
    if isinstance(environment.runner, WorkerRunner):
        locust.runners.MASTER_HEARTBEAT_TIMEOUT = MASTER_SILENCE_S
        environment.process_exit_code = LOST_MASTER
        return
    if environment.web_ui is not None and environment.web_ui.app is not None:
        given = {name: str(value) for name, value in vars(environment.parsed_options).items() if name in FIELDS}
        environment.web_ui.app.wsgi_app = guarded(environment.web_ui.app.wsgi_app)  # type: ignore[assignment,method-assign]
        environment.web_ui.app.before_request(lambda: _refusal(environment, given))
        environment.web_ui.app.after_request(lambda response: _dress(environment, response))
    if environment.parsed_options is not None and environment.parsed_options.headless:
        try:
            _prepare(environment, swarm_of(environment.parsed_options)[0], environment.parsed_options.num_users or 1)
        except UsageError as error:
            raise SystemExit(f"netreserve: {error}") from None


def bound_time(environment: Environment, **_: object) -> None:
    """On the master: tells the users how many they are, and ends the flood in time."""
    options, runner = environment.parsed_options, environment.runner
    if isinstance(runner, WorkerRunner) or options is None or runner is None:
        return
    options.share = runner.target_user_count
    timers.kill(block=False)
    timers.add(gevent.spawn_later(int(options.seconds) + GRACE_S, runner.quit if options.headless else runner.stop))


def _refusal(environment: Environment, given: dict[str, str]) -> Any:
    """What a request to start a flood is refused with. One that is carried out finds `given`, the values of Locust's own
    command line, in every field that it leaves out, whatever the flood before it was."""
    if request.method != "POST" or not request.path.endswith("/swarm"):
        return None
    try:
        assert environment.runner is not None
        _require_known(request.form)
        if environment.runner.state in (STATE_SPAWNING, STATE_RUNNING):
            raise UsageError("a flood is going on: stop it before you start another")
        swarm = parse_form({**given, **request.form})
        _prepare(environment, swarm, request.form.get("user_count", 0, type=int))
        vars(environment.parsed_options).update(given)
    except UsageError as error:
        return jsonify({"success": False, "message": str(error), "host": environment.host})
    return None


def _require_known(fields: Iterable[str]) -> None:
    for name in fields:
        if name not in (*FIELDS, *LOCUSTS_FIELDS):
            raise UsageError(f"{name}: no such field ({did_you_mean(name, [*FIELDS, *LOCUSTS_FIELDS])})")


def _dress(environment: Environment, response: Response) -> Response:
    """The start page gets our note, with the values that its form shows."""
    if request.endpoint == "locust.index" and response.mimetype == "text/html" and environment.web_ui is not None:
        options = environment.web_ui.template_args["extra_options"]
        fields = {name: option["default_value"] for name, option in options.items()}
        response.set_data(dressed(response.get_data(as_text=True), fields))
    return response


def _prepare(environment: Environment, swarm: Swarm, users: int) -> None:
    check_users(swarm.kinds, users)
    require_ours(swarm.targets)
    environment.user_classes = [USERS_OF[kind] for kind in swarm.kinds]


for hook, listener in (
    (events.init_command_line_parser, add_fields),
    (events.init, check_requests),
    (events.test_start, bound_time),
):
    hook.add_listener(listener)  # type: ignore[no-untyped-call]
