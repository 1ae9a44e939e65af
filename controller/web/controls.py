"""What a person may do to a live testbed: each control makes a command of the controller's, and tells what was read back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from controller import api
from controller.experiment.rescue import REMEDIES, WAIT_NS, SwitchTo
from controller.experiment.scenario import dump, override_policy, policy_text
from controller.experiment.scenario.policies import read_policy
from controller.web.answers import NoSuchError, answer, told
from controller.web.house import House
from nodes.config import InitiatorSpec, Reader, Shape, TargetSpec
from nodes.errors import UsageError
from nodes.floods import Flood, FloodKind
from nodes.registry import did_you_mean
from nodes.units import parse_duration_ns, parse_rate_bps, parse_rate_pps, parse_ratio, parse_size_bytes
from traffic.profiles import DURATION_NS_DEFAULT, RATE_DEFAULT, SIZE_DEFAULT, default_sink


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a control takes; `node` empty: all that it can concern. Texts have units, as on the command line."""

    node: str = ""

    def command(self, house: House) -> api.Command:
        """What the controller is asked. Raises UsageError."""
        raise NotImplementedError


class FloodAsked(Asked, frozen=True, kw_only=True):
    """Junk at all initiators, or the end of it; what is left out is as it is there."""

    action: Literal["start", "stop"] = "start"
    kind: FloodKind = "udp"
    rate: str = RATE_DEFAULT
    size: str = SIZE_DEFAULT
    sockets: int | None = None
    reader: Reader | None = None
    rcvbuf: str = ""
    time: str = ""

    def command(self, house: House) -> api.Command:
        if self.action == "stop":
            return api.StopFlood()
        there = default_sink(self.kind)
        flood = {
            "kind": self.kind,
            "rate_pps": parse_rate_pps(self.rate),
            "size_bytes": parse_size_bytes(self.size),
            "sockets": there.sockets if self.sockets is None else self.sockets,
            "reader": self.reader or there.reader,
            "rcvbuf_bytes": parse_size_bytes(self.rcvbuf) if self.rcvbuf else there.rcvbuf_bytes,
        }
        duration_ns = parse_duration_ns(self.time) if self.time else DURATION_NS_DEFAULT
        return api.StartFlood(flood=_made(flood, Flood), duration_ns=duration_ns)


class PolicyAsked(Asked, frozen=True, kw_only=True):
    """Another reserve policy, live."""

    policy: str

    def command(self, house: House) -> api.Command:
        return api.SetPolicy(policy=read_policy(self.policy), node=self.node)


class ShapeAsked(Asked, frozen=True, kw_only=True):
    """The link; what is left out stays."""

    rate: str = ""
    delay: str = ""
    jitter: str = ""
    loss: str = ""
    reorder: str = ""
    duplicate: str = ""

    def command(self, house: House) -> api.Command:
        parsers: dict[str, tuple[str, Callable[[object], float]]] = {
            "rate_bps": (self.rate, parse_rate_bps),
            "delay_ns": (self.delay, parse_duration_ns),
            "jitter_ns": (self.jitter, parse_duration_ns),
            "loss_ratio": (self.loss, parse_ratio),
            "reorder_ratio": (self.reorder, parse_ratio),
            "duplicate_ratio": (self.duplicate, parse_ratio),
        }
        named = {name: _parsed(name, text, parse) for name, (text, parse) in parsers.items() if text}
        if not named:
            raise UsageError("it changes nothing: give rate, delay, jitter, loss, reorder or duplicate")
        return api.SetShape(shape=_made(named, Shape), node=self.node)


class PullAsked(Asked, frozen=True, kw_only=True):
    """The cable: out, or in again."""

    action: Literal["begin", "end"] = "begin"

    def command(self, house: House) -> api.Command:
        return api.SetShape(shape=Shape(cut=self.action == "begin"), node=self.node)


class StallAsked(Asked, frozen=True, kw_only=True):
    """The target: it stops answering, or goes on."""

    action: Literal["begin", "end"] = "begin"

    def command(self, house: House) -> api.Command:
        return api.SetStall(stalled=self.action == "begin", node=self.node)


