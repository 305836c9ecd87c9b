#!/bin/sh
# Ready means that another Redis may be taken away: this is a master with a replica, or a replica that has caught up with its master. A Redis
# that loads, copies, is alone or has lost its master is not ready, even if it answers PING. Prints the reason.
# SELF: host:port. REDISCLI_AUTH: the password.
answer=$(printf 'ping\ninfo replication\n' | timeout 2 redis-cli -p "${SELF#*:}" 2>&1)
case $answer in
  PONG*role:master*min_slaves_good_slaves:[1-9]* | PONG*master_link_status:up*) ;;
  *) echo "${answer:-no answer}" && exit 1 ;;
esac
