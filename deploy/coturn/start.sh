#!/bin/sh
# The configuration with its secret, in memory: neither the image nor the command line holds it.
set -eu
umask 077
{
  cat /etc/coturn/videomottagning.conf
  printf 'static-auth-secret=%s\n' "$(cat /run/secrets/turn_secret)"
} >/tmp/turnserver.conf
exec turnserver -c /tmp/turnserver.conf "$@"
