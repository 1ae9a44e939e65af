"""One importing place for each heavy or special library, so that it can be replaced and its cost is known."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("nodes", "controller", "traffic")

PLACES = {
    "aiomqtt": {"nodes/agent/connection.py"},
    "altair": {*(f"controller/report/{name}.py" for name in ("charts", "matrixchart", "overlay", "phasechart"))},
    "distributed": {"controller/studies/workers.py"},
    "docker": {"controller/runtime/docker.py"},
    "duckdb": {"controller/studies/sweep/table.py"},
    "flask": {"traffic/locustfile.py"},
    "gevent": {"traffic/locustfile.py", "traffic/users.py"},
    "httpx": {"controller/service/locust.py"},
    "jinja2": {"controller/report/page.py"},
    "markupsafe": {"controller/report/page.py"},
    "nbd": {"nodes/container/nbddisk.py"},
    "prometheus_client": {"controller/web/metrics.py"},
    "pyroute2": {"nodes/network/shaping.py"},
    "qemu": {"nodes/kernel/qmp.py"},
    "requests": {"controller/runtime/docker.py"},
    "sqlalchemy": {"controller/store/database.py", "controller/store/tables.py"},
    "uvicorn": {"controller/web/serving.py"},
    "vl_convert": {"controller/report/charts.py"},
    "yaml": {"controller/experiment/scenario/__init__.py", "controller/experiment/scenario/located.py"},
    "zstandard": {"nodes/frozen/unpack.py"},
}
"""Library -> who may import it."""
FOLDERS = {"typer": "controller/cli/", "rich": "controller/cli/", "starlette": "controller/web/", "locust": "traffic/"}
"""Library -> the folder whose modules may import it."""
EVERYWHERE = {"msgspec"}
STANDARD = {"nodes", "controller", "traffic"}


def imports() -> dict[str, set[str]]:
    """Library -> the modules that import it; the standard library and our own packages are left out."""
    import sys

    found: dict[str, set[str]] = {}
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                library = name.partition(".")[0]
                if library not in sys.stdlib_module_names and library not in STANDARD:
                    found.setdefault(library, set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_each_library_is_imported_where_it_belongs() -> None:
    for library, modules in imports().items():
        if library in FOLDERS:
            assert not [module for module in modules if not module.startswith(FOLDERS[library])], library
        elif library not in EVERYWHERE:
            assert modules == PLACES.get(library), (
                f"{library}: a new library or place is a decision: write it down here"
            )


def test_no_rule_is_out_of_date() -> None:
    assert set(PLACES) | set(FOLDERS) | EVERYWHERE == set(imports())
