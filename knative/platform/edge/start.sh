#!/bin/sh
# nginx resolves names at run time, and does not read /etc/resolv.conf. It takes an IPv6 address in brackets.
awk '$1 == "nameserver" { print "resolver " ($2 ~ /:.*:/ ? "[" $2 "]" : $2) " valid=10s;"; exit }' /etc/resolv.conf > /tmp/resolver.conf
exec nginx -c /etc/edge/nginx.conf -g 'daemon off;'
