#!/bin/sh
# Writes what `netreserve inspect FILE` reads: memory, storage, network and the processes that serve storage. It only reads,
# needs no more than busybox, and is content without root (what it may not read is told). No environment of a process and no
# file's content outside /proc, /sys and a few lines of /etc is taken.
#     sh collect.sh > machine.txt
R="${1:-}"

one() { # a file, if it is there
    [ -e "$R$1" ] || return 0
    if [ ! -r "$R$1" ]; then echo "@denied $1"; return 0; fi
    text=$(cat "$R$1" 2>/dev/null; echo .) || return 0
    echo "@file $1"
    printf '%s\n' "${text%.}" | sed -e '$d' -e 's/^/|/'
}

words() { # a file with NUL between its words
    [ -r "$R$1" ] || return 0
    echo "@file $1"
    tr '\000\n' '  ' < "$R$1" 2>/dev/null | sed 's/^/|/'
    echo
}

names() { # what is in a folder
    [ -d "$R$1" ] || return 0
    if [ ! -r "$R$1" ]; then echo "@denied $1"; return 0; fi
    line="@names $1"
    for there in "$R$1"/*; do
        [ -e "$there" ] || [ -L "$there" ] || continue
        line="$line ${there##*/}"
    done
    echo "$line"
}

link() { # where it leads
    [ -e "$R$1" ] || return 0
    to=$(readlink -f "$R$1" 2>/dev/null) && echo "@link $1 ${to#"$R"}"
}

echo "netreserve-machine 1"
for f in meminfo zoneinfo vmstat swaps mounts self/mountinfo version cmdline consoles drbd cgroups self/cgroup uptime \
    net/route net/ipv6_route net/fib_trie net/if_inet6 net/netstat net/sockstat net/tcp net/tcp6; do
    one "/proc/$f"
done
for f in vm/min_free_kbytes vm/watermark_scale_factor vm/watermark_boost_factor vm/overcommit_memory vm/swappiness \
    net/ipv4/tcp_mem net/ipv4/udp_mem net/ipv4/tcp_rmem net/core/rmem_max net/core/rmem_default \
    kernel/osrelease kernel/sysrq kernel/printk kernel/hung_task_timeout_secs kernel/hung_task_warnings; do
    one "/proc/sys/$f"
done
for f in /etc/nbdtab /etc/iscsi/iscsid.conf /etc/ceph/ceph.conf; do
    [ -r "$R$f" ] || continue
    echo "@file $f"
    grep -E '^[[:space:]]*(nbd|mon_host|mon host|node\.session\.timeo|replacement_timeout)' "$R$f" | sed 's/^/|/'
done
kib=$(sed -n 's/^KernelPageSize: *\([0-9]*\) kB$/\1/p' "$R/proc/self/smaps" 2>/dev/null | head -n 1)
[ -z "$kib" ] || printf '@file /netreserve/page_kib\n|%s\n' "$kib"
for d in /sys/class/block /sys/class/net /sys/class/nvme /sys/class/iscsi_connection /sys/fs/pstore /sys/module \
    /sys/kernel/config/netconsole; do
    names "$d"
done
one /sys/module/pstore/parameters/backend
one /sys/kernel/mm/transparent_hugepage/enabled
for p in "$R"/sys/class/block/*; do
    b="/sys/class/block/${p##*/}"
    link "$b"
    for f in dev size dm/name dm/uuid loop/backing_file backing_dev pid backend device/transport device/address \
        device/model md/level; do
        one "$b/$f"
    done
    names "$b/slaves"
    names "$b/device"
done
for p in "$R"/sys/class/nvme/*; do
    [ -e "$p" ] || continue
    n="/sys/class/nvme/${p##*/}"
    for f in transport address subsysnqn; do one "$n/$f"; done
done
for p in "$R"/sys/class/iscsi_connection/*; do
    [ -e "$p" ] || continue
    c="/sys/class/iscsi_connection/${p##*/}"
    one "$c/persistent_address"
    one "$c/address"
done
for p in "$R"/sys/class/net/*; do
    i="/sys/class/net/${p##*/}"
    link "$i"
    link "$i/device"
    link "$i/device/driver"
    for f in mtu speed operstate type; do one "$i/$f"; done
    names "$i"
    names "$i/queues"
    names "$i/brif"
    if [ -z "$R" ] && command -v ethtool >/dev/null 2>&1; then
        echo "@file /netreserve/rings/${p##*/}"
        ethtool -g "${p##*/}" 2>/dev/null | sed 's/^/|/'
        echo "@file /netreserve/offloads/${p##*/}"
        ethtool -k "${p##*/}" 2>/dev/null | sed -n '/^[a-z].*: o[nf]/s/^/|/p'
    fi
done
WANTED='nbd|iscsi|multipath|tcmu|ublk|ceph-osd|ceph-fuse|gluster|zfs|zed$|drbd|ganesha|nfsd|juicefs|sshfs|mayastor|io-engine|tgtd|tlshd'
pids=""
for p in "$R"/proc/[0-9]*; do
    pid="${p##*/}"
    [ -r "$p/stat" ] || { [ -e "$p" ] && echo "@denied /proc/$pid/stat"; continue; }
    one "/proc/$pid/stat"
    pids="$pids $pid"
    grep -qE "^Name:.*($WANTED)" "$p/status" 2>/dev/null || continue
    one "/proc/$pid/status"
    words "/proc/$pid/cmdline"
    one "/proc/$pid/oom_score_adj"
    one "/proc/$pid/cgroup"
    sed -n 's/^0:://p; s/^[0-9]*:memory://p' "$p/cgroup" 2>/dev/null | while read -r g; do
        while [ -n "$g" ] && [ "$g" != / ]; do
            for f in memory.max memory.high memory.current memory.swap.max memory.events; do one "/sys/fs/cgroup$g/$f"; done
            for f in memory.limit_in_bytes memory.usage_in_bytes; do one "/sys/fs/cgroup/memory$g/$f"; done
            g="${g%/*}"
        done
    done
done
echo "@names /proc$pids"
for f in memory.max memory.high memory.current memory.swap.max memory.events memory/memory.limit_in_bytes; do
    one "/sys/fs/cgroup/$f"
done
echo "@end"