class RescueAsked(Asked, frozen=True, kw_only=True):
    """Remedies for who stands still: all that there are, or a policy alone."""

    policy: str = ""
    wait: str = ""

    def command(self, house: House) -> api.Command:
        remedies = (SwitchTo(policy=read_policy(self.policy)),) if self.policy else REMEDIES
        return api.StartRescue(
            remedies=remedies, node=self.node, wait_ns=parse_duration_ns(self.wait) if self.wait else WAIT_NS
        )


class RunAsked(Asked, frozen=True, kw_only=True):
    """A scenario of the gallery on the testbed; `action` stop ends the run that goes on."""

    action: Literal["start", "stop"] = "start"
    scenario: str = ""
    policy: str = ""
    tier: Literal["container", "kernel"] = "container"

    def command(self, house: House) -> api.Command:
        if self.action == "stop":
            return api.StopRun()
        scenario = house.gallery.find(self.scenario, self.tier)
        scenario = override_policy(scenario, self.policy) if self.policy else scenario
        return api.StartRun(scenario=dump(scenario), file=self.scenario, tier=self.tier)


CONTROLS: dict[str, type[Asked]] = {
    "flood": FloodAsked,
    "policy": PolicyAsked,
    "shape": ShapeAsked,
    "pull": PullAsked,
    "stall": StallAsked,
    "rescue": RescueAsked,
    "run": RunAsked,
}


WHOLE = ("flood", "run")
"""Controls that no node can be chosen for."""


async def control(request: Request) -> Response:
    """Carries one out: `{"read_back": {name: value}, ...}`, with the controller's own answer."""
    house: House = request.app.state.house
    name = request.path_params["control"]
    if house.live is None:
        raise NoSuchError(
            "no testbed stands behind this page: `netreserve up` starts one, and serves a page of its own"
        )
    if name not in CONTROLS:
        raise NoSuchError(f"no control is called '{name}' ({did_you_mean(name, list(CONTROLS))})")
    asked = await told(request, CONTROLS[name])
    if asked.node and name in WHOLE:
        raise UsageError(f"{name} concerns the whole testbed, and not '{asked.node}' alone: leave node out")
    command = await asyncio.to_thread(asked.command, house)
    if isinstance(command, api.StartRun):
        house.simulations.require_none()
    done = await house.live.stage.commands.carry_out(command)
    if isinstance(done, api.RunStarted):
        return answer({"read_back": {"run": done.run}, "started": done})
    return answer({"read_back": read_back(name, done, asked.node), "testbed": done})


def read_back(name: str, state: api.State, node: str = "") -> dict[str, object]:
    """What nodes said is in force now, of what the control `name` changes: one value where all agree, else one a node."""
    if name in ("flood", "run"):
        return {"flood": state.flood or "stopped", "run": state.run}
    values: dict[str, dict[str, object]] = {}
    for there in state.nodes:
        if there.reported is not None and node in ("", there.status.node):
            values[there.status.node] = dict(_values(name, there.reported.spec, there.reported.shape))
    found: dict[str, object] = {}
    for key in dict.fromkeys(key for own in values.values() for key in own):
        each = {who: own[key] for who, own in values.items() if key in own}
        agreed = len(set(map(str, each.values()))) == 1
        found[key] = next(iter(each.values())) if agreed else each
    return found


def _values(name: str, spec: object, shape: Shape) -> dict[str, object]:
    if name == "policy":
        return {"policy": policy_text(spec.policy)} if isinstance(spec, InitiatorSpec) else {}
    if name == "stall":
        return {"stalled": spec.stalled} if isinstance(spec, TargetSpec) else {}
    if name == "pull":
        return {"cut": bool(shape.cut)}
    return {key: value for key, value in msgspec.structs.asdict(shape).items() if key != "cut"}


def _parsed(name: str, text: str, parse: Callable[[object], float]) -> float:
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{name.rpartition('_')[0]}: {error}") from None


def _made(fields: dict[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise UsageError(str(error)) from None


async def live(request: Request) -> Response:
    """The testbed now."""
    house: House = request.app.state.house
    if house.live is None:
        raise NoSuchError(
            "no testbed stands behind this page: `netreserve up` starts one, and serves a page of its own"
        )
    return answer(house.live.view())


ROUTES = [Route("/api/live", live), Route("/api/controls/{control}", control, methods=["POST"])]
