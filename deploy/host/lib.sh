# shellcheck shell=bash disable=SC2034,SC2154 # scripts set some of these variables, and use others
# Shared by the scripts that install on a host. What they put there is kept in a record, with what was there before, so that
# it can be undone, byte for byte, where nobody has changed it since.
#
# A script sets `record` (a name) and, from its flags, `root` (a folder in front of every path) and `dry_run`.

set -euo pipefail

program=${0##*/}
root=
dry_run=false
# Whether anything was, or in a dry run would be, changed.
changed=false
# Whether to undo also what others have changed since.
purges=false
# What is made here others may read, whatever the caller's own files are like.
umask 022
scratch=$(mktemp -d)
# What is being written, beside the file that it will be.
staged=
trap 'rm -rf "$scratch" ${staged:+"$staged"}' EXIT

readonly lib_folder=/var/lib/weka-nri-cpuset
readonly plugin_file=/opt/nri/plugins/99-weka-cpuset
readonly settings_file=/etc/nri/conf.d/99-weka-cpuset.conf
readonly command_link=/usr/local/bin/weka-cpuset
readonly service_file=/opt/weka-nri-cpuset/weka-cpuset
readonly unit_file=/etc/systemd/system/weka-nri-cpuset.service
readonly unit_link=/etc/systemd/system/multi-user.target.wants/weka-nri-cpuset.service

say() { printf '%s\n' "$*"; }

warn() { printf '%s: %s\n' "$program" "$*" >&2; }

fail() {
  warn "$@"
  exit 1
}

bad_use() {
  warn "$* (see --help)"
  exit 2
}

# FLAG [VALUE]...: checks that a flag has a value.
need_value() {
  if [ -z "${2-}" ]; then bad_use "$1 needs a value"; fi
}

# COMMAND...: runs what changes files, and fails with its reason, such as a read-only file system or a full disk.
try() {
  local reason
  reason=$("$@" 2>&1 >/dev/null) || fail "${reason##*$'\n'}"
}

# Only root may change the host; a tree of files elsewhere belongs to whoever made it.
check_root() {
  root=${root%/}
  if [ -n "$root" ]; then
    [ -d "$root" ] || fail "--root $root: there is no such folder"
    root=$(cd "$root" && pwd -P)
  elif ! $dry_run && [ "$(id -u)" != 0 ]; then
    fail 'only root can change this host; try --dry-run, or --root DIR for a tree of files'
  fi
}

# --- The record ---
# A line for each change: `folder PATH`, `link PATH TARGET` or `file PATH SHA256`; the last line on a path counts.

record_file() { printf '%s' "$root$lib_folder/$record/record"; }

# PATH: where its content from before is kept.
original_of() { printf '%s' "$root$lib_folder/$record/before$1"; }

# PATH: its line in the record, if it has one.
recorded() {
  if [ -f "$(record_file)" ]; then awk -v path="$1" '$2 == path { line = $0 } END { print line }' "$(record_file)"; fi
}

note() { printf '%s\n' "$*" >>"$(record_file)" || fail "cannot write $(record_file)"; }

# PATH: how a file would be recorded that has the content which PATH has now.
describe() {
  if [ -L "$root$1" ]; then
    printf 'link %s %s' "$1" "$(readlink "$root$1")"
  elif [ -f "$root$1" ]; then
    printf 'file %s %s' "$1" "$(sha256sum <"$root$1" | cut -d ' ' -f 1)"
  fi
}

# Whether PATH is as we left it; nothing is, where we left nothing.
is_ours() { [ "$(describe "$1")" = "$(recorded "$1")" ]; }

exists() { [ -e "$root$1" ] || [ -L "$root$1" ]; }

# FOLDER: checks that links in the tree below --root do not lead to somewhere else on this host.
check_inside() {
  [ -z "$root" ] || [[ $(realpath -m "$root$1")/ == "$root"/* ]] || fail "$root$1 is a link to outside of $root"
}

# PATH: makes a folder and those above it.
make_folder() {
  local path=$1 missing=()
  check_inside "$path"
  while [ -n "$path" ] && [ ! -d "$root$path" ]; do
    missing=("$path" "${missing[@]}")
    path=${path%/*}
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  if [ "$1" != "$lib_folder/$record" ]; then make_folder "$lib_folder/$record"; fi
  for path in "${missing[@]}"; do try mkdir -p "$root$path"; done
  for path in "${missing[@]}"; do note "folder $path"; done
}

# PATH: keeps what is there before we change it, unless it is ours already.
keep_original() {
  make_folder "$lib_folder/$record"
  if exists "$1" && ! is_ours "$1"; then
    try mkdir -p "$(dirname "$(original_of "$1")")"
    try rm -rf "$(original_of "$1")"
    try cp -a "$root$1" "$(original_of "$1")"
  fi
}

# PATH: the file in which what PATH is to hold is written before it is renamed, on the same file system. The runtime starts
# whatever lies in the folder of plugins, so theirs are written in the folder above.
staged_for() {
  local folder=${1%/*}
  if [ "$1" = "$plugin_file" ]; then folder=${folder%/*}; fi
  printf '%s\n' "$root$folder/.weka-cpuset.$$"
}

# SOURCE PATH MODE: has PATH hold what SOURCE holds. It is written elsewhere and then renamed: whoever reads or runs PATH has
# the old file or the new one, whole.
put() {
  local source=$1 path=$2 mode=$3
  if [ -f "$root$path" ] && [ ! -L "$root$path" ] && cmp -s "$source" "$root$path" &&
    [ "$(stat -c %a "$root$path")" = "$mode" ]; then
    say "unchanged  $path"
    if ! $dry_run && [ -z "$(recorded "$path")" ]; then
      make_folder "$lib_folder/$record"
      note "$(describe "$path")"
    fi
    return
  fi
  changed=true
  if $dry_run; then
    say "would write  $path"
    if [ -f "$root$path" ]; then diff -u --label "$path" --label "$path" "$root$path" "$source" | sed 's/^/  /' || true; fi
    return
  fi
  make_folder "${path%/*}"
  staged=$(staged_for "$path")
  try cp "$source" "$staged"
  try chmod "$mode" "$staged"
  try sync "$staged"
  keep_original "$path"
  note "file $path $(sha256sum <"$staged" | cut -d ' ' -f 1)"
  try mv -fT "$staged" "$root$path"
  staged=
  say "written  $path"
}

# TARGET PATH: makes a symbolic link.
put_link() {
  local target=$1 path=$2
  if [ "$(describe "$path")" = "link $path $target" ]; then
    say "unchanged  $path"
    return
  fi
  changed=true
  if $dry_run; then
    say "would link  $path -> $target"
    return
  fi
  make_folder "${path%/*}"
  keep_original "$path"
  note "link $path $target"
  try ln -sfnT "$target" "$root$path"
  say "linked  $path -> $target"
}

# PATH: drops its lines from the record.
forget() {
  awk -v path="$1" '$2 != path' "$(record_file)" >"$(record_file).new" || fail "cannot write $(record_file).new"
  try mv -f "$(record_file).new" "$(record_file)"
}

# PATH: puts back what was there before us, or nothing.
undo() {
  local path=$1 original
  original=$(original_of "$path")
  check_inside "${path%/*}"
  if ! exists "$path"; then
    say "gone already  $path"
  elif ! $purges && ! is_ours "$path"; then
    warn "$path was changed since it was written, and stays"
    if [ -e "$original" ]; then warn "what was there before is in $original"; fi
  else
    changed=true
    if $dry_run; then
      say "would put back  $path"
      return
    fi
    if [ -e "$original" ] || [ -L "$original" ]; then
      # It may be on another file system, so it is brought near first.
      staged=$(staged_for "$path")
      try cp -a "$original" "$staged"
      try mv -fT "$staged" "$root$path"
      staged=
      rm -rf "$original"
      say "restored  $path"
    else
      try rm -f "$root$path"
      say "removed  $path"
    fi
  fi
  if ! $dry_run; then forget "$path"; fi
}

# What the record has of a KIND, last things first.
recorded_paths() {
  if [ -f "$(record_file)" ]; then awk -v kind="$1" '$1 ~ kind { print $2 }' "$(record_file)" | tac | awk '!seen[$0]++'; fi
}

# Undoes all that the record tells, and the record. Folders stay where something is in them.
undo_all() {
  local path folders
  if [ ! -f "$(record_file)" ]; then
    say 'Nothing is installed.'
    return
  fi
  folders=$(recorded_paths folder)
  for path in $(recorded_paths 'file|link'); do undo "$path"; done
  if $dry_run; then return; fi
  rm "$(record_file)"
  find "$root$lib_folder" -depth -type d -empty -delete
  for path in $folders; do rmdir "$root$path" 2>/dev/null || true; done
}

# --- The plugin ---

# The name that release files use for this machine's architecture.
architecture() {
  case $(uname -m) in
    x86_64) echo x64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) fail "there is no executable for $(uname -m); docs/install.md tells how to run the bundle there" ;;
  esac
}

# ARCHITECTURE FOLDER...: the executable for it, wherever it is.
find_executable() {
  local folder name=weka-cpuset-linux-$1
  shift
  for folder in "$@"; do
    if [ -f "$folder/$name" ]; then
      printf '%s' "$folder/$name"
      return
    fi
  done
  fail "$name is not in $*: name it with --executable FILE"
}

# FILE: checks that it can run here, and alone.
check_executable() {
  local file=$1 answer
  [ -f "$file" ] || fail "--executable $file: there is no such file"
  # An ELF header has the machine in its bytes 18 and 19.
  if [ "$(head -c 4 "$file" | tail -c 3)" = ELF ]; then
    case $(od -An -tu2 -j18 -N2 "$file" | tr -d ' '):$(uname -m) in
      62:x86_64 | 183:aarch64) ;;
      62:*) fail "$file is for x64, and this machine is $(uname -m)" ;;
      183:*) fail "$file is for arm64, and this machine is $(uname -m)" ;;
      *) fail "$file is for another machine than this one ($(uname -m))" ;;
    esac
  elif grep -q 'dist/weka-cpuset' "$file"; then
    fail "$file needs the files around it: docs/install.md tells how to run the bundle"
  fi
  [ -x "$file" ] || fail "$file may not be executed: chmod +x $file"
  answer=$("$file" version 2>&1) || true
  [[ $answer == 'weka-cpuset '* ]] || fail "$file is not weka-cpuset, or does not run here: ${answer:-no answer}"
}

# FILE: the command `weka-cpuset`, where that folder can be written to; only people need it.
put_command() {
  if $dry_run || [ -w "$root${command_link%/*}" ] || [ ! -e "$root${command_link%/*}" ]; then
    put_link "../../..$1" "$command_link"
  else
    warn "${command_link%/*} cannot be written to: the command is $1"
  fi
}

# EXECUTABLE: has the runtime start it. Written outside of the folder of plugins: of what can be executed there, the runtime
# starts all, and does not start itself when a name is none of a plugin.
put_plugin() {
  put "$1" "$plugin_file" 755
  put_command "$plugin_file"
}

# Whether systemd runs here, and it is this host that we change.
has_systemd() { [ -z "$root" ] && ! $dry_run && [ -d /run/systemd/system ]; }

# Ends what runs as a service, before its files go.
stop_service() {
  if [ -n "$(recorded "$unit_file")" ] && has_systemd; then try systemctl stop weka-nri-cpuset; fi
}

# FILE [--replace]: settings of the plugin. Those that are there stay, unless told otherwise.
put_settings() {
  if [ "${2-}" = --replace ] || ! exists "$settings_file"; then
    put "$1" "$settings_file" 644
  else
    say "kept  $settings_file"
  fi
}

# EXECUTABLE FILE: checks that the plugin can use the settings: with wrong ones it would not start.
check_settings() {
  local level found what
  [ -f "$2" ] || fail "--config $2: there is no such file"
  what=$(examine "$1" own-config --config "$2")
  IFS=$'\t' read -r level found what <<<"$what"
  [ "$level" != error ] || fail "--config $2 cannot be used: $found"
}

# --- The runtime's configuration ---

readonly nri=io.containerd.nri.v1.nri

# FILE KEY: prints a file of containerd with KEY = false in its section on NRI, which comes last if there was none.
with_nri() {
  awk -v key="$2" -v nri="$nri" '
    { line[NR] = $0 }
    /^[ \t]*\[/ {
      name = $0
      sub(/#.*/, "", name)
      gsub(/[ \t\r"\047]/, "", name)
      if (start && !end) end = NR
      if (!start && name == "[plugins." nri "]") start = NR
    }
    END {
      if (!end) end = NR + 1
      for (n = start + 1; start && n < end; n++)
        if (line[n] ~ "^[ \t]*" key "[ \t]*=") { sub(/=[ \t]*[a-z]+/, "= false", line[n]); found = 1 }
      for (n = 1; n <= NR; n++) {
        print line[n]
        if (n == start && !found) print "  " key " = false"
      }
      if (!start) print "\n[plugins.\"" nri "\"]\n  " key " = false"
    }' "$1"
}

# FILE: the version of its format; without one, what containerd 1.7 and 2 both read.
version_of() {
  local version
  version=$(sed -n 's/^[ \t]*version[ \t]*=[ \t]*\([0-9][0-9]*\).*/\1/p' "$root$1")
  printf '%s' "${version:-2}"
}

# FILE: the folder of files that it imports, if it imports all of a folder.
imported_folder() {
  local pattern
  pattern=$(sed -n "s/^[ \t]*imports[ \t]*=.*[\"']\([^\"'*]*\)\/\*\.toml[\"'].*/\1/p" "$root$1")
  case $pattern in
    '' | /*) printf '%s' "$pattern" ;;
    *) printf '%s/%s' "${1%/*}" "$pattern" ;;
  esac
}

# EXECUTABLE ID FLAG...: what the doctor finds: level, what was found, and what to do about it first; with tabs between them. For
# each finding where ID is left out, with its id in front.
examine() {
  local report
  report=$("$1" doctor --host-root "${root:-/}" --json "${@:3}") || [ $? -le 2 ] || fail "$1 doctor failed"
  printf '%s\n' "$report" | awk -v wanted="${2-}" '
    function text(line) {
      sub(/^ *"[a-z]+": "/, "", line); sub(/",?$/, "", line)
      gsub(/\\"/, "\"", line); gsub(/\\\\/, "\\", line)
      return line
    }
    function tell() {
      if (id == "" || (wanted != "" && id != wanted)) return
      print (wanted == "" ? id "\t" : "") level "\t" found "\t" what
    }
    /^ *"id": / { tell(); id = text($0); level = found = what = "" }
    /^ *"level": / { level = text($0) }
    /^ *"found": / { found = text($0) }
    /^ *"what": / { if (what == "") what = text($0) }
    END { tell() }'
}

# EXECUTABLE: tells what else the doctor finds wrong; NRI is configured here, and its socket comes with the runtime's restart.
tell_problems() {
  examine "$1" | awk -F '\t' '
    ($2 == "error" || $2 == "warning") && $1 != "nri-config" && $1 != "nri-socket" { print $2 ": " $3; found = 1 }
    END { if (found) print "How to put that right, tells: weka-cpuset doctor" }' >&2
}
