"""A report for a stranger's eyes: hosts, addresses and, on request, names of commands are replaced, the same by the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nodes.frozen.reading import Report
from nodes.frozen.words import told

_PRIVATE = (
    ("MAC", re.compile(r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b")),
    ("ADDRESS", re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")),
    ("ADDRESS", re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![\w:])")),
    (
        "ADDRESS",
        re.compile(
            r"(?<![\w:])[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?(?![\w:])"
        ),
    ),
    ("UUID", re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")),
    ("NAME", re.compile(r"\b(?:nqn|iqn|naa|eui)\.[\w.:-]+")),
    (
        "GROUP",
        re.compile(r"(?<=[ =])/(?:kubepods|docker|system\.slice|user\.slice|machine\.slice|lxc|k8s)[\w./@:\\-]*"),
    ),
)
_SYSLOG_HOST = re.compile(r"(?<=\S )(?!kern\.)\S+(?= kernel(?:\[\d+\])?: )")
_SERVER = re.compile(
    r"(?<=NFS server )\S+(?= )|(?<=nfs: server )\S+|(?<=lockd: server )\S+|(?<=SMB server )\S+"
    r"|\b\w[\w-]*-(?:OST|MDT)[0-9a-f]{4}[\w-]*"
    r"|(?<=AFS server )\S+|(?<=file server )\S+|(?<=in cell )\S+|(?<=to node )\S+|(?<=cluster's node )\S+"
)
_DRBD_PEER = re.compile(r"(?P<before>\bdrbd \S+ (?:drbd\d+ )?)(?!drbd\d)(?P<host>[A-Za-z][\w.-]*)(?=: )")
_COMMAND = re.compile(
    r"(?<=task:)\S+|(?<=INFO: task )[^:]+(?=:\d)|(?<=\()[^()]+(?=\) (?:total-vm|score))|(?<=[Cc]omm: )\S+|(?<=task=)\w+"
    r"|(?<=\[)[\w./-]+(?=:\d+\])|^[\w./-]+(?=: page allocation failure)"
)
_KERNELS = re.compile(
    r"kswapd|kworker|ksoftirqd|jbd2|kcompactd|khugepaged|swapper|rcu|migration|init\b|systemd\b|nfsd|loop|md\d|dm"
)


class Mask:
    """Gives each private word a number."""

    def __init__(self, *, commands: bool = False) -> None:
        self._commands = commands
        self._known: dict[str, str] = {}

    def over(self, text: str) -> str:
        """`text` without what is private."""
        text = _SYSLOG_HOST.sub(lambda found: self._name("HOST", found[0]), text)
        text = _SERVER.sub(lambda found: self._name("HOST", found[0]), text)
        text = _DRBD_PEER.sub(lambda found: found["before"] + self._name("HOST", found["host"]), text)
        for kind, form in _PRIVATE:
            text = form.sub(lambda found, kind=kind: self._name(kind, found[0]), text)  # type: ignore[misc]
        if self._commands:
            text = _COMMAND.sub(
                lambda found: found[0] if _KERNELS.match(found[0]) else self._name("COMMAND", found[0]), text
            )
            for word, name in self._known.items():
                if name.startswith("COMMAND"):
                    text = re.sub(rf"\b{re.escape(word)}\b", name, text)
        return text

    def _name(self, kind: str, word: str) -> str:
        if word.startswith(("HOST", "ADDRESS", "MAC", "COMMAND", "NAME", "GROUP", "UUID")):
            return word
        same_kind = sum(name.startswith(kind) for name in self._known.values())
        return self._known.setdefault(word, f"{kind}{same_kind + 1}")


def markdown(report: Report, mask: Mask) -> Iterator[str]:
    """The report for a bug tracker: the sentence, then all else folded away."""
    masked = [mask.over(line) for line in (*(line.text for line in report.evidence), *told(report))]
    lines = masked[len(report.evidence) :]
    yield f"**{lines[0].replace('*', chr(92) + '*')}**"
    yield ""
    yield "Found by `netreserve autopsy` in a kernel log; hosts and addresses are masked."
    yield ""
    yield "```"
    yield from _unfenced(lines[1:])
    yield "```"


def _unfenced(lines: Iterable[str]) -> Iterator[str]:
    return (line.replace("```", "` ` `") for line in lines)
