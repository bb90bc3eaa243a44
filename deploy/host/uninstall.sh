#!/bin/bash
# Undoes what install.sh did on a host; docs/install.md tells more.

folder=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$folder/lib.sh"
record=host

usage() {
  cat <<EOF
Undoes what install.sh did on this host: removes what it wrote and restores what was there before. Files that were changed
since stay as they are. Containers keep the CPUs they have.

Usage: $program [FLAGS]

  --purge       also what was changed since, and the plugin's log
  --root DIR    in the tree of files below DIR
  --dry-run     only tell what would be done
EOF
}

while [ $# -gt 0 ]; do
  case $1 in
    --root) need_value "$@" && root=$2 && shift ;;
    --purge) purges=true ;;
    --dry-run) dry_run=true ;;
    -h | --help) usage && exit ;;
    *) bad_use "unknown flag $1" ;;
  esac
  shift
done
check_root

stop_service
undo_all
if $purges && ! $dry_run; then rm -f "$root/var/log/weka-nri-cpuset.log"; fi
if ! $dry_run; then rmdir "$root/run/weka-nri-cpuset" 2>/dev/null || true; fi
if has_systemd; then systemctl daemon-reload; fi
if [ -z "$root" ] && ! $dry_run; then
  say 'A plugin that the runtime has started runs until the runtime is restarted: systemctl restart containerd'
fi
