#!/bin/sh
# Makes the broker's accounts and hands each role its own, once; later starts keep the passwords and write the rest anew.
#
#   $CREDENTIALS/broker/secrets        role:password, the source of all else; root only
#   $CREDENTIALS/broker/{passwd,acl}   for mosquitto, which must own them
#   $CREDENTIALS/<role>/credentials.json   {"username": ..., "password": ...}; the folder is mounted in that role's
#                                      containers alone, so the file need not be secret inside them
#   $RUNS/.operator.json               the same for the person at this machine, whose file it becomes
#
# Needs root with CHOWN, DAC_OVERRIDE and FOWNER, and mosquitto_passwd.
set -eu
umask 077

CREDENTIALS=${CREDENTIALS:-/credentials}
RUNS=${RUNS:-/runs}
NODE_ROLES="controller initiator target"
broker=$CREDENTIALS/broker

die() { echo "credentials: $*" >&2; exit 3; }

# Replaces a file at once: a reader sees the old or the new one, never half.
place() { # FILE OWNER MODE < content
    cat >"$1.new"
    chown "$2" "$1.new"
    chmod "$3" "$1.new"
    mv -f "$1.new" "$1"
}

account() { # ROLE
    printf '{"username": "%s", "password": "%s"}\n' "$1" "$(sed -n "s/^$1://p" "$broker/secrets")"
}

command -v mosquitto_passwd >/dev/null || die "mosquitto_passwd is not installed"
[ -d "$RUNS" ] || die "$RUNS is not there: the runs folder must be mounted"
mkdir -p "$broker"
chmod 755 "$broker"

touch "$broker/secrets"
for role in $NODE_ROLES operator; do
    grep -q "^$role:" "$broker/secrets" ||
        echo "$role:$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>"$broker/secrets"
done

cp "$broker/secrets" "$broker/passwd.plain"
mosquitto_passwd -U "$broker/passwd.plain" || die "mosquitto_passwd could not hash the passwords"
place "$broker/passwd" mosquitto:mosquitto 600 <"$broker/passwd.plain"
rm -f "$broker/passwd.plain"

# %u is the account (a role), %c the client's id (a node's name). Nobody has a right that does not stand here.
place "$broker/acl" mosquitto:mosquitto 600 <<'ACL'
user controller
topic write netreserve/+/+/desired
topic write netreserve/controller/#
topic read netreserve/#

user operator
topic write netreserve/operator/#
topic read netreserve/#

pattern write netreserve/%u/%c/reported
pattern write netreserve/%u/%c/status
pattern write netreserve/%u/%c/sample
pattern write netreserve/%u/%c/event
pattern read netreserve/%u/%c/desired
ACL

for role in $NODE_ROLES; do
    mkdir -p "$CREDENTIALS/$role"
    chmod 755 "$CREDENTIALS/$role"
    account "$role" | place "$CREDENTIALS/$role/credentials.json" root:root 444
done
account operator | place "$RUNS/.operator.json" "$(stat -c %u:%g "$RUNS")" 600
