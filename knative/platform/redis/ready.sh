#!/bin/sh
# Ready is a Redis beside which the next one may be taken away: a master that a replica follows, or a replica that has all that the master
# had when it joined; one that loads, copies, is alone or has lost its master is not, though it may answer PING. It says why.
# SELF: host:port. REDISCLI_AUTH: the password.
answer=$(printf 'ping\ninfo replication\n' | timeout 2 redis-cli -p "${SELF#*:}" 2>&1)
case $answer in
  PONG*role:master*min_slaves_good_slaves:[1-9]* | PONG*master_link_status:up*) ;;
  *) echo "${answer:-no answer}" && exit 1 ;;
esac
