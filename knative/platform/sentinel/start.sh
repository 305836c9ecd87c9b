#!/bin/sh
# Starts a Sentinel. It keeps its state in its own configuration; only the first start writes one here.
# SELF, MASTER (the first master): host:port. REDIS_PASSWORD.
# Sentinels choose a replica by its reports of the last 5 s. With a shorter down-after-milliseconds these may be older than the loss.
set -eu
DATA=${DATA:-/data}
conf="$DATA/sentinel.conf"
umask 077
if [ ! -e "$conf" ]; then
  cat > "$conf.new" <<END
port ${SELF#*:}
dir $DATA
protected-mode no
requirepass $REDIS_PASSWORD
sentinel sentinel-pass $REDIS_PASSWORD
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip ${SELF%:*}
sentinel announce-port ${SELF#*:}
sentinel monitor formbus ${MASTER%:*} ${MASTER#*:} 2
sentinel auth-pass formbus $REDIS_PASSWORD
sentinel down-after-milliseconds formbus 5000
sentinel failover-timeout formbus 30000
END
  mv "$conf.new" "$conf"
fi
exec redis-server "$conf" --sentinel
