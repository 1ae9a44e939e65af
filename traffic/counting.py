"""Locust's statistics, a burst at a time.

Locust's request event costs about 10 us: at 20 000 packets a second it would cost more than sending. A burst is
entered as one `StatsEntry` instead, merged the way the master merges its workers', so the tables still show packets.
"""

from __future__ import annotations

import time

from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time


def count_sent(stats: RequestStats, kind: str, name: str, packets: int, size_bytes: int, late_ms: float) -> None:
    """Enters `packets` of `size_bytes` that left `late_ms` after they were due (Locust shows it as response time)."""
    now = time.time()
    batch = StatsEntry(stats, name, kind)
    batch.num_requests = packets
    batch.num_reqs_per_sec[int(now)] = packets
    batch.last_request_timestamp = now
    batch.total_content_length = packets * size_bytes
    batch.total_response_time = round(packets * late_ms)
    batch.min_response_time = batch.max_response_time = round(late_ms)
    batch.response_times[bucket_response_time(late_ms)] = packets
    _merge(stats, batch)


def count_failed(stats: RequestStats, kind: str, name: str, packets: int, why: str) -> None:
    """Enters `packets` that were not sent, and why."""
    now = time.time()
    batch = StatsEntry(stats, name, kind)
    batch.num_failures = packets
    batch.num_fail_per_sec[int(now)] = packets
    _merge(stats, batch)
    error = stats.errors.setdefault(StatsError.create_key(kind, name, why), StatsError(kind, name, why))
    error.occurred()
    error.occurrences += packets - 1


def _merge(stats: RequestStats, batch: StatsEntry) -> None:
    stats.entries[(batch.name, batch.method)].extend(batch)
    stats.total.extend(batch)
