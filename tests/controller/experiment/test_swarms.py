from __future__ import annotations

from controller.experiment.plan import plan
from controller.experiment.scenario import parse
from controller.experiment.swarms import aimed, swarms
from nodes.units import SECOND_NS


def test_floods_that_overlap_go_together_and_count_from_the_first() -> None:
    work = plan(parse(
        """
name: video-and-logs
policy: none
floods:
  - {kind: tcp, duration: 6 s}
  - {kind: udp, start: 5 s, duration: 2 s}
  - {kind: http, start: 10 s}
phases: {warmup: 5 s, flood: 20 s, heal: 5 s}
expect: [{verdict: healthy}]
""",
        "video.yaml",
    ))  # fmt: skip
    together, alone = swarms(work.floods)
    assert [item.flood.kind for item in together] == ["tcp", "udp"]
    first, second = aimed(together)
    assert (first.flood.start_ns, first.flood.duration_ns) == (0, 6 * SECOND_NS)
    assert (second.flood.start_ns, second.flood.duration_ns) == (5 * SECOND_NS, 0), "it is stopped with the swarm"
    (last,) = aimed(alone)
    assert (last.flood.start_ns, last.flood.duration_ns) == (0, 0), "as a flood that is alone always was asked for"
