#!/bin/bash
# Sets K3s up for weka-nri-cpuset, on this node or on the nodes of a cluster; docs/install.md tells more.

folder=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../host/lib.sh
. "$folder/../host/lib.sh"
record=k3s

usage() {
  cat <<EOF
Installs weka-nri-cpuset on nodes of K3s: switches NRI on in K3s's containerd, sets the kubelet's CPU manager to none, has
containerd start the plugin, restarts K3s and waits until the plugin is ready. Containers go on running.

Usage: $program [FLAGS]                      this node, as root
       $program --kubeconfig FILE [FLAGS]    all nodes of a cluster, one after the other, over ssh

  --kubeconfig FILE    the cluster
  --single-node NODE   only this node of it: its name, or its place in the list of nodes, from 0
  --ssh-username USER  who to be on the nodes; others than root need sudo without a password (default root)
  --executable FILE    default: weka-cpuset-linux-x64 or -arm64, beside this script, in ../host or in ../../bin
  --config FILE        settings, as YAML; default: those that are there, or none
  --uninstall          put back what was there before
  --restart            restart K3s in any case; default: if something was changed
  --no-restart         leave the restart to somebody else
  --data-dir DIR       of K3s (default $data_dir)
  --root DIR           in the tree of files below DIR, without a restart
  --dry-run            only tell what would be done
EOF
}

executable_folders=("$folder" "$folder/../host" "$folder/../../bin")
data_dir=/var/lib/rancher/k3s
kubeconfig=
node=
user=root
executable=
settings=
uninstalls=false
restarts=
while [ $# -gt 0 ]; do
  case $1 in
    --kubeconfig | --single-node | --ssh-username | --executable | --config | --data-dir | --root) need_value "$@" ;;
  esac
  case $1 in
    --kubeconfig) kubeconfig=$2 && shift ;;
    --single-node) node=$2 && shift ;;
    --ssh-username) user=$2 && shift ;;
    --executable) executable=$2 && shift ;;
    --config) settings=$2 && shift ;;
    --data-dir) data_dir=${2%/} && shift ;;
    --root) root=$2 && shift ;;
    --uninstall) uninstalls=true ;;
    --restart) restarts=true ;;
    --no-restart) restarts=false ;;
    --dry-run) dry_run=true ;;
    -h | --help) usage && exit ;;
    *) bad_use "unknown flag $1" ;;
  esac
  shift
done
[ -n "$kubeconfig" ] || [ -z "$node" ] || bad_use '--single-node is a node of the cluster that --kubeconfig names'
[ -z "$kubeconfig" ] || [ -f "$kubeconfig" ] || fail "--kubeconfig $kubeconfig: there is no such file"
[ -z "$settings" ] || [ -f "$settings" ] || fail "--config $settings: there is no such file"

# --- A node ---

readonly config_file=/etc/rancher/k3s/config.yaml
readonly kubelet_file=$config_file.d/99-weka-cpuset.yaml
readonly cpu_state=/var/lib/kubelet/cpu_manager_state

# The service that is K3s here.
find_service() {
  local name unit_folder
  for name in k3s k3s-agent; do
    for unit_folder in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
      if exists "$unit_folder/$name.service"; then
        printf '%s' "$name"
        return
      fi
    done
  done
  fail 'there is no k3s.service or k3s-agent.service; with --no-restart, K3s can be restarted by hand'
}

