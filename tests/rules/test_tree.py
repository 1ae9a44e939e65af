"""Tests mirror the tree: a module's test stands at the module's place, or the exception has its reason here."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("nodes", "controller", "traffic")

TESTED_BY = {
    # records and protocols: nothing happens in them that their users' tests do not see
    "nodes/arm.py": "nodes/agent/test_loop.py",
    "nodes/compiled/__main__.py": "nodes/compiled/test_build.py",
    "nodes/config.py": "controller/experiment/test_scenario.py",
    "nodes/floods.py": "traffic/test_profiles.py",
    "nodes/errors.py": "controller/cli/test_reference.py",
    "nodes/messages.py": "nodes/agent/test_loop.py",
    "nodes/container/disk.py": "nodes/container/test_driver.py",
    "nodes/machine/allocators/base.py": "nodes/machine/allocators/test_slab.py",
    "nodes/machine/events.py": "nodes/machine/test_machine.py",
    "nodes/machine/sockets.py": "nodes/machine/test_receive.py",
    "controller/api.py": "controller/cli/test_live.py",
    "controller/experiment/record.py": "controller/store/test_store.py",
    "controller/experiment/exitcodes.py": "controller/experiment/test_rescued.py",
    "controller/service/connections.py": "controller/service/test_runner.py",
    # seen whole, through the only thing that uses them
    "nodes/kernel/life.py": "nodes/kernel/test_arm.py",
    "nodes/kernel/watch.py": "nodes/kernel/test_arm.py",
    "nodes/kernel/qmp.py": "nodes/kernel/test_qemu.py",
    "nodes/network/relay.py": "nodes/network/test_link.py",
    "nodes/network/shaper.py": "nodes/network/test_shaping.py",
    "controller/bus/access.py": "controller/bus/test_client.py",
    "nodes/agent/access.py": "nodes/agent/test_settings.py",
    "nodes/agent/connection.py": "nodes/agent/test_bus.py",
    "controller/bus/mqtt.py": "controller/bus/test_client.py",
    "controller/experiment/conclude.py": "controller/simulated/test_local.py",
    "controller/experiment/evidence.py": "controller/experiment/test_verdict.py",
    "controller/studies/epoll2006/costs.py": "controller/studies/epoll2006/test_claim.py",
    "controller/studies/epoll2006/memory.py": "controller/studies/epoll2006/test_kmalloc.py",
    "controller/studies/epoll2006/result.py": "controller/studies/epoll2006/test_claim.py",
    "controller/studies/epoll2006/sensitivity.py": "controller/studies/epoll2006/test_claim.py",
    "controller/experiment/container_memory.py": "controller/experiment/test_plan.py",
    "controller/experiment/scenario/files.py": "controller/experiment/test_scenario.py",
    "controller/here/kernelfacts.py": "controller/here/test_doctor.py",
    "controller/experiment/tiers.py": "controller/cli/test_main.py",
    "controller/experiment/trace.py": "controller/experiment/test_verdict.py",
    "controller/report/charts.py": "controller/report/test_page.py",
    "controller/report/figures.py": "controller/report/test_page.py",
    "controller/report/matrixchart.py": "controller/report/test_matrixpage.py",
    "controller/report/phasechart.py": "controller/report/test_phasepage.py",
    "controller/report/swatches.py": "controller/report/test_phasepage.py",
    **dict.fromkeys(
        (f"controller/cli/{name}.py" for name in ("compare", "replay", "shrink", "size")), "controller/cli/test_lab.py"
    ),
    "controller/store/recorded.py": "controller/studies/test_replay.py",
    "controller/studies/pages/gallery.py": "controller/studies/test_debate.py",
    **dict.fromkeys(
        (
            f"controller/inspect/{name}.py"
            for name in (
                "blocks", "collected", "facts", "host", "look", "memory", "network", "peers", "processes",
            )
        ),
        "controller/inspect/test_answer.py",
    ),
    **dict.fromkeys(
        (
            *(f"controller/inspect/{name}.py" for name in ("cards", "finding", "measured", "transports")),
            *(
                f"controller/inspect/rules/{name}.py"
                for name in (
                    "card", "daemons", "history", "kernels", "limits", "path", "readiness", "reserve", "sockets",
                )
            ),
        ),
        "controller/inspect/test_rules.py",
    ),
    "controller/inspect/foretold.py": "controller/inspect/test_modelled.py",
    "controller/cli/sweepviews.py": "controller/cli/test_sweep.py",
    "controller/cli/kernelviews.py": "controller/cli/test_kernels.py",
    "controller/report/words.py": "controller/report/test_page.py",
    "controller/store/archive.py": "controller/store/test_store.py",
    "controller/store/database.py": "controller/store/test_store.py",
    "controller/store/folder.py": "controller/store/test_store.py",
    "controller/store/tables.py": "controller/store/test_store.py",
    "traffic/counting.py": "traffic/test_locustfile.py",
    "traffic/users.py": "traffic/test_locustfile.py",
    "nodes/sim/connection.py": "simulation/test_faults.py",
    "nodes/sim/initiator.py": "simulation/test_faults.py",
    "controller/studies/fingerprint.py": "simulation/test_pythons.py",
    # entry points
    "controller/report/__main__.py": "controller/store/test_drawing.py",
    "controller/experiment/scenario/__main__.py": "docs/test_scenario_reference.py",
    "controller/service/daemon.py": "controller/service/test_runner.py",
} | {
    # parts of one thing, which its test drives as one
    **dict.fromkeys(
        (
            *(f"nodes/machine/{name}.py" for name in ("block", "checks", "nic", "reclaim", "signature", "waits")),
            "nodes/machine/workload.py",
            *(f"nodes/machine/policies/{name}.py" for name in ("base", "local", "mainline", "memalloc", "none")),
        ),
        "nodes/machine/test_machine.py",
    ),
    **dict.fromkeys(
        (
            f"controller/experiment/scenario/{name}.py"
            for name in ("checks", "faults", "fields", "form", "kinds", "located", "model", "values")
        ),
        "controller/experiment/test_scenario_forms.py",
    ),
    **dict.fromkeys(
        (
            f"controller/service/{name}.py"
            for name in (
                "activity", "compare", "floodwatch", "nodes", "readiness", "standing",
            )
        ),
        "controller/service/test_runner.py",
    ),
    **dict.fromkeys(
        (f"controller/cli/{name}.py" for name in ("flood", "follow", "policy", "ps", "shape", "summary")),
        "controller/cli/test_live.py",
    ),
    **dict.fromkeys(
        (f"controller/web/{name}.py" for name in ("answers", "gallery", "house", "serving")),
        "controller/web/test_app.py",
    ),
    **dict.fromkeys(
        (f"controller/web/{name}.py" for name in ("columns", "machines", "messages", "shelf", "views")),
        "controller/web/test_recorded.py",
    ),
    **dict.fromkeys(
        (f"controller/web/{name}.py" for name in ("journal", "simulating", "simulator", "tasks", "worker")),
        "controller/web/test_simulations.py",
    ),
    **dict.fromkeys((f"controller/web/{name}.py" for name in ("controls", "daemon")), "controller/web/test_live.py"),
    "controller/web/export.py": "controller/web/test_moving.py",
    "controller/cli/unfinished.py": "controller/cli/test_runs.py",
    **dict.fromkeys(
        (f"nodes/frozen/{name}.py" for name in ("figures", "functions", "reception", "shapes", "tasks", "words")),
        "nodes/frozen/test_examine.py",
    ),
    **dict.fromkeys(
        (
            f"nodes/frozen/{name}.py"
            for name in (
                "advice", "answer", "counts", "frames", "phrases", "prefix", "rules", "seen", "sentences",
            )
        ),
        "nodes/frozen/test_reading.py",
    ),
    **dict.fromkeys((f"nodes/frozen/{name}.py" for name in ("journal", "unpack")), "nodes/frozen/test_sieve.py"),
    "nodes/frozen/clock.py": "nodes/frozen/test_lines.py",
    "nodes/frozen/sayings.py": "nodes/frozen/test_events.py",
    "nodes/frozen/servers.py": "nodes/frozen/test_storage.py",
    **dict.fromkeys(
        (
            f"controller/cli/{name}.py"
            for name in ("console", "doctor", "down", "options", "report", "serve", "up")
        ),
        "controller/cli/test_reference.py",
    ),
    "controller/cli/app.py": "controller/cli/test_main.py",
    "controller/cli/conducting.py": "controller/cli/test_run.py",
}  # fmt: skip
"""Module -> the test that covers it where the module has none of its own; one that gets its own may go from here."""


def modules() -> dict[str, str]:
    """Every module that holds code, and where its own test would stand."""
    found = {}
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if path.name != "__init__.py":
            module = path.relative_to(ROOT)
            found[module.as_posix()] = (module.parent / f"test_{module.stem.strip('_')}.py").as_posix()
    return found


def present_tests() -> set[str]:
    """Every test file, as its path below tests/."""
    return {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_module_has_its_test() -> None:
    known = present_tests()
    assert not [name for name, own in modules().items() if own not in known and name not in TESTED_BY]


def test_no_exception_is_out_of_date() -> None:
    known, present = present_tests(), modules()
    assert not [name for name in TESTED_BY if name not in present], "these modules are gone"
    assert not [test for test in TESTED_BY.values() if test not in known], "these tests are gone"


def test_every_test_tests_something_that_is_there() -> None:
    """Packages too: controller/experiment/scenario by test_scenario.py beside its folder, compose by tests/compose."""
    own = {*modules().values(), *TESTED_BY.values()}
    packages = {
        (path.parent.relative_to(ROOT).parent / f"test_{path.parent.name}.py").as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    outside = ("docs/", "rules/", "compose/", "bench/", "simulation/", *EXTRA)
    assert not [test for test in present_tests() - own - packages if not test.startswith(outside)]


EXTRA = (
    "controller/service/test_damaged_recovery.py",  # what nobody wrote
    "controller/cli/test_reference.py", "controller/service/test_guests.py", "nodes/agent/test_rights.py",
    "nodes/kernel/test_guest.py", "controller/web/test_page", "controller/web/test_vendor.py",
)  # fmt: skip
"""The command line against its page; all of the service about guests; the broker's access list against every role; what
runs inside a guest (C in nodes/kernel/guest); what runs in a browser, and what of it is somebody else's."""
