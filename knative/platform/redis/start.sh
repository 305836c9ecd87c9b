#!/bin/sh
# Starts Redis in the role that the Sentinels name. If no Sentinel answers, it keeps its role; at the very first start the first of
# PEERS is the master.
# SELF: host:port; PEERS, SENTINELS: space-separated lists of these. REDISCLI_AUTH: the password.
set -eu
DATA=${DATA:-/data}
conf="$DATA/redis.conf"
settings="$(dirname "$0")/redis.conf"
ask() { timeout 2 redis-cli -h "${1%:*}" -p "${1#*:}" "$2" "$3" ${4+"$4"} 2>/dev/null || true; }

master() {
  for sentinel in $SENTINELS; do
    answer=$(ask "$sentinel" sentinel get-master-addr-by-name formbus | paste -sd: -)
    case $answer in *:[0-9]*) echo "$answer" && return ;; esac
  done
}

peers_hold_rows() {
  for peer in $PEERS; do
    [ "$peer" = "$SELF" ] && continue
    case $(ask "$peer" info keyspace) in *keys=*) return 0 ;; esac
  done
  return 1
}

role="replicaof ${PEERS%%:*} $(echo "${PEERS%% *}" | cut -d: -f2)"
[ "$SELF" = "${PEERS%% *}" ] && role=""
if [ -e "$conf" ]; then role=$(grep '^replicaof ' "$conf" || true); fi

named=$(master)
# A master that lost its disk and restarts before the Sentinels notice would empty its replicas.
while [ ! -e "$conf" ] && [ "${named:-$SELF}" = "$SELF" ] && peers_hold_rows; do
  echo "the others hold rows and this disk is empty: waiting until one of them is the master"
  sleep 1
  named=$(master)
done
[ "$named" = "$SELF" ] && role=""
[ -n "$named" ] && [ "$named" != "$SELF" ] && role="replicaof ${named%:*} ${named#*:}"

umask 077
{
  cat "$settings"
  printf 'dir %s\nport %s\nprotected-mode no\n' "$DATA" "${SELF#*:}"
  printf 'replica-announce-ip %s\nreplica-announce-port %s\n' "${SELF%:*}" "${SELF#*:}"
  printf 'requirepass %s\nmasterauth %s\n%s\n' "$REDISCLI_AUTH" "$REDISCLI_AUTH" "$role"
} > "$conf.new"
mv "$conf.new" "$conf"
echo "starting as ${role:-the master}"
exec redis-server "$conf"
