"""What the page's server and the machines behind it do now, as Prometheus reads it. The only importer of prometheus_client.

Names follow Prometheus' conventions (prometheus.io/docs/practices/naming): what only grows ends in `_total`, times are
seconds.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from msgspec import structs
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from controller.web.house import House
from controller.web.shelf import LIMIT_MAX, Asked, Line
from nodes.messages import COUNTERS, Sample
from nodes.units import SECOND_NS

PREFIX = "netreserve"
WHERE = "docs/reference/samples.md"


class Machines(Collector):
    """The runs that are recorded, and the newest sample of every node that is there."""

    def __init__(self, runs: Sequence[Line], samples: Sequence[Sample]) -> None:
        self._runs, self._samples = runs, samples

    def collect(self) -> Iterator[Metric]:
        """Each family with all its values."""
        yield InfoMetricFamily(PREFIX, "This netreserve.", value={"version": version("netreserve")})
        runs = GaugeMetricFamily(f"{PREFIX}_recorded_runs", "Runs by verdict and tier.", labels=("verdict", "tier"))
        for (verdict, tier), count in sorted(Counter((run.verdict or "none", run.tier) for run in self._runs).items()):
            runs.add_metric((verdict, tier), count)
        yield runs
        for field in structs.fields(Sample):
            if field.type in (int, "int") and field.name != "t_ns":
                yield self._family(field.name)

    def _family(self, field: str) -> Metric:
        name, scale = field, 1
        if field.endswith("_ns"):
            name, scale = f"{field.removesuffix('_ns')}_seconds", SECOND_NS
        told = f"{name.replace('_', ' ').capitalize()} of a node, from its newest sample ({WHERE})."
        kind = CounterMetricFamily if field in COUNTERS else GaugeMetricFamily
        family = kind(f"{PREFIX}_node_{name}", told, labels=("node", "policy"))
        for sample in self._samples:
            family.add_metric((sample.node, sample.policy), getattr(sample, field) / scale)
        return family


async def metrics(request: Request) -> Response:
    """Everything, in the text format."""
    house: House = request.app.state.house
    runs = await asyncio.to_thread(lambda: house.shelf.listing(Asked(limit=LIMIT_MAX)).runs)
    there = [node.sample for node in house.live.stage.parts.nodes if node.sample] if house.live is not None else []
    registry = CollectorRegistry()
    registry.register(Machines(runs, there))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


ROUTES = [Route("/metrics", metrics)]
