"""The whole initiator in a namespace of its own, with a real target and real packets at the other end of a cable."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import msgspec
import pytest
from armremote import serve_arm
from brokers import until
from netspaces import LEFT, RIGHT, Remote, pair, run_in

from nodes.agent.tasks import end
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec, Reader, Shape, Sink
from nodes.container.arm import InitiatorArm
from nodes.eventkinds import Corrupt, Harness, PolicySet, Reconnect, Recovered, Stalled
from nodes.messages import Desired, Event, Reported, Sample
from nodes.network.interfaces import Interface
from nodes.units import MS_NS

pytestmark = [pytest.mark.net_admin, pytest.mark.usefixtures("libnbd")]

NBD_PORT = 10_809
MACHINE = MachineConfig(memory_pages=2048, min_free_pages=64, working_set_pages=3072, touch_pages_per_s=3000)
SINK = Sink(kind="udp", port=9000, reader="stalled", rcvbuf_bytes=212_992)
SPEC = InitiatorSpec(machine=MACHINE, policy=PolicySpec(name="none"), sinks=(SINK,), target=f"{RIGHT}:{NBD_PORT}")


@dataclass
class Lab:
    """An arm on the left, a target on the right."""

    arm: Remote
    right: str
    target: Any
    seq: int = 0

    def apply(self, spec: InitiatorSpec = SPEC, run: str = "a", shape: Shape | None = None) -> Reported:
        self.seq += 1
        desired = Desired(seq=self.seq, run=run, spec=spec)
        answer: Reported = self.arm.ask(
            ("apply", desired if shape is None else msgspec.structs.replace(desired, shape=shape))
        )
        assert (answer.seq, answer.run) == (self.seq, run)
        return answer

    def sample(self) -> Sample:
        sample: Sample = self.arm.ask(("sample",))
        return sample

    def events(self) -> list[Event]:
        events: list[Event] = self.arm.ask(("events",))
        return events

    def told(self, *kinds: str, deadline_s: float = 5) -> list[Event]:
        """All events until one of the last of `kinds` has come, without those of other kinds."""
        end, events = time.monotonic() + deadline_s, self.events()
        while kinds[-1] not in [event.kind for event in events]:
            assert time.monotonic() < end, f"no {kinds[-1]} within {deadline_s} s: {events}"
            time.sleep(0.02)
            events += self.events()
        return [event for event in events if event.kind in kinds]

    def until(self, condition: Callable[[Sample], object], deadline_s: float = 20) -> Sample:
        end = time.monotonic() + deadline_s
        while not condition(sample := self.sample()):
            assert time.monotonic() < end, f"not within {deadline_s} s: {sample}"
            time.sleep(0.02)
        return sample

    def flood(self, packets: int, port: int = SINK.port, size: int = 1400) -> None:
        run_in(self.right, send_datagrams, packets, port, size)


def send_datagrams(packets: int, port: int, size: int) -> int:
    """Bounded: at most 10 000 a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for sent in range(packets):
            sock.sendto(bytes(size), (LEFT, port))
            if sent % 100 == 99:
                time.sleep(0.01)
    return packets


def send_stream(port: int, size: int) -> None:
    with socket.create_connection((LEFT, port), timeout=10) as sock:
        sock.sendall(bytes(size))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b"", "the sink read to the end and hung up"


def send_until_stuck(port: int) -> int:
    with socket.create_connection((LEFT, port), timeout=1) as sock:
        sent = 0
        try:
            while sent < 8_000_000:
                sent += sock.send(bytes(16_384))
        except TimeoutError:
            pass
        return sent


def ask_http(port: int, requests: int) -> int:
    """How many of `requests` on one connection were answered 200."""
    with closing(HTTPConnection(LEFT, port, timeout=10)) as connection:
        answered = 0
        for _ in range(requests):
            connection.request("POST", "/", body=bytes(3000))
            answer = connection.getresponse()
            answered += answer.status == 200 and answer.read() == b"ok\n"
        return answered


@pytest.fixture
def lab(serve: Callable[..., Any]) -> Iterator[Lab]:
    with pair() as (left, right):
        target = serve("memory", "64M", address=RIGHT, port=NBD_PORT, space=right)
        run_in(right, wait_for_target)
        with Remote(left, serve_arm) as arm:
            yield Lab(arm, right, target)
            arm.ask(("close",))