# K3s writes containerd's configuration at each start: from a template of its own, which newer versions let import a folder of
# files, or from one that is here. The template is of the version of the format that it has now.
switch_nri_on() {
  local containerd=$data_dir/agent/etc/containerd imported file version
  [ -f "$root$containerd/config.toml" ] ||
    fail "$containerd/config.toml is missing: K3s with its own containerd has not run here (see --data-dir)"
  version=$(version_of "$containerd/config.toml")
  if [ "$version" -ge 3 ]; then file=$containerd/config-v3.toml.tmpl; else file=$containerd/config.toml.tmpl; fi
  imported=$(imported_folder "$containerd/config.toml")
  if exists "$file" && grep -q "$nri" "$root$file"; then
    with_nri "$root$file" disable >"$scratch/containerd"
  elif [ -n "$imported" ]; then
    file=$imported/99-weka-cpuset.toml
    echo "version = $version" | with_nri - disable >"$scratch/containerd"
  elif grep -q "$nri" "$root$containerd/config.toml"; then
    with_nri "$root$containerd/config.toml" disable | cmp -s - "$root$containerd/config.toml" ||
      fail "K3s itself switches NRI off in $containerd/config.toml: change $file, which it is made from"
    return
  elif exists "$file"; then
    with_nri "$root$file" disable >"$scratch/containerd"
  else
    echo '{{ template "base" . }}' | with_nri - disable >"$scratch/containerd"
  fi
  put "$scratch/containerd" "$file" 644
}

# K3s adds what is under `kubelet-arg+` in a drop-in to what its files before have, and the kubelet takes the last.
end_cpu_manager() {
  local command_line options
  command_line=$(grep -rlsE 'cpu-manager-policy[= ]+static' "$root"/etc/systemd/system/k3s* | head -n 1) || true
  [ -z "$command_line" ] ||
    fail "$command_line has cpu-manager-policy=static on the command line of K3s, which counts more than its files: take it out"
  options=$(grep -rlsE 'cpu-manager-policy-options' "$root"/etc/systemd/system/k3s* "$root$config_file" "$root$config_file.d" | head -n 1) || true
  [ -z "$options" ] ||
    fail "$options has cpu-manager-policy-options, with which the kubelet does not start when its CPU manager is none: take it out"
  printf 'kubelet-arg+:\n  - cpu-manager-policy=none\n' >"$scratch/kubelet"
  put "$scratch/kubelet" "$kubelet_file" 644
  if $dry_run; then return; fi
  if [[ $(examine "$executable" kubelet-cpu-manager) == *'cpuManagerPolicy is static.'* ]]; then
    undo "$kubelet_file"
    fail "a file in $config_file.d that is read after $kubelet_file sets kubelet-arg anew, with a static CPU manager"
  fi
}

# A kubelet does not start with what a CPU manager of another policy has left. Containers go on while K3s is down.
restart() {
  if $dry_run; then
    say "would restart  $service"
    return
  fi
  try systemctl stop "$service"
  if $uninstalls || ! grep -qs '"policyName":"none"' "$root$cpu_state"; then rm -f "$root$cpu_state"; fi
  try systemctl start "$service"
  say "restarted  $service"
}

# Waits until the plugin is registered and knows the containers.
verify() {
  local try answer
  for try in $(seq 60); do
    if answer=$("$plugin_file" status 2>&1); then
      say "The plugin is ready."
      return
    fi
    sleep 1
  done
  fail "the plugin is not ready after $try s: $answer"
}

