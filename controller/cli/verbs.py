"""The verbs of the command line. Each is loaded when it is called: a name and a line of help take no library."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from controller.cli.console import complain
from controller.experiment.exitcodes import EXIT_INTERRUPTED


class Verb(NamedTuple):
    """Where a verb is, and what the help says of it."""

    chapter: str
    place: str
    """`module` of controller.cli, or `module:function`; a module's `app` is a group of verbs."""
    help: str
    """One whole sentence: the first of its own help."""


RUN, LOOK, EXPLORE = "Run a scenario", "Look at what was recorded", "Explore in the simulator"
KERNELS, TESTBED = "Real kernels", "The testbed"
VERBS = {
    "run": Verb(RUN, "run:run", "Run a scenario and judge it."),
    "init": Verb(RUN, "init:init", "Write a commented scenario to start from."),
    "validate": Verb(
        RUN, "validate:validate", "Check scenario files and say what each would run, and which tiers can run it."
    ),
    "doctor": Verb(RUN, "doctor:doctor", "Show what this machine can do."),
    "ui": Verb(LOOK, "ui:ui", "Open the page: watch a machine drown and come back, live, recorded or simulated."),
    "report": Verb(LOOK, "report:report", "Print what a run showed and where its report is."),
    "runs": Verb(LOOK, "runs", "List the recorded runs, or show one."),
    "compare": Verb(
        LOOK, "compare:compare", "Compare runs, or policies of a scenario: one table, one timeline, the differences."
    ),
    "replay": Verb(LOOK, "replay:replay", "Simulate a recorded run again: is everything as it was?"),
    "size": Verb(
        EXPLORE,
        "size:size",
        "Find a reserve (vm.min_free_kbytes) to set: the smallest that survives, never below what Linux itself asks for.",
    ),
    "sweep": Verb(EXPLORE, "sweep", "Simulate a scenario over a grid of settings and draw who survives."),
    "shrink": Verb(
        EXPLORE, "shrink:shrink", "Find the smallest scenario that still gives the same verdict with the same cycle."
    ),
    "torture": Verb(
        EXPLORE, "torture:torture", "Try random scenarios, policies and faults, and check what must hold in each."
    ),
    "debate": Verb(EXPLORE, "debate:debate", "Simulate every policy in every scenario and print one table."),
    "allocators": Verb(EXPLORE, "allocators:allocators", "Compare packet allocators on the same recorded requests."),
    "epoll2006": Verb(
        EXPLORE,
        "epoll:epoll2006",
        "Price the epoll web-server benchmark of 2006: kmalloc against the network tree allocator.",
    ),
    "agree": Verb(KERNELS, "agree:agree", "Run scenarios in several tiers and lay the verdicts side by side."),
    "kernels": Verb(KERNELS, "kernels", "Run a matrix of kernels, network cards and policies."),
    "autopsy": Verb(
        KERNELS, "autopsy:autopsy", "Say what a frozen machine waits for, and name the cycle that it sits in."
    ),
    "inspect": Verb(
        KERNELS,
        "inspect:inspect",
        "Say whether this machine is at risk of hanging over its network storage, why, and what to do.",
    ),
    "up": Verb(TESTBED, "up:up", "Start the testbed's containers and wait until all are healthy."),
    "down": Verb(TESTBED, "down:down", "Stop and remove the testbed's containers and networks."),
    "clean": Verb(TESTBED, "clean:clean", "Remove whatever is left of the testbed, in whatever state it is."),
    "ps": Verb(TESTBED, "ps:ps", "Show every node, its policy, and what is going on."),
    "policy": Verb(TESTBED, "policy", "Show the reserve policy in force, or switch it live."),
    "shape": Verb(TESTBED, "shape", "Show how links are shaped, or change it live."),
    "flood": Verb(TESTBED, "flood", "Start or stop a flood of junk at all initiators."),
    "rescue": Verb(
        TESTBED,
        "rescue:rescue",
        "Try to bring initiators back that stand still now, one remedy after the other, and say which did it.",
    ),
    "serve": Verb(TESTBED, "serve:serve", "Run the controller in the foreground."),
}
"""In the order of the help."""


def load(name: str) -> Any:
    """The verb `name` as Typer has it."""
    module, _, function = VERBS[name].place.partition(":")
    found = import_module(f"controller.cli.{module}")
    if not function:
        group = get_group(found.app)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(getattr(found, function))
    return get_command(alone)


class Lazy(MutableMapping[str, Any]):
    """Name -> the verb, loaded when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded and name in VERBS:
            self._loaded[name] = load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**VERBS, **self._loaded})

    def __len__(self) -> int:
        return len({**VERBS, **self._loaded})

    def __contains__(self, name: object) -> bool:
        return name in VERBS or name in self._loaded


class Verbs(TyperGroup):
    """The group of all verbs. Its help has a chapter for each kind."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = Lazy()

    def invoke(self, ctx: Any) -> Any:
        """Ctrl-C that a verb left to us is told; Typer itself would end without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names alone: Typer's own would load every verb, at each completion too."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes whole sentences, and loads no verb."""
        for chapter in dict.fromkeys(verb.chapter for verb in VERBS.values()):
            with formatter.section(chapter):
                formatter.write_dl([(name, verb.help) for name, verb in VERBS.items() if verb.chapter == chapter])