def wait_for_target() -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as sock:
            if sock.connect_ex((RIGHT, NBD_PORT)) == 0:
                return True
        time.sleep(0.01)
    raise TimeoutError("no target")


def test_before_any_wish_it_is_idle_and_able(lab: Lab) -> None:
    status = lab.arm.ask(("status",))
    assert (status.state, status.reason, status.address) == ("online", "", LEFT)
    assert lab.sample().state == "idle"


def test_it_swaps_under_pressure_and_every_page_comes_back_whole(lab: Lab) -> None:
    answer = lab.apply()
    assert answer.error == "" and answer.spec == SPEC, "all values read back are those asked for"
    sample = lab.until(lambda now: now.verified_pages > 2000)
    assert sample.corrupt_pages == 0 and sample.pump_drops == 0
    assert sample.swap_out_pages > 2000 and sample.rx_packets > sample.swap_out_pages
    assert sample.free_pages < MACHINE.memory_pages // 8, "pressure was reached"
    assert lab.events() == []


def test_resident_memory_stays_close_to_the_modelled_pool(lab: Lab) -> None:
    before = lab.sample()  # this process is a copy of pytest's, with all that it holds
    lab.apply()
    sample = lab.until(lambda now: now.verified_pages > 500)
    grown = sample.rss_bytes - before.rss_bytes
    above = grown - (MACHINE.memory_pages - sample.free_pages) * 4096
    assert grown > MACHINE.memory_pages * 4096 // 2 and above < 8 << 20


def test_a_flood_fills_its_buffer_is_dropped_and_leaves_the_block_connection_alone(lab: Lab) -> None:
    lab.apply()
    lab.until(lambda now: now.verified_pages > 100)
    lab.flood(2000)
    sample = lab.until(lambda now: now.rcvbuf_drops > 1000)
    assert sample.junk_held_bytes >= 2 * SINK.rcvbuf_bytes
    assert sample.block_drops == 0
    lab.until(lambda now: now.verified_pages > sample.verified_pages + 500)
    assert lab.sample().corrupt_pages == 0


def test_an_application_that_runs_reads_its_junk(lab: Lab) -> None:
    lab.apply(msgspec.structs.replace(SPEC, sinks=(msgspec.structs.replace(SINK, reader="app"),)))
    lab.until(lambda now: now.progress_pages)
    lab.flood(1000)
    lab.until(lambda now: now.junk_packets >= 1000 and now.junk_held_bytes == 0)


def test_a_policy_is_changed_live_and_read_back(lab: Lab) -> None:
    before = lab.apply()
    connected = lab.until(lambda now: now.verified_pages)
    changed = msgspec.structs.replace(
        SPEC, policy=PolicySpec(name="memalloc"), machine=msgspec.structs.replace(MACHINE, min_free_pages=80)
    )
    answer = lab.apply(changed)
    assert (before.error, answer.error) == ("", "") and answer.spec == changed
    sample = lab.until(lambda now: now.policy == "memalloc" and now.verified_pages > connected.verified_pages)
    assert sample.min_pages > connected.min_pages + 16, "the policy's own reserve stands on the new watermark"
    assert [event.detail.policy for event in lab.events() if isinstance(event.detail, PolicySet)] == ["memalloc"]


def test_what_cannot_change_in_a_run_is_refused_and_all_stays(lab: Lab) -> None:
    lab.apply()
    bigger = msgspec.structs.replace(SPEC, machine=msgspec.structs.replace(MACHINE, memory_pages=4096))
    answer = lab.apply(bigger)
    assert answer.error == "a running machine keeps its machine (but min_free): start a new run"
    assert answer.spec == SPEC
    answer = lab.apply(msgspec.structs.replace(SPEC, policy=PolicySpec(name="memaloc")))
    assert "did you mean 'memalloc'?" in answer.error and answer.spec == SPEC and answer.exit_code == 2
    good = lab.apply(bigger, run="b")
    assert (good.spec, good.exit_code) == (bigger, 0)


def test_a_sink_is_added_live(lab: Lab) -> None:
    lab.apply()
    both = msgspec.structs.replace(SPEC, sinks=(SINK, msgspec.structs.replace(SINK, port=9001, reader="fast")))
    assert lab.apply(both).spec == both
    lab.flood(50, port=9001)
    lab.until(lambda now: now.junk_packets >= 50 and now.junk_held_bytes == 0)