change_node() {
  local always=$restarts elsewhere
  check_root
  elsewhere=$({ cat "$root$config_file" "$root$config_file".d/*.y*ml 2>/dev/null || true; } |
    sed -n 's/^data-dir:[ "\x27]*\([^ "\x27#]*\).*/\1/p' | tail -n 1)
  [ -z "$elsewhere" ] || [ "$elsewhere" = "$data_dir" ] || fail "$config_file has K3s's data in $elsewhere: --data-dir $elsewhere"
  if [ -z "$restarts" ] && [ -z "$root" ]; then restarts=true; fi
  if [ "$restarts" = true ]; then service=$(find_service); fi
  if $uninstalls; then
    undo_all
  else
    [ -n "$executable" ] || executable=$(find_executable "$(architecture)" "${executable_folders[@]}")
    check_executable "$executable"
    [ -z "$settings" ] || check_settings "$executable" "$settings"
    switch_nri_on
    end_cpu_manager
    put_settings "${settings:-$folder/../host/weka-cpuset.conf}" ${settings:+--replace}
    put_plugin "$executable"
  fi
  if ! $changed; then say 'Nothing had to be changed.'; fi
  if [ "$always" = true ] || { $changed && [ "$restarts" = true ]; }; then
    restart
  elif $changed; then
    say 'It takes effect when K3s is restarted.'
  fi
  if $uninstalls || $dry_run || [ -n "$root" ] || [ "$restarts" != true ]; then return; fi
  verify
  tell_problems "$executable"
}

# --- A cluster ---

# A line for each node: name, address and architecture, with tabs between them.
list_nodes() {
  kubectl --kubeconfig "$kubeconfig" get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"\t"}{.status.addresses[?(@.type=="InternalIP")].address}{"\t"}{.status.nodeInfo.architecture}{"\n"}{end}'
}

# NAME ADDRESS ARCHITECTURE: runs this script there, with all that it needs.
change_other_node() {
  local name=$1 address=${2%% *} architecture=${3/amd64/x64} bundle=$scratch/bundle flags=() shell sudo=
  try rm -rf "$bundle"
  try mkdir -p "$bundle/k3s" "$bundle/host"
  try cp "$folder/$program" "$bundle/k3s/"
  try cp "$folder/../host/lib.sh" "$folder/../host/weka-cpuset.conf" "$bundle/host/"
  if $uninstalls; then
    flags+=(--uninstall)
  else
    try cp "${executable:-$(find_executable "$architecture" "${executable_folders[@]}")}" "$bundle/weka-cpuset"
    flags+=(--executable ./weka-cpuset)
  fi
  if [ -n "$settings" ]; then try cp "$settings" "$bundle/settings" && flags+=(--config settings); fi
  if $dry_run; then flags+=(--dry-run); fi
  case $restarts in
    true) flags+=(--restart) ;;
    false) flags+=(--no-restart) ;;
  esac
  if [ -n "$root" ]; then flags+=(--root "$root"); fi
  flags+=(--data-dir "$data_dir")
  shell=(ssh -o BatchMode=yes "$user@$address")
  if [ "$name" = "$(hostname | tr '[:upper:]' '[:lower:]')" ] && [ -d "$root$data_dir" ]; then
    shell=(bash -c)
  elif [ "$user" != root ]; then
    sudo='sudo -n'
  fi
  # Not in /tmp, where many hosts let nothing be executed.
  tar -cC "$bundle" . | "${shell[@]}" "set -e; cd \"\$(mktemp -d ~/weka-cpuset.XXXXXX)\"; tar -xm; status=0
    $sudo bash k3s/$program $(printf '%q ' "${flags[@]}") || status=\$?
    rm -rf \"\$PWD\"; exit \$status"
}

change_cluster() {
  local nodes chosen=() position line name address architecture
  command -v kubectl >/dev/null || fail 'kubectl is needed with --kubeconfig'
  nodes=$(list_nodes) || fail "the nodes of $kubeconfig cannot be listed"
  mapfile -t nodes <<<"$nodes"
  for position in "${!nodes[@]}"; do
    line=${nodes[position]}
    if [ -z "$node" ] || [ "${line%%$'\t'*}" = "$node" ] || [ "$position" = "$node" ]; then chosen+=("$line"); fi
  done
  [ ${#chosen[@]} -gt 0 ] || fail "--single-node $node: the cluster has ${nodes[*]%%$'\t'*}"
  for line in "${chosen[@]}"; do
    IFS=$'\t' read -r name address architecture <<<"$line"
    say "--- $name"
    change_other_node "$name" "$address" "$architecture" || fail "$name could not be changed; nodes after it were not touched"
    if ! $dry_run; then
      kubectl --kubeconfig "$kubeconfig" wait --for=condition=Ready "node/$name" --timeout=300s </dev/null ||
        fail "$name did not become ready; nodes after it were not touched"
    fi
  done
}

if [ -n "$kubeconfig" ]; then change_cluster; else change_node; fi
