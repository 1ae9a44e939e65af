"""How fast the autopsy goes through a large log, beside `grep -c` on the same file, and how much memory it takes.

Rates are of CPU time, so that what else runs on the machine does not count.

    uv run python tests/bench/autopsy.py [--mib 1024] [--dir /tmp]

The log is ordinary syslog text with one hang in its middle, made anew each time and removed at the end.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from nodes.frozen.reading import read
from nodes.frozen.sieve import Sieve

ROOT = Path(__file__).parents[2]
HANG = ROOT / "tests" / "recorded" / "frozen" / "ring-and-kswapd.log"
ORDINARY = (
    "systemd[1]: Started Session {n} of user root.",
    "sshd[{n}]: Accepted publickey for admin from 198.18.0.7 port 53122 ssh2: ED25519 SHA256:abcdefghijklmnop",
    "CRON[{n}]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    "kernel: IN=eth0 OUT= MAC=aa SRC=198.18.0.9 DST=198.18.0.1 LEN=60 TOS=0x00 TTL=64 ID=0 DF PROTO=TCP",
    "postfix/smtpd[{n}]: connect from unknown[198.18.0.8]",
)
CHUNK_BYTES = 1 << 20


def ordinary(size_bytes: int) -> bytes:
    """About so much text that has nothing to do with a hang."""
    lines = (
        f"Aug {1 + n // 40_000 % 28:2} {n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02} host {form.format(n=n % 30_000)}\n"
        for n, form in enumerate(itertools.cycle(ORDINARY))
    )
    made, size = [], 0
    while size < size_bytes:
        made.append(next(lines).encode())
        size += len(made[-1])
    return b"".join(made)


def write(path: Path, size_mib: int) -> None:
    """The log, with its hang in the middle."""
    block = ordinary(16 << 20)
    with path.open("wb") as file:
        for part in range(max(1, size_mib // 16)):
            if part == max(1, size_mib // 16) // 2:
                file.write(HANG.read_bytes())
            file.write(block)


def main() -> None:
    """Prints three lines: the file, grep, the autopsy."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mib", type=int, default=1024)
    arguments.add_argument("--dir", type=Path, default=None)
    chosen = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(dir=chosen.dir))
    try:
        path = folder / "log"
        write(path, chosen.mib)
        size_mb = path.stat().st_size / 1e6
        print(f"{size_mb:.0f} MB of log")
        subprocess.run(["grep", "-c", "blocked for more than", path], check=False, stdout=subprocess.DEVNULL)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"grep -c   {size_mb / (used.ru_utime + used.ru_stime):6.0f} MB/s")
        begun = time.process_time()
        with path.open("rb") as file:
            report = read(Sieve().lines(iter(lambda: file.read(CHUNK_BYTES), b"")))
        rate = size_mb / (time.process_time() - begun)
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"autopsy   {rate:6.0f} MB/s, {memory_mib} MiB at most: {report.headline}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