@pytest.mark.parametrize("reader", ["app", "fast"])
def test_streams_and_requests_pass_the_machine_and_are_read(lab: Lab, reader: Reader) -> None:
    sinks = (Sink(kind="tcp", port=9010, reader=reader), Sink(kind="http", port=9020, reader=reader))
    lab.apply(msgspec.structs.replace(SPEC, sinks=sinks))
    run_in(lab.right, send_stream, 9010, 500_000)
    assert run_in(lab.right, ask_http, 9020, 20) == 20
    sample = lab.until(lambda now: now.junk_held_bytes == 0)
    assert sample.junk_packets > 500_000 / 1448 and sample.corrupt_pages == 0


def test_a_stalled_stream_stops_its_sender(lab: Lab) -> None:
    lab.apply(
        msgspec.structs.replace(SPEC, sinks=(Sink(kind="tcp", port=9010, reader="stalled", rcvbuf_bytes=65_536),))
    )
    sent = run_in(lab.right, send_until_stuck, 9010)
    assert 0 < sent < 8_000_000
    assert 0 < lab.sample().junk_held_bytes < 400_000


def test_a_delay_is_held_and_measured(lab: Lab) -> None:
    lab.apply()
    answer = lab.apply(shape=Shape(delay_ns=20 * MS_NS))
    assert answer.error == "" and answer.shape.delay_ns == 20 * MS_NS
    assert 20 * MS_NS <= answer.measured["rtt_ns_p50"] < 60 * MS_NS
    before = lab.sample()
    lab.until(lambda now: now.verified_pages > before.verified_pages)


def test_a_pulled_cable_stalls_and_the_plugged_one_recovers(lab: Lab) -> None:
    lab.apply()
    lab.until(lambda now: now.verified_pages > 100)
    assert lab.apply(shape=Shape(cut=True)).shape.cut is True
    lab.until(lambda now: now.progress_age_ns > 1200 * MS_NS)
    assert lab.apply(shape=Shape(cut=False)).shape.cut is False
    lab.until(lambda now: now.progress_age_ns < 100 * MS_NS)
    stall, recovered = lab.told("stall", "recovered")
    assert isinstance(stall.detail, Stalled) and isinstance(recovered.detail, Recovered)
    assert stall.detail.waits and stall.detail.stalled_ns > 1000 * MS_NS
    assert recovered.detail.stalled_ns >= stall.detail.stalled_ns
    assert lab.sample().corrupt_pages == 0


def test_a_target_that_restarts_is_connected_again_and_lost_pages_are_told(lab: Lab) -> None:
    lab.apply()
    lab.until(lambda now: now.verified_pages > 100)
    lab.target.kill()
    lab.until(lambda now: now.progress_age_ns > 200 * MS_NS)
    lab.target.start()  # a new, empty memory disk: what was swapped out is gone
    lab.until(lambda now: now.corrupt_pages > 0)
    events = lab.events()
    assert [event.detail.state for event in events if isinstance(event.detail, Reconnect)] == ["lost", "connected"]
    assert any(isinstance(event.detail, Corrupt) and event.detail.pages for event in events)


def test_no_target_is_one_line_and_the_next_wish_may_be_met(lab: Lab) -> None:
    answer = lab.apply(msgspec.structs.replace(SPEC, target=f"{RIGHT}:9"))
    assert answer.error == f"storage target {RIGHT}:9 cannot be reached: Connection refused"
    assert answer.spec is None and lab.sample().state == "idle"
    assert lab.apply().spec == SPEC


def test_without_a_target_the_machine_idles_and_packets_are_judged(lab: Lab) -> None:
    idle = msgspec.structs.replace(SPEC, target="")
    assert lab.apply(idle).spec == idle
    lab.flood(20)
    sample = lab.until(lambda now: now.rx_packets >= 20)
    assert (sample.state, sample.progress_pages) == ("idle", 0)


async def test_a_fault_of_our_own_voids_the_run() -> None:
    events: list[Event] = []
    arm = InitiatorArm("initiator-1", Interface("lo", "127.0.0.1"))
    work = asyncio.create_task(arm.run(events.append))
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, lambda: [][0])  # the arm has begun to run by then
    await until(lambda: events)
    await end(work)
    (told,) = events
    assert isinstance(told.detail, Harness) and told.detail.harness
    assert "IndexError" in told.detail.void
