#!/bin/sh
# Runs before Redis is stopped. A master hands over: it takes no more writes, sees that every replica has those that it took, and lets the
# Sentinels put one in its place. Where that cannot be done it just ends, and the Sentinels replace it when they miss it.
# The pause outlasts the pod's grace period, so that there is nothing to undo. At most 45 s in all.
# SELF, PEERS, SENTINELS: host:port, the latter two with spaces between. REDISCLI_AUTH: the password, Redis's and the Sentinels'.
own() { timeout 8 redis-cli -p "${SELF#*:}" 2>&1; }
ask() { timeout 2 redis-cli -h "${1%:*}" -p "${1#*:}" sentinel "$2" formbus 2>&1; }

case $(echo role | own) in master*) ;; *) echo "not the master" && exit ;; esac

replicas=$(($(echo "$PEERS" | wc -w) - 1))
# What is published goes to the replicas like a write; WAIT counts those that have it and so all before it.
have=$(printf 'multi\npublish formbus stop\nclient pause 60000 write\nexec\nwait %s 3000\n' $replicas | own | tail -n 1)
# The Sentinels might choose the one that has less.
[ "$have" = "$replicas" ] || { echo "$have of $replicas replicas have everything: no handing over" && exit; }

asked=
end=$(($(date +%s) + 20))
while [ "$(date +%s)" -lt $end ]; do
  for sentinel in $SENTINELS; do
    named=$(ask "$sentinel" get-master-addr-by-name | paste -sd: -)
    case $named in "$SELF") ;; *:[0-9]*) echo "handed over to $named" && exit ;; esac
    # Two that fail over at once might choose different replicas.
    [ -n "$asked" ] || case $(ask "$sentinel" failover) in OK* | *INPROG*) asked=$sentinel ;; esac
  done
  sleep 0.2
done
echo "no Sentinel names another master"
