#!/bin/bash
# Installs weka-nri-cpuset on a host; docs/install.md tells more.

folder=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$folder/lib.sh"
record=host

usage() {
  cat <<EOF
Installs weka-nri-cpuset on this host: the container runtime then starts it, before any pod.

Usage: $program [FLAGS]

  --executable FILE        default: weka-cpuset-linux-x64 or -arm64, beside this script
  --config FILE            settings, as YAML; default: those that are there, or none
  --configure-containerd   switch NRI on in containerd's configuration, where it is not
  --systemd                as a service of systemd instead
  --root DIR               in the tree of files below DIR, such as an image of a host
  --dry-run                only tell what would be done

It can be run again, to upgrade or to install in the other way. uninstall.sh undoes all of it.
EOF
}

executable=
settings=
configures=false
as_service=false
while [ $# -gt 0 ]; do
  case $1 in
    --executable | --config | --root) need_value "$@" ;;
  esac
  case $1 in
    --executable) executable=$2 && shift ;;
    --config) settings=$2 && shift ;;
    --root) root=$2 && shift ;;
    --configure-containerd) configures=true ;;
    --systemd) as_service=true ;;
    --dry-run) dry_run=true ;;
    -h | --help) usage && exit ;;
    *) bad_use "unknown flag $1" ;;
  esac
  shift
done
check_root
[ -n "$executable" ] || executable=$(find_executable "$(architecture)" "$folder" "$folder/../../bin")
check_executable "$executable"
[ -z "$settings" ] || check_settings "$executable" "$settings"

# FILE: where a section on NRI belongs that is not in FILE: another file, if FILE imports all of a folder.
place_for_section() {
  local imported
  imported=$(imported_folder "$1")
  if [ -z "$imported" ] || grep -q "$nri" "$root$1"; then printf '%s' "$1"; else printf '%s' "$imported/99-weka-cpuset.toml"; fi
}

# KEY FILE: has containerd run with KEY = false for NRI; FILE is where the doctor says that this belongs.
switch_on() {
  local key=$1 file=$2 text version=2 mode=644
  [ ! -L "$root$file" ] || fail "$file is a symbolic link: change what it leads to by hand, $key = false for \"$nri\""
  text=$scratch/text
  if exists "$file"; then
    version=$(version_of "$file")
    file=$(place_for_section "$file")
  fi
  if exists "$file"; then
    mode=$(stat -c %a "$root$file")
    with_nri "$root$file" "$key" >"$text"
  else
    # What containerd 2.2 and later import without any file, they should import with this one too.
    {
      echo "version = $version"
      if [ "$file" = "$containerd_file" ]; then echo "imports = [\"${file%/*}/conf.d/*.toml\"]"; fi
    } | with_nri - "$key" >"$text"
  fi
  put "$text" "$file" "$mode"
  if ! $dry_run; then check_change "$file"; fi
}

# FILE: undoes a change that did not help, or that containerd would not start with.
check_change() {
  local level found what
  what=$(examine "$executable" nri-config)
  IFS=$'\t' read -r level found what <<<"$what"
  if [ -z "$root" ] && command -v containerd >/dev/null; then
    what=$(containerd config dump 2>&1 >/dev/null) || { level=error && found=$what; }
  fi
  if [ "$level" != ok ]; then
    undo "$1"
    fail "the change of $1 is undone, for containerd cannot use it: $found"
  fi
}

containerd_file=/etc/containerd/config.toml

# Has the doctor look at NRI, and switches it on where that is asked for.
check_runtime() {
  local level found what key=disable file
  what=$(examine "$executable" nri-config)
  IFS=$'\t' read -r level found what <<<"$what"
  file=$(printf '%s' "$what" | sed -n 's/^Set in \(\/[^ ,]*\).*/\1/p')
  if [ "$level" = skipped ]; then
    file=$containerd_file
    if [ -z "$root" ] && containerd --version 2>/dev/null | grep -q ' v\{0,1\}2\.'; then level=ok; fi
  elif [[ $found == *'may not connect'* ]]; then
    key=disable_connections
    # One that the runtime starts needs no connection.
    if ! $as_service; then level=ok; fi
  fi
  if [ "$level" = ok ]; then
    say "NRI is on."
  elif ! $configures; then
    warn "$found"
    warn 'unless it is on by default, as in containerd 2 and CRI-O 1.30, switch it on: --configure-containerd does, for containerd'
  elif [[ $found == *"CRI-O's"* ]]; then
    fail "$found Only containerd is configured by this script: docs/install.md tells how to switch it on in CRI-O"
  elif [[ $file == */rancher/* ]]; then
    fail "$file is written by K3s or RKE2 at each start: use deploy/k3s/reconfigure-k3s.sh"
  elif [ -z "$file" ]; then
    fail "$found $what"
  else
    switch_on "$key" "$file"
  fi
}

# PATH...: undoes what the other way of installing has put there.
undo_other_way() {
  local path
  for path in "$@"; do
    if [ -n "$(recorded "$path")" ]; then undo "$path"; fi
  done
}

check_runtime
put_settings "${settings:-$folder/weka-cpuset.conf}" ${settings:+--replace}
if $as_service; then
  put "$executable" "$service_file" 755
  put_command "$service_file"
  put "$folder/weka-nri-cpuset.service" "$unit_file" 644
  put_link ../weka-nri-cpuset.service "$unit_link"
  undo_other_way "$plugin_file"
else
  put_plugin "$executable"
  stop_service
  undo_other_way "$unit_link" "$unit_file" "$service_file"
fi

if ! $changed; then
  if $as_service && has_systemd; then systemctl start weka-nri-cpuset; fi
  say 'Nothing had to be changed.'
elif $dry_run; then
  say 'Nothing was changed: this was a dry run.'
elif [ -n "$root" ]; then
  say "Installed below $root."
elif ! $as_service; then
  say 'Installed. It starts with the runtime, whose containers go on while that is restarted: systemctl restart containerd'
elif has_systemd; then
  systemctl daemon-reload
  systemctl restart weka-nri-cpuset
  say 'Installed and started.'
else
  say 'Installed. It starts with the host: systemd does not run here.'
fi
tell_problems "$executable"
