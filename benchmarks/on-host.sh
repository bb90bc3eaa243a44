#!/bin/bash
# Runs a program that knows no other place for the host's topology than /sys: in a mount namespace of its own, where the
# made-up host's folders cover the real ones. Needs root.
#
# Usage: on-host.sh HOST-ROOT PROGRAM [ARGUMENT...]
set -euo pipefail

if [[ ${1-} != --inside ]]; then
  exec unshare --mount --propagation private "$0" --inside "$@"
fi
root=$2
shift 2
for kind in cpu node; do
  mount --bind "$root/sys/devices/system/$kind" "/sys/devices/system/$kind"
done
exec "$@"
