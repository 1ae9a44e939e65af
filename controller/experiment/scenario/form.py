"""The form of a scenario file: which key fills which field, of which kind. Reading, writing and the schema follow it."""

from __future__ import annotations

from functools import partial
from typing import Any, get_args

from msgspec import structs

from controller.experiment import expect, rescue
from controller.experiment.scenario import faults
from controller.experiment.scenario.fields import BAD, Form, Key, Many, Named, OneOf, Table
from controller.experiment.scenario.kinds import flag, number, text, whole, word
from controller.experiment.scenario.located import Located, Problems
from controller.experiment.scenario.model import (
    SEED_END,
    Arm,
    Initiators,
    Links,
    Nodes,
    Phases,
    Scenario,
    Targets,
    Tier,
)
from controller.experiment.scenario.policies import read_policy, wrong_with
from controller.experiment.scenario.values import (
    ALLOCATOR,
    ARM_NAME,
    CONDITION,
    COUNT,
    ERA,
    KERNEL_NAME,
    LASTING,
    LINK_RATE,
    NAME,
    NODE,
    PACKET_RATE,
    PAGE_RATE,
    PAGES,
    PAGES_OR_NONE,
    POLICY,
    POLICY_TEXT,
    SHARE,
    SIZE,
    TIME,
    VERDICT,
)
from nodes.config import (
    OPEN_LINK,
    SOCKETS_MAX,
    Caps,
    ContestRule,
    GuestSpec,
    Pages,
    PolicySpec,
    Queueing,
    Reader,
    Relay,
    Sender,
    Spread,
    Transport,
    Work,
)
from nodes.floods import Flood, FloodKind
from nodes.machine.nic import NICS
from nodes.machine.policies import POLICIES

BOOST_FACTOR_MAX = 100_000
"""Ten times the high mark (own: the kernel has no bound)."""
QUEUE_PACKETS_MAX, BURST_PACKETS_MAX = 1_000_000, 10_000


def _policy(name: str, allocator: str = "", **rest: Any) -> PolicySpec:
    """One that cannot be is told by `wrong_with`, at its key."""
    return PolicySpec(name=name, allocator=allocator or POLICIES[name].allocators[0], **rest)


class PolicyForm:
    """A policy: its name (`memalloc`, `memalloc+srog`, `mainline+head_reserve`), or a mapping. Written back in full."""

    table = Table(
        _policy,
        (
            Key("name", "name", POLICY, "a reserve policy", required=True),
            Key("allocator", "allocator", ALLOCATOR, "where packet memory comes from"),
            Key(
                "socket_floor", "socket_floor_bytes", SIZE, "netmem, pool-cap: what every socket may hold above the cap"
            ),
            Key(
                "pool",
                "pool_bytes",
                SIZE,
                "nta, pool-cap: pool of each CPU; 0 B: in proportion to memory",
            ),
            Key("era", "era", ERA, "netmem: of whose time, 2006 or today"),
            Key("head_reserve", "head_reserve", flag(), "sk_buff heads may come from the reserve, too (own extension)"),
        ),
    )

    def read(self, at: Located, problems: Problems) -> Any:
        if not isinstance(at.value, dict):
            text = POLICY_TEXT.read(at, problems)
            return BAD if text is BAD else read_policy(text)
        spec = self.table.read(at, problems)
        if spec is BAD:
            return BAD
        wrong = list(wrong_with(spec))
        for key, problem in wrong:
            problems.at(at.value.get(key, at), problem)
        return BAD if wrong else spec

    def write(self, value: PolicySpec) -> Any:
        return self.table.write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [POLICY_TEXT.schema(), self.table.schema()]}


