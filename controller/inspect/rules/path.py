"""Where dirty pages go: over a network, to this very machine, to a store that needs memory to take them, or nowhere far."""

from __future__ import annotations

from collections.abc import Iterator

from controller.inspect.facts import Machine, Store
from controller.inspect.finding import Finding, Grade

DEADLOCK = "explanation/the-deadlock.md"
HOWTO = "howto/is-my-machine-safe.md"


def judge(machine: Machine) -> Iterator[Finding]:
    """A finding for each store that is more than a disk of this machine's own; and one where there is no swap."""
    for store in machine.stores:
        yield from _of(store)
    if not machine.swaps and machine.memory.swap_total_kib == 0:
        networked = "; dirty pages of networked file systems remain" if machine.networked else ""
        yield Finding(
            rule="path-no-swap",
            grade="good",
            what="no swap",
            why=f"without swap no page of a program has to be written anywhere to be freed{networked}",
            page=DEADLOCK,
            source="physics.md section 1",
        )


def _of(store: Store) -> Iterator[Finding]:
    swap = store.use == "swap"
    if store.same_host:
        yield _same_host(store)
    elif store.through.networked:
        yield _networked(store)
    elif store.transport in ("fuse", "ublk", "9p"):
        yield _served_by_a_process(store)
    elif store.transport == "zvol" and swap:
        yield Finding(
            rule="path-zvol",
            grade="grave",
            what=f"swap on a ZFS volume: {store.way}",
            why="ZFS needs memory to write a page out, and its own threads may reclaim into the volume: open since 2018",
            do=(f"swapoff {store.name}", "put swap on a partition of a disk, or use zram"),
            page=DEADLOCK,
            source="openzfs/zfs issue 7734; physics.md section 10 rows 4 and 5",
        )
    elif store.transport in ("virtio", "hypervisor"):
        yield _virtio(store)
    elif store.transport == "unknown":
        yield Finding(
            rule="path-unknown",
            grade="unknown" if swap else "caution",
            what=f"{store.use} {store.way}: what is below cannot be seen",
            why="a store that cannot be followed to a disk may be on the network",
            do=("run `netreserve inspect` as root on the host itself, not in a container",),
            page=HOWTO,
            source="/sys/class/block",
        )
    elif swap and store.transport == "zram":
        yield Finding(
            rule="path-zram",
            grade="good",
            what=f"swap in compressed memory ({store.name})",
            why="no disk and no packet is needed to write a page there; it takes memory itself, so it fills up",
            page=DEADLOCK,
            source="drivers/block/zram/zram_drv.c",
        )
    elif swap and "loop" in store.way:
        yield Finding(
            rule="path-loop",
            grade="caution",
            what=f"swap through a loop device: {store.way}",
            why="the loop device's worker needs memory and a file system to write a page out",
            do=(
                f"swapoff {store.name}",
                "swap on the file or the partition itself: the kernel then writes around the file system",
            ),
            page=DEADLOCK,
            source="drivers/block/loop.c; physics.md section 11",
        )
    elif swap:
        yield Finding(
            rule="path-local",
            grade="good",
            what=f"swap on a disk of this machine: {store.way}",
            why="completing a write to it allocates nothing, so that a page always comes back",
            page=DEADLOCK,
            source=store.through.source,
        )


def _networked(store: Store) -> Finding:
    swap, title = store.use == "swap", store.through.title
    if swap:
        why = "freeing a page waits for a reply, the reply needs a receive buffer, and that needs a free page"
        if store.through.flag == "no":
            why += f"; and the kernel's {title} never flags its socket, so that its replies get no part of the reserve"
    else:
        why = f"dirty pages are freed only when replies over {title} were received; clean ones can still be freed"
    remedies = (f"swapoff {store.name}", "use zram or a local disk instead", "netreserve inspect --answer")
    return Finding(
        rule="path-networked-swap" if swap else "path-networked-files",
        grade="grave" if swap else "caution",
        what=f"{store.use} over the network ({title}): {store.way}",
        why=why,
        do=remedies if swap else ("sysctl -w vm.dirty_bytes=67108864",),
        page=DEADLOCK,
        source=f"physics.md section 1; {store.through.source}",
    )


def _same_host(store: Store) -> Finding:
    swap = store.use == "swap"
    hopeless: Grade = "grave" if swap or store.through.flag == "no" else "caution"
    return Finding(
        rule="path-same-host",
        grade=hopeless,
        what=f"{store.use} {store.way}: this machine may serve its own {store.through.title}",
        why="the server needs memory to take a page, and asks the client's reclaim for it: each waits for the other",
        do=(
            f"swapoff {store.name}" if swap else f"umount {store.name}, and mount it on another machine",
            "keep client and server of one store on different machines",
        ),
        page=DEADLOCK,
        source="physics.md section 10 rows 11, 12 and 14",
    )


def _served_by_a_process(store: Store) -> Finding:
    swap = store.use == "swap"
    return Finding(
        rule="path-process",
        grade="grave" if swap else "note",
        what=f"{store.use} served by a process ({store.through.title}): {store.way}",
        why="the process that stores a page may itself need memory, or a page that is swapped out to it",
        do=(f"swapoff {store.name}",) if swap else (),
        page=DEADLOCK,
        source=store.through.source,
    )


def _virtio(store: Store) -> Finding:
    swap = store.use == "swap"
    return Finding(
        rule="path-virtio",
        grade="caution" if swap else "note",
        what=f"{store.use} {store.way}: what the host has below it cannot be seen from here",
        why="this guest needs no packet for it, but the host may, and then the host can hang with all its guests",
        do=("run `netreserve inspect` on the host, or ask who runs it",),
        page=HOWTO,
        source=store.through.source,
    )
