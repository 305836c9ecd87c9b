#!/bin/sh
# Runs before Redis is stopped. A master hands over: it refuses writes, waits until every replica has all of them, and asks a Sentinel for a
# failover. If that fails Redis just stops, and the Sentinels replace it once they notice.
# The pause of writes outlasts the pod's grace period, so nothing has to undo it. Takes at most 45 s.
# SELF: host:port; PEERS, SENTINELS: space-separated lists of these. REDISCLI_AUTH: the password of Redis and the Sentinels.
own() { timeout 8 redis-cli -p "${SELF#*:}" 2>&1; }
ask() { timeout 2 redis-cli -h "${1%:*}" -p "${1#*:}" sentinel "$2" formbus 2>&1; }

case $(echo role | own) in master*) ;; *) echo "not the master" && exit ;; esac

replicas=$(($(echo "$PEERS" | wc -w) - 1))
# A published message reaches the replicas like a write; WAIT counts the replicas that have it, and so all writes before it.
have=$(printf 'multi\npublish formbus stop\nclient pause 60000 write\nexec\nwait %s 3000\n' $replicas | own | tail -n 1)
# The Sentinels might choose a replica that has less.
[ "$have" = "$replicas" ] || { echo "$have of $replicas replicas have everything: no handing over" && exit; }

asked=
end=$(($(date +%s) + 20))
while [ "$(date +%s)" -lt $end ]; do
  for sentinel in $SENTINELS; do
    named=$(ask "$sentinel" get-master-addr-by-name | paste -sd: -)
    case $named in "$SELF") ;; *:[0-9]*) echo "handed over to $named" && exit ;; esac
    # Two Sentinels that fail over at once might choose different replicas.
    [ -n "$asked" ] || case $(ask "$sentinel" failover) in OK* | *INPROG*) asked=$sentinel ;; esac
  done
  sleep 0.2
done
echo "no Sentinel names another master"
