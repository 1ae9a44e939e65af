"""Network namespaces of a test's own, and functions run inside them in a process of their own."""

from __future__ import annotations

import ctypes
import itertools
import multiprocessing
import os
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

LEFT, RIGHT = "198.18.40.1", "198.18.40.2"
"""Addresses of the two ends of a pair, on interfaces `left` and `right`."""
ANSWER_S = 30.0

_CLONE_NEWNET = 0x40000000
_fork = multiprocessing.get_context("fork")
_numbers = itertools.count()


def ip(*arguments: str) -> None:
    """The program ip, which must succeed."""
    subprocess.run(("ip", *arguments), check=True, capture_output=True, text=True)


@contextmanager
def namespace() -> Iterator[str]:
    """A namespace with nothing but its loopback, up."""
    name = f"nrnetwork-{os.getpid()}-{next(_numbers)}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        ip("netns", "delete", name)


@contextmanager
def pair() -> Iterator[tuple[str, str]]:
    """Two namespaces joined by a cable: `left` with LEFT in the first, `right` with RIGHT in the second."""
    with namespace() as left, namespace() as right:
        ip("-n", left, "link", "add", "left", "type", "veth", "peer", "name", "right", "netns", right)
        for space, interface, address in ((left, "left", LEFT), (right, "right", RIGHT)):
            ip("-n", space, "address", "add", f"{address}/24", "dev", interface)
            ip("-n", space, "link", "set", interface, "up")
        yield left, right


class Remote:
    """`function(connection)` at work in namespace `space`; `ask` sends it something and waits for its answer. None is the
    last thing it is sent."""

    def __init__(self, space: str, function: Callable[[Connection], None]) -> None:
        self._connection, theirs = _fork.Pipe()
        self._process = _fork.Process(target=_enter, args=(space, function, theirs))
        self._process.start()
        theirs.close()

    def ask(self, question: Any) -> Any:
        self._connection.send(question)
        return self.answer()

    def answer(self) -> Any:
        """What it sends next. An exception it died of is raised here."""
        if not self._connection.poll(ANSWER_S):
            raise TimeoutError(f"no answer from {self._process} in {ANSWER_S} s")
        answer = self._connection.recv()
        if isinstance(answer, _Died):
            raise AssertionError(f"in the namespace: {answer.text}")
        return answer

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self._connection.send(None)  # closing would not tell it: processes forked since hold copies
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def run_in(space: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function(*arguments)` returns in namespace `space`."""
    with Remote(space, lambda connection: connection.send(function(*arguments))) as remote:
        return remote.answer()


class _Died:
    def __init__(self, text: str) -> None:
        self.text = text


def _enter(space: str, function: Callable[[Connection], None], connection: Connection) -> None:
    with open(f"/run/netns/{space}") as file:  # noqa: PTH123
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    try:
        function(connection)
    except BaseException:
        connection.send(_Died(traceback.format_exc()))
