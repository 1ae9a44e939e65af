"""Reads a machine: everything that the rules judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.inspect.blocks import MOUNTINFO, NO_PAGES, SWAPS, Blocks, End, read_mounts, read_swaps
from controller.inspect.facts import Card, Daemon, Machine, Store
from controller.inspect.host import VERSION, is_contained, read_past, read_readiness, read_release
from controller.inspect.memory import MEMINFO, ZONEINFO, read_memory, read_sockets
from controller.inspect.network import Routes, read_cards
from controller.inspect.peers import peer_of
from controller.inspect.processes import read_daemons, read_own_limit
from controller.inspect.transports import TRANSPORTS
from controller.inspect.tree import Tree, is_number

ESSENTIAL = (SWAPS, MEMINFO, ZONEINFO, MOUNTINFO, "/proc/mounts", VERSION, "/proc")
"""Without any of these "nothing grave" would be said of what was not seen. (Zones tell min_free_kbytes, too.)"""
SERVERS = {"rbd": "ceph-osd", "ceph": "ceph-osd", "gluster": "glusterfsd"}
"""Transport -> who on this machine may be the one that serves it."""


def look(tree: Tree) -> Machine:
    """The machine that `tree` shows. What could not be read is then in `tree.unread`."""
    release, version = read_release(tree)
    memory = read_memory(tree)
    cards, daemons = read_cards(tree), read_daemons(tree)
    return Machine(
        release=release,
        version=version,
        contained=is_contained(tree),
        memory=memory,
        stores=tuple(_stores(tree, memory.swap_total_kib, cards, daemons)),
        cards=cards,
        daemons=daemons,
        sockets=read_sockets(tree),
        past=read_past(tree),
        readiness=read_readiness(tree),
        own_limit_kib=read_own_limit(tree),
    )


def is_essential(path: str) -> bool:
    """Whether what was in the file at `path` could have made the judgement graver."""
    return path in ESSENTIAL or path.startswith(("/sys/class/block", "the collected file")) or _is_of_process(path)


def _is_of_process(path: str) -> bool:
    """A process' own files: which daemon it is, and what guards it."""
    return path.startswith("/proc/") and is_number(path.split("/")[2]) and not path.endswith("/cgroup")


def _stores(tree: Tree, swap_kib: int | None, cards: tuple[Card, ...], daemons: Sequence[Daemon]) -> Iterator[Store]:
    mounts = read_mounts(tree)
    blocks, routes = Blocks(tree, mounts), Routes(tree, cards)
    for path, kind in read_swaps(tree, swap_kib):
        yield _store(tree, "swap", path, blocks.of_swap(path, kind), routes, daemons)
    seen: set[str] = set()
    for mount in mounts:
        origin = f"{mount.device} {mount.source}"
        if mount.type not in NO_PAGES and not mount.read_only and origin not in seen:
            seen.add(origin)  # bind mounts show one file system many times
            yield _store(tree, "file system", mount.point, blocks.of_mount(mount), routes, daemons)


def _store(tree: Tree, use: str, name: str, end: End, routes: Routes, daemons: Sequence[Daemon]) -> Store:
    peer = peer_of(tree, end, daemons)
    own = routes.is_own(peer) if peer else None
    server = SERVERS.get(end.transport)
    if not own and server and any(daemon.name.startswith(server) for daemon in daemons):
        own = True  # a kernel client on an OSD's host: any of its requests may be this OSD's
    cards = routes.to(peer) if TRANSPORTS[end.transport].networked and (not own or server) else ()
    return Store(
        use=use, name=name, hops=tuple(end.hops), transport=end.transport, peer=peer, same_host=own, cards=cards
    )