GUEST = Table(
    GuestSpec,
    (
        Key("kernel", "kernel", KERNEL_NAME, "one of the image's, e.g. trixie-amd64"),
        Key("transport", "transport", word("transport", lambda: get_args(Transport)), "how swap reaches the target"),
        Key("work", "work", word("kind of work", lambda: get_args(Work)), "what the application does with its pages"),
        Key("caps", "caps", word("kind of caps", lambda: get_args(Caps)), "the kernel's limits of network memory"),
        Key(
            "pages",
            "pages",
            word("kind of pages", lambda: get_args(Pages)),
            "memory that is swapped, or pages of files",
        ),
        Key("cgroup_limit", "cgroup_pages", PAGES, "of the application's control group, with the storage socket in it"),
        Key("relay", "relay", flag(), "a process carries the block device's bytes: an initiator in user space"),
        Key("relay_locked", "relay_locked", flag(), "it has locked its memory (mlockall)"),
        Key("relay_flusher", "relay_flusher", flag(), "it has told the kernel what it is (PR_SET_IO_FLUSHER)"),
        Key(
            "boost_factor", "boost_factor", whole(0, BOOST_FACTOR_MAX), "vm.watermark_boost_factor; the kernel's: 15000"
        ),
    ),
)
INITIATOR = Table(
    Initiators,
    (
        Key("count", "count", COUNT, "how many, all alike"),
        Key("memory", "memory_pages", PAGES, "memory of the modelled machine, e.g. 64 MiB"),
        Key("min_free", "min_free_pages", PAGES, "vm.min_free_kbytes: the min watermark, e.g. 1 MiB"),
        Key("nic", "nic", word("nic", lambda: NICS), "model of its network card"),
        Key("working_set", "working_set_pages", PAGES, "what the application dirties in a loop; more than memory"),
        Key("touch_rate", "touch_pages_per_s", PAGE_RATE, "how fast, e.g. 2000 pages/s; 0 pages/s: as fast as it can"),
        Key("tasks", "tasks", whole(1, 1024), "threads of the application; they share one loop over the working set"),
        Key("queue_depth", "queue_depth", whole(1, 1024), "block requests in flight at most"),
        Key(
            "boost",
            "boost_pages",
            PAGES_OR_NONE,
            "raises the watermarks once memory is fragmented (vm.watermark_boost_factor)",
        ),
        Key("cpus", "cpus", whole(1, 256), "processors: packets come in on the first, readers run on all"),
        Key(
            "contest",
            "contest",
            word("rule", lambda: get_args(ContestRule)),
            "who gets a freed page, of those who wait",
        ),
        Key("sender", "sender", word("sender", lambda: get_args(Sender)), "how its block driver sends, unless patched"),
        Key(
            "storage_nic", "storage_nic", word("nic", lambda: NICS), "a second card, which carries block traffic alone"
        ),
        Key(
            "relay",
            "relay",
            word("relay", lambda: get_args(Relay)),
            "a process of its own that block I/O passes through",
        ),
        Key("relay_locked", "relay_locked", flag(), "that process has locked its memory (mlockall)"),
        Key("relay_flusher", "relay_flusher", flag(), "it has told the kernel what it is (PR_SET_IO_FLUSHER)"),
        Key("guest", "guest", GUEST, "what only a real kernel can be told (tier kernel)"),
    ),
)
TARGET = Table(
    Targets,
    (
        Key("count", "count", COUNT, "how many; initiator i uses target i modulo count"),
        Key("size", "size_bytes", SIZE, "of the disk; it holds the working sets of all initiators that share it"),
        Key("latency", "latency_ns", TIME, "added to each request"),
        Key("latency_spread", "latency_spread", word("spread", lambda: get_args(Spread)), "of latency over requests"),
        Key("rate", "rate_bps", LINK_RATE, "of the disk; 0 bit: unlimited"),
        Key("error", "error_ratio", SHARE, "share of requests answered EIO"),
    ),
)
SHAPE_KEYS = (
    Key("rate", "rate_bps", LINK_RATE, "on what a node sends; 0 bit: unlimited"),
    Key("delay", "delay_ns", TIME, "one way, at each end"),
    Key("jitter", "jitter_ns", TIME, "the delay varies by as much"),
    Key("loss", "loss_ratio", SHARE, "share of packets lost"),
    Key("reorder", "reorder_ratio", SHARE, "share of packets that overtake others"),
    Key("duplicate", "duplicate_ratio", SHARE, "share of packets that arrive twice"),
)
LINK = Table(partial(structs.replace, OPEN_LINK), SHAPE_KEYS)
QUEUEING = Table(
    Queueing,
    (
        Key("queue", "queue_packets", whole(1, QUEUE_PACKETS_MAX), "packets that wait for a link at most"),
        Key("loss_burst", "loss_burst_packets", whole(1, BURST_PACKETS_MAX), "mean length of a burst of losses"),
    ),
)
FLOOD = Table(
    Flood,
    (
        Key("kind", "kind", word("flood kind", lambda: get_args(FloodKind)), "", required=True),
        Key("rate", "rate_pps", PACKET_RATE, "all senders and initiators together, e.g. 20 kpps"),
        Key("size", "size_bytes", SIZE, "payload of a datagram or an http body"),
        Key("sockets", "sockets", whole(1, SOCKETS_MAX), "at each initiator"),
        Key("reader", "reader", word("reader", lambda: get_args(Reader)), "who empties the sockets"),
        Key("rcvbuf", "rcvbuf_bytes", SIZE, "receive buffer of each socket"),
        Key("start", "start_ns", TIME, "after the flood phase begins"),
        Key("duration", "duration_ns", TIME, "0 s: until the flood phase ends"),
        Key("stopped", "stopped_ns", LASTING, "simulator: somebody stops it so long after the flood phase begins"),
        Key("burst", "burst_ns", LASTING, "simulator: the packets of so much time come at once, e.g. 20 ms"),
    ),
)
PHASES = Table(
    Phases,
    (
        Key("warmup", "warmup_ns", LASTING, "pressure builds, the rate of progress is measured"),
        Key("flood", "flood_ns", LASTING, "junk and faults"),
        Key("heal", "heal_ns", LASTING, "junk stopped: does it come back? (extended while the verdict is open)"),
        Key("rescue", "rescue_ns", LASTING, "each remedy is waited for as long, if anybody still stands still"),
    ),
)
_AT = Key("at", "at_ns", TIME, "after the flood phase begins", required=True)
_DURATION = Key("duration", "duration_ns", TIME, "then as before; 0 s: it stays")
_NODE = Key("node", "node", NODE, "'initiator', 'target', or one of them such as 'initiator-2'")
_CUT_FOR = Key("duration", "duration_ns", LASTING, "then the cable is back", required=True)


