"""Simulations that somebody began on the page: each in a process of its own, and what it says in a journal."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from pathlib import Path

import msgspec

from controller.experiment.forking import Fork
from controller.experiment.plan import plan
from controller.experiment.record import Result
from controller.experiment.scenario import Scenario, dump, policy_text
from controller.store.folder import new_run_id
from controller.web.journal import Journal
from controller.web.machines import floods_of, nodes_of
from controller.web.tasks import Span, Task
from controller.web.views import RunView, available
from controller.web.worker import spoken
from nodes.errors import InconclusiveError, LackingError, NetreserveError, UsageError
from nodes.messages import encode

KEPT = 8
"""Journals of simulations that are over; then a run is read from its record (own)."""
WAITING_MAX = 16
"""Simulations that wait for a processor; more are refused (own)."""


class Simulated:
    """A simulation under way, or just over."""

    def __init__(self, task: Task, scenario: Scenario) -> None:
        self.task, self.scenario = task, scenario
        self.journal = Journal()
        self.work: asyncio.Task[None] | None = None

    def view(self) -> RunView:
        """As the page is told of a recorded run; nobody has judged it."""
        scenario, work = self.scenario, plan(self.scenario)
        result = Result(
            run=self.task.run,
            scenario=scenario.name,
            tier="sim",
            policy=policy_text(scenario.policy),
            seed=scenario.seed,
            phases=work.phases,
        )
        return RunView(
            id=self.task.run,
            state="simulating",
            result=result,
            problem="it is being simulated: /api/stream tells as it goes",
            zero_ns=0,
            phases=list(work.phases),
            scenario=self.task.scenario,
            available=available(None),
            fork=self.task.fork,
            nodes=nodes_of(work),
            floods=floods_of(work),
        )


class Simulations:
    """At most one a processor at a time; others wait. What is begun here ends with us."""

    def __init__(self, runs_folder: Path, url: str = "") -> None:
        self._runs_folder, self._url = runs_folder, url
        self._known: dict[str, Simulated] = {}
        self._turn = asyncio.Semaphore(len(os.sched_getaffinity(0)))

    def find(self, run: str) -> Simulated | None:
        """One of this server's, by its whole id."""
        return self._known.get(run)

    def begin(self, scenario: Scenario, fork: Fork | None = None) -> Simulated:
        """Call it in the event loop. Raises LackingError when too many wait."""
        going = [known for known in self._known.values() if not known.journal.over]
        if len(going) >= WAITING_MAX:
            raise LackingError(f"{len(going)} simulations are under way: wait until one of them has its result")
        task = Task(
            run=new_run_id(time.time_ns()),
            scenario=dump(scenario),
            runs_folder=str(self._runs_folder),
            url=self._url,
            fork=fork,
        )
        begun = Simulated(task, scenario)
        begun.journal.add("run", encode(begun.view()))
        self._known[task.run] = begun
        begun.work = asyncio.create_task(self._carry_out(begun), name=task.run)
        return begun

    def require_none(self) -> None:
        """Raises InconclusiveError while any goes on: its work would be in the figures of a run that records beside it."""
        if going := [name for name, known in self._known.items() if not known.journal.over]:
            raise InconclusiveError(f"simulation {going[0]} goes on: begin the run when it is over")

    async def close(self) -> None:
        """Ends them all; those under way are not recorded."""
        tasks = [known.work for known in self._known.values() if known.work is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def leave(self) -> None:
        """Whoever listens is let go."""
        for known in self._known.values():
            known.journal.close()

    async def closeup(self, scenario: Scenario, span: Span) -> bytes:
        """A span of its run, gone through again, as JSON. Raises UsageError for a span that cannot be."""
        task = Task(scenario=dump(scenario), closeup=span)
        async with self._turn:
            said = [said async for said in spoken(task)]
        data = bytes(said[-1].data)
        if said[-1].kind == "failed":
            raise UsageError(msgspec.json.decode(data, type=dict[str, str])["error"])
        return data

    async def _carry_out(self, begun: Simulated) -> None:
        try:
            async with self._turn:
                async for said in spoken(begun.task):
                    begun.journal.add(said.kind, bytes(said.data))
        except NetreserveError as error:
            begun.journal.add("failed", msgspec.json.encode({"error": str(error)}))
        except Exception as error:  # else whoever listens would wait for ever, and its place would stay taken
            traceback.print_exception(error, file=sys.stderr)
            told = f"netreserve failed: {type(error).__name__} (its log says where)"
            begun.journal.add("failed", msgspec.json.encode({"error": told}))
        self._forget()

    def _forget(self) -> None:
        over = [name for name, known in self._known.items() if known.journal.over]
        for name in over[: max(len(over) - KEPT, 0)]:
            del self._known[name]
