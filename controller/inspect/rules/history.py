"""What has already happened since boot, as counters remember it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.inspect.facts import Machine
from controller.inspect.finding import Finding

PAGE = "explanation/the-deadlock.md"


def judge(machine: Machine) -> Iterator[Finding]:
    """A finding for each counter that has moved."""
    past = machine.past
    if past.pfmemalloc_drops:
        yield Finding(
            rule="history-reserve-received",
            grade="caution",
            what=f"{past.pfmemalloc_drops} packets came from the reserve and were dropped (TcpExt PFMemallocDrop)",
            why="memory was so short that packets were received from the reserve: it has been near",
            do=("nstat -az TcpExtPFMemallocDrop", "netreserve inspect --answer"),
            page=PAGE,
            source="net/core/filter.c sk_filter_trim_cap; physics.md section 3",
        )
    if past.throttled:
        yield Finding(
            rule="history-throttled",
            grade="caution",
            what=f"programs were held back {past.throttled} times since free memory was below half of min",
            why="below half of min only kswapd may reclaim: everything then hangs on its writes",
            do=("grep pgscan_direct_throttle /proc/vmstat",),
            page=PAGE,
            source="mm/vmscan.c throttle_direct_reclaim; physics.md section 2",
        )
    if past.oom_kills:
        yield Finding(
            rule="history-oom",
            grade="note",
            what=f"the OOM killer has killed {past.oom_kills} processes",
            why="memory ran out, of the machine or of a cgroup",
            do=("journalctl -k | grep -i 'out of memory'", "netreserve autopsy -"),
            page="howto/autopsy-a-frozen-machine.md",
            source="/proc/vmstat oom_kill",
        )