def _fault(kind: str, *keys: Key) -> tuple[type[Any], Table]:
    return faults.KINDS[kind], Table(faults.KINDS[kind], keys, constants={"kind": kind})


POLICY_FORM: Form = PolicyForm()
FAULT = OneOf(
    {
        "cut": _fault("cut", _AT, _CUT_FOR, _NODE),
        "shape": _fault("shape", _AT, _DURATION, _NODE, *SHAPE_KEYS),
        "target": _fault(
            "target",
            _AT,
            _DURATION,
            _NODE,
            *(key for key in TARGET.keys if key.name in ("latency", "rate", "error")),
            Key("stalled", "stalled", flag(), "requests are accepted and not answered"),
            Key("down", "down", flag(), "the server is gone; its clients reconnect when it is back"),
        ),
        "policy": _fault("policy", _AT, _DURATION, _NODE, Key("policy", "policy", POLICY_FORM, "", required=True)),
        "min_free": _fault(
            "min_free", _AT, _DURATION, _NODE, Key("min_free", "min_free_pages", PAGES, "", required=True)
        ),
    },
    by="kind",
)
REMEDY = OneOf(
    {
        "policy": (rescue.SwitchTo, Table(rescue.SwitchTo, (Key("policy", "policy", POLICY_FORM, "switched to"),))),
        "min_free": (rescue.SetMin, Table(rescue.SetMin, (Key("min_free", "min_free_pages", PAGES, "written"),))),
    }
)
_OF = Key("node", "node", NODE, "of one role or node only")
EXPECT = OneOf(
    {
        "verdict": (expect.VerdictIs, Table(expect.VerdictIs, (Key("verdict", "verdict", VERDICT, ""), _OF))),
        "metric": (
            expect.MetricBound,
            Table(
                expect.MetricBound,
                (
                    Key("metric", "metric", word("metric", lambda: expect.METRICS), "a figure of each initiator"),
                    Key("below", "below", number(), "it must be lower"),
                    Key("above", "above", number(), "it must be higher"),
                    _OF,
                ),
            ),
        ),
        "sometimes": (
            expect.Sometimes,
            Table(expect.Sometimes, (Key("sometimes", "condition", CONDITION, "true of at least one sample"), _OF)),
        ),
        "always": (
            expect.Always,
            Table(expect.Always, (Key("always", "condition", CONDITION, "true of every sample"), _OF)),
        ),
        "data": (expect.DataIs, Table(expect.DataIs, (Key("data", "data", word("data", lambda: ["intact"]), ""),))),
    }
)
ARM = Table(
    Arm,
    (
        Key("policy", "policy", POLICY_TEXT, "a policy whose outcome is known", required=True),
        Key("verdict", "verdict", VERDICT, "what it must give", required=True),
    ),
)
NODES = Table(Nodes, (Key("initiator", "initiator", INITIATOR, ""), Key("target", "target", TARGET, "")))
LINKS = Table(
    Links,
    (
        Key("data", "data", LINK, "the network of storage and junk"),
        Key("storage", "storage", LINK, "the network of block traffic alone, with a storage_nic"),
        Key("queueing", "queueing", QUEUEING, "of every link"),
    ),
)
SCENARIO = Table(
    Scenario,
    (
        Key("name", "name", NAME, "names the run folder", required=True),
        Key("about", "about", text(), "one sentence for a reader"),
        Key("nodes", "nodes", NODES, ""),
        Key("links", "links", LINKS, ""),
        Key("policy", "policy", POLICY_FORM, "the reserve policy at the start", required=True),
        Key("floods", "floods", Many(FLOOD), "junk during the flood phase"),
        Key("faults", "faults", Many(FAULT), "what else happens, from the start of the flood phase"),
        Key("phases", "phases", PHASES, ""),
        Key("rescue", "rescue", Many(REMEDY), "remedies for who still stands still after heal, in this order"),
        Key("expect", "expect", Many(EXPECT, least=1), "what must come true for exit code 0", required=True),
        Key("arms", "arms", Named(ARM_NAME, ARM), "policies with known outcomes, e.g. bad and good"),
        Key("seed", "seed", whole(0, SEED_END - 1), "of everything that is random"),
        Key("tier", "tier", word("tier", lambda: get_args(Tier)), "what carries it out unless the command says"),
    ),
)
