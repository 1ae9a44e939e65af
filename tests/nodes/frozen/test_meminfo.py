"""Zones of a Mem-Info, and the floors that count for packets."""

from __future__ import annotations

from nodes.frozen.lines import messages
from nodes.frozen.meminfo import Zone, zones

INFO = """\
[   31.145113] Mem-Info:
[   31.146079] Node 0 active_anon:52820kB inactive_anon:2756kB free:1kB min:2kB low:3kB high:4kB
[   31.146638] Node 0 DMA free:516kB boost:2048kB min:2752kB low:2928kB high:3104kB active_anon:8612kB
[   31.147166] lowmem_reserve[]: 0 64 64 64 64
[   31.147273] Node 0 DMA32 free:1132kB boost:2048kB min:5436kB low:6280kB high:7124kB present:114560kB managed:73600kB
[   31.147667] lowmem_reserve[]: 0 0 0 0 0
[   31.148338] Node 0 DMA32: 3*4kB (UME) 0*8kB 0*16kB = 1132kB
""".splitlines()


def test_zones_are_in_pages() -> None:
    dma, dma32 = zones(messages(INFO))
    assert dma == Zone("DMA", 129, 688, 732, 776, 512, 64)
    assert dma32 == Zone("DMA32", 283, 1359, 1570, 1781, 512, 0)


def test_a_packet_ignores_the_boost_and_respects_the_reserve_for_lower_zones() -> None:
    dma, dma32 = zones(messages(INFO))
    assert dma.atomic_floor == 66 + 64  # 3/8 of 176
    assert dma32.atomic_floor == 318  # 3/8 of 847
    assert (dma.kernel_floor, dma32.kernel_floor) == (688 + 64, 1359)


def test_the_last_one_counts_and_torn_lines_do_not() -> None:
    later = [line.replace("free:516kB", "free:400kB") for line in INFO]
    assert [zone.free for zone in zones(messages(INFO + later))] == [100, 283]
    assert [zone.name for zone in zones(messages([INFO[0], INFO[2][:60], *INFO[3:]]))] == ["DMA32"]
    assert zones(messages(["no such thing"])) == ()
