"""What a kernel says when something beside memory is wrong: a table, in the order in which it is asked.

To teach another message, add an entry and, under tests/recorded/frozen, a log that shows it.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["peer", "disk", "cgroup-oom", "oom", "spin", "atomic", "bug", "panic", "stuck", "lacked", "cma"]
"""`peer`: a server, or the way to it, does not answer; `stuck`: requests that were never answered, whosever fault it is;
`lacked`: a driver says that it had no memory for packets that arrived; `cma`: no contiguous pages of a CMA area."""


class Saying(Struct, frozen=True, kw_only=True):
    """A form of message: `start`, then any of `says` (regular expressions, anywhere in the text)."""

    kind: Kind
    words: str
    """`{}` is the group `who`."""
    start: str = ""
    says: tuple[str, ...] = ("",)
    over: str = ""
    """A later message that takes it back, for the same `who` where both name one."""

    @property
    def form(self) -> str:
        """As one regular expression."""
        return f"{self.start}(?:{'|'.join(self.says)})"


_NOT_NETWORK = r"(?!nbd|rbd|drbd|fd|sr)"
_DRBD = r"(?:\bdrbd |(?=\bdrbd\d))(?P<who>[\w.-]+).*?"

SAYINGS = (
    # ---- servers, peers and the way to them
    Saying(
        kind="peer",
        words="the NFS server {} does not answer",
        start=r"(?:nfs|lockd): server (?P<who>\S+) ",
        says=("not responding", "timed out"),
        over=r"(?:nfs|lockd): server (?P<who>\S+) OK",
    ),
    Saying(
        kind="peer",
        words="the NFS server {} fails",
        start=r"(?:nfs4|NFS): ",
        says=("state manager", r"nfs4_\w+", r"server (?P<who>\S+) error"),
    ),
    Saying(
        kind="peer",
        words="the NFS server cannot be reached",
        start=r"RPC: .*(?:xs_tcp|connect)\w*.* ",
        says=("error", "timed out", "refused"),
    ),
    Saying(
        kind="peer",
        words="the NVMe target of {} cannot be reached",
        start=r"nvme (?P<who>nvme\d+): ",
        says=(
            "Reconnecting in",
            "starting error recovery",
            "failed to connect socket",
            "Failed reconnect",
            r"queue \d+: timeout",
            "keep-alive failed",
            "failed nvme_keep_alive",
            "Connect rejected",
            "failed to send request",
            "reconnect",
            r"I/O (?:tag )?\d+ .*\btype \d+ .*timeout",
        ),
        over=r"nvme (?P<who>nvme\d+): Successfully reconnected",
    ),
    Saying(
        kind="peer",
        words="the connection to the NBD server of {} is lost",
        start=r"(?P<who>nbd\d+): ",
        says=(
            "Connection timed out",
            "shutting down socket",
            "Receive (?:control|data) failed",
            "Send control failed",
            "Dead connection",
            "Attempted send on (?:closed|invalid) socket",
            ".*[Cc]onnection (?:lost|reset)",
            "queue cleared",
            "Wrong magic",
        ),
    ),
    Saying(
        kind="peer",
        words="the iSCSI {} is lost",
        start=r"(?P<who>(?:connection|session)\d+(?::\d+)?): ",
        says=("detected conn error", "ping timeout", "session recovery timed out", ".*timed out", ".*fail"),
        over=r"(?P<who>(?:connection|session)\d+(?::\d+)?):.*is operational",
    ),
    Saying(
        kind="peer",
        words="the Ceph server {} does not answer",
        start=r"libceph: (?:.*\()?(?P<who>(?:osd|mon|mds)\d+).*",
        says=(
            "socket (?:closed|error)",
            "connect error",
            "session lost",
            "wrong peer",
            r"\bdown\b",
            "timed? ?out",
            "hung",
        ),
        over=r"libceph: (?P<who>(?:osd|mon|mds)\d+).*(?:session established|\bup\b)",
    ),
    Saying(
        kind="peer",
        words="the Ceph cluster does not answer",
        start=r"\b(?:ceph|rbd): .*",
        says=("hung", "blocklisted", "blacklisted", "caps stale", "timed out", r"mds\d+ (?:reconnect|closed)"),
        over=r"\bceph: .*(?:recovery completed|reconnect success|caps renewed)",
    ),
    Saying(
        kind="peer",
        words="the DRBD peer of {} does not answer",
        start=_DRBD,
        says=(
            "PingAck did not arrive",
            r"conn\( *\w+ -> (?:Timeout|BrokenPipe|NetworkFailure|Unconnected|ProtocolError|Disconnecting|StandAlone)",
            r"(?:sock_\w+|sending) .*(?:timed? ?out|time expired)",
            "sock was shut down by peer",
            "meta connection shut down",
            r"susp\w*\( *(?:0|no) -> ",
            "Remote failed to finish a request",
            "[Ll]ost connection",
        ),
        over=_DRBD + r"conn\( *\w+ -> Connected",
    ),
    Saying(
        kind="peer",
        words="the SMB server {} does not answer",
        start=r"CIFS: (?:VFS: )?(?:\\\\)?(?P<who>\S+) has not responded",
    ),
    Saying(
        kind="peer",
        words="the Lustre server {} does not answer",
        start=r"Lustre(?:Error)?: .*",
        says=(r"Connection to (?P<who>\S+) \(at \S+ was lost", "was evicted by"),
        over=r"Lustre: .*Connection restored to (?P<who>\S+) \(at ",
    ),
    Saying(
        kind="peer",
        words="the AFS server {} does not answer",
        start=r"k?afs: [Ll]ost contact with .*?server (?P<who>\S+)",
        over=r"k?afs: .*server (?P<who>\S+) .*is back up",
    ),
    Saying(
        kind="peer",
        words="the cluster's node {} does not answer",
        start=r"o2net: ",
        says=(r"[Cc]onnection to node (?P<who>\S+) .*has been idle", r"No longer connected to node (?P<node>\S+)"),
        over=r"o2net: (?:Connected to|Accepted connection from) node (?P<who>\S+)",
    ),
    Saying(
        kind="peer",
        words="the AoE target {} does not answer",
        start=r"aoe: .*?(?P<who>e\d+\.\d+).*",
        says=("timeout", "fail"),
    ),
    Saying(
        kind="peer",
        words="the network card {} does not send any more",
        start="",
        says=(
            r"NETDEV WATCHDOG: (?!CPU: )(?P<who>\S+)",
            r"(?P<name>\S+): NETDEV WATCHDOG: CPU: ",
        ),
    ),
    Saying(
        kind="peer",
        words="a path {} to the storage has failed",
        start="",
        says=(
            "rport-(?P<who>[^:]+:[^:]+): blocked FC remote port time out",
            r"multipath: .*[Ff]ailing path (?P<path>\S+?)\.?$",
        ),
        over=r"multipath: .*[Rr]einstating path (?P<who>\S+?)\.?$",
    ),
    # ---- this machine's own disks
    Saying(kind="disk", words="the disk {} fails", start=rf"I/O error, dev {_NOT_NETWORK}(?P<who>\w+)"),
    Saying(
        kind="disk", words="the disk {} fails", start=rf"Buffer I/O error on dev(?:ice)? {_NOT_NETWORK}(?P<who>[\w-]+)"
    ),
    Saying(
        kind="disk",
        words="the disk at {} does not answer",
        start=r"(?P<who>ata\d+(?:\.\d+)?): ",
        says=(
            "exception Emask",
            "failed command",
            "link is slow",
            "hard resetting",
            "(?:SRST|COMRESET|softreset) failed",
            "qc timeout",
            "disabled",
            "lost interrupt",
        ),
    ),
    Saying(
        kind="disk",
        words="the card {} does not answer",
        start=r"(?P<who>mmc(?:blk)?\d+\w*): ",
        says=(
            "Timeout waiting",
            r"(?:.* )?error -\d+",
            "[Cc]ard stuck",
            ".*timed? ?out",
            "Controller never released",
            "recovery failed",
            "running CQE recovery",
            "I/O error",
        ),
    ),
    Saying(
        kind="disk",
        words="the disk {} does not answer",
        start=r"nvme (?P<who>nvme\d+): ",
        says=(
            r"I/O (?:tag )?\d+.*timeout",
            "controller is down",
            "Device not ready",
            "Abort status",
            "Removing after probe failure",
            "Disabling device",
            "Device shutdown incomplete",
        ),
    ),
    Saying(
        kind="disk",
        words="the disk {} does not answer",
        start=r"sd \S+ (?:\[(?P<who>sd\w+)\] )?.*",
        says=(
            "rejecting I/O to (?:offline|dead) device",
            "timing out command",
            "FAILED Result: hostbyte",
            "Medium Error",
            "Synchronize Cache.* failed",
            "Device offlined",
            "uas_eh_abort",
        ),
    ),
    Saying(
        kind="disk",
        words="the disk's bus does not answer",
        start="",
        says=(r"scsi host\d+: .*(?:timed out|uas_eh_|abort)", r"xhci_hcd \S+ .*(?:HC died|not responding)"),
    ),
    Saying(
        kind="disk",
        words="the storage layer {} has failed or is full",
        start="",
        says=(
            "device-mapper: thin: .*(?:out-of-data-space|no free space|out of data space|switching pool to)",
            r"(?P<who>md/raid[^:]*): .*(?:Disk failure|not enough operational)",
        ),
    ),
    Saying(
        kind="disk",
        words="a file system failed",
        start=r"(?:EXT4-fs|XFS|BTRFS|F2FS-fs|JBD2)\b.*",
        says=(r"\berror\b", "corrupt", "[Aa]borting", "[Ss]hut(?:ting)? ?down", "Remounting filesystem read-only"),
    ),
    Saying(
        kind="disk",
        words="the ZFS pool {} is suspended",
        start=r"Pool '(?P<who>[^']+)' has encountered an uncorrectable",
    ),
    # ---- memory that a driver says it had not
    Saying(
        kind="lacked",
        words="the driver of {} had no memory for packets that arrived",
        start="",
        says=(
            r"(?P<who>\w+): (?:Memory squeeze|[Ll]ow (?:on )?memory\b.*?packet dropped)",
            r"(?P<usb>\w+): kevent (?:2|EVENT_RX_MEMORY) may have been dropped",
            r"(?P<dma>\w+): (?:\w+: )?(?:[Rr]x skb allocation failed|fail(?:ed)? to alloc(?:ate)? (?:rx )?skb)",
        ),
    ),
    Saying(
        kind="cma",
        words="the contiguous area (CMA) {} had not so many pages in a row",
        start=r"cma: (?:__)?cma_alloc: (?P<who>\S+?):? (?:alloc failed|\w+ failed)",
    ),
    # ---- requests, limits, ends
    Saying(kind="stuck", words="requests to {} were never answered", start=r"(?P<who>nbd\d+): Possible stuck request"),
    Saying(
        kind="cgroup-oom",
        words="a process was killed at the memory limit of its control group {}",
        start="",
        says=(
            "Memory cgroup out of memory: ",
            r"Task in (?P<who>\S+) killed as a result of limit of",
            r"oom-kill:constraint=CONSTRAINT_MEMCG.*?oom_memcg=(?P<group>[^,]+)",
        ),
    ),
    Saying(
        kind="oom",
        words="the OOM killer killed a process",
        start="",
        says=(
            r"Out of [Mm]emory(?: \(oom_kill_allocating_task\))?: Kill(?:ed|ing)? process",
            "Out of memory and no killable",
            r"VM: killing process (?P<who>\S+)",
            "oom-kill:constraint=CONSTRAINT_(?:NONE|CPUSET|MEMORY_POLICY)",
        ),
    ),
    Saying(
        kind="spin",
        words="{} runs on one CPU and does not let go of it",
        start=r"BUG: soft lockup.*?\[(?P<who>[^\]]+)\]",
    ),
    Saying(
        kind="spin",
        words="a CPU does not get on",
        start="",
        says=(r"[Hh]ard LOCKUP", r"INFO: rcu_\w+ .*stall", r"rcu: INFO: .*stall"),
    ),
    Saying(
        kind="atomic",
        words="kernel code slept where it must not: {}",
        start="BUG: ",
        says=(r"scheduling while atomic: (?P<who>[^/]+/?\d*)", "sleeping function called from invalid context"),
    ),
    Saying(kind="panic", words="the kernel panicked", start="Kernel panic - not syncing"),
    Saying(
        kind="bug",
        words="the kernel hit a bug",
        start="",
        says=(
            "BUG: unable to handle",
            "BUG: kernel NULL pointer",
            "kernel BUG at",
            r"\bOops[:\s-]",
            "Unable to handle kernel",
            "general protection fault",
            "BUG: KASAN",
        ),
    ),
)
