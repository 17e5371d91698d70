#!/bin/sh
# Look at a vault's log with kcat: its topics, every event inside spaces, and those since a time.
#   kcat.sh BOOTSTRAP [CONFIG] [SINCE_MS]
# CONFIG holds the credentials, e.g. the data folder's kcat.conf; SINCE_MS is milliseconds since 1970.
set -eu
bootstrap=$1 config=${2:-/dev/null} since=${3:-}
topic="${GOVAULT_TOPIC_PREFIX:-govault}.files"

kcat -F "$config" -b "$bootstrap" -L -t "$topic" 2>/dev/null | grep -E 'topic|partition '

# One line an event: where it stands, when it was appended, which space (the key), and the CloudEvent. -e ends at the
# end of the log; without it kcat goes on with what comes.
kcat -F "$config" -b "$bootstrap" -C -q -e -t "$topic" -o "${since:+s@}${since:-beginning}" \
  -f '%p/%o %T %k %s\n' 2>/dev/null
