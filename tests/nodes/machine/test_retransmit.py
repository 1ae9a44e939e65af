"""The RTO series: 200 ms doubling to 120 s (physics.md section 12)."""

from nodes.machine.retransmit import RTO_MAX_NS, RTO_MIN_NS, RetransmitTimer


def test_timeouts_double_up_to_the_maximum() -> None:
    timer = RetransmitTimer()
    timer.on_sent(0)
    gaps, now_ns = [], 0
    for _ in range(13):
        assert timer.deadline_ns is not None
        gaps.append(timer.deadline_ns - now_ns)
        now_ns = timer.deadline_ns
        assert not timer.expired(now_ns - 1)
        assert timer.expired(now_ns)
    assert gaps == [min(RTO_MIN_NS << i, RTO_MAX_NS) for i in range(13)]


def test_a_real_tcp_gives_up_when_its_sixteenth_timeout_runs_out() -> None:
    """924.6 s after the last answer: 0.2 x (2^10 - 1) until the cap is reached, and six times 120 (tcp_model_timeout)."""
    timer, now_ns = RetransmitTimer(), 0
    timer.on_sent(now_ns)
    while not timer.gives_up:
        assert timer.deadline_ns is not None
        now_ns = timer.deadline_ns
        assert timer.expired(now_ns)
    assert now_ns == (2**10 - 1) * RTO_MIN_NS + 6 * RTO_MAX_NS == 924_600_000_000
    timer.on_progress(now_ns, outstanding=True)
    assert not timer.gives_up, "a sign of life is a new beginning"


def test_progress_starts_it_again_and_silence_after_the_last_byte_stops_it() -> None:
    timer = RetransmitTimer()
    timer.on_sent(0)
    assert timer.expired(RTO_MIN_NS)
    timer.on_progress(RTO_MIN_NS, outstanding=True)
    assert timer.deadline_ns == 2 * RTO_MIN_NS
    timer.on_progress(RTO_MIN_NS, outstanding=False)
    assert timer.deadline_ns is None and not timer.expired(10**12)
