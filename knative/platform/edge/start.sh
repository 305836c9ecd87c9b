#!/bin/sh
# nginx looks names up by itself later on, and knows of no /etc/resolv.conf. An IPv6 address has its colons in brackets.
awk '$1 == "nameserver" { print "resolver " ($2 ~ /:.*:/ ? "[" $2 "]" : $2) " valid=10s;"; exit }' /etc/resolv.conf > /tmp/resolver.conf
exec nginx -c /etc/edge/nginx.conf -g 'daemon off;'
