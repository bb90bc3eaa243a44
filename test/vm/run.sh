#!/bin/bash
# run.sh [SHAPE [TEST...]]: boots a virtual machine with many CPUs, runs the test files in it (default: those beside this file
# and that about restarts of test/e2e) on the product as built, and shows what they say. Logs: .cache/vm-logs/SHAPE.
# Shapes, all of two packages with two nodes each:
#   16, 32            so many CPUs, siblings with adjacent numbers, one last-level cache for each package
#   16d, 32d          one for each node
#   ...-apart         siblings with distant numbers: 0 and 8, 1 and 9 of 16
# LIMIT: seconds that a test file may take. A file that fails has failed. Only when the machine itself dies, the files that
# had not ended are run again in a new one.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
cache=$project/.cache/vm
limit=${LIMIT:-1200}
shape=${1:-16}
shift $(($# > 0))
tests=("$@")
[ $# -gt 0 ] || tests=("$here"/*.test.ts "$here"/../e2e/lifecycle.test.ts)

case ${shape%-apart} in
  16) dies=1 cores=4 ;; # of each package, and of each die
  16d) dies=2 cores=2 ;;
  32) dies=1 cores=8 ;;
  32d) dies=2 cores=4 ;;
  *)
    echo "There is no shape $shape: it is 16, 16d, 32 or 32d, with or without -apart" >&2
    exit 2
    ;;
esac
packages=2 nodes=4 threads=2
cpus=$((packages * dies * cores * threads))
work=$(mktemp -d "$cache-run.XXXXXX")
logs=$project/.cache/vm-logs/$shape
rm -rf "$logs"
mkdir -p "$logs"
boots=0 deaths=0
# So many seconds without a sign of life are too many: there is one every 5 s as seen from inside.
silence=300
qemu=

# Takes from the machine's disk and console what it has written so far.
collect() {
  if [ -e "$work/console" ]; then cp "$work/console" "$logs/console-$boots.log"; fi
  if [ ! -e "$work/out.img" ]; then return; fi
  mkdir -p "$work/out"
  debugfs -R "rdump / $work/out" "$work/out.img" 2>/dev/null
  cp -r "$work/out/logs/." "$logs"
}
finish() {
  if [ -n "$qemu" ]; then
    kill -KILL "$qemu" 2>/dev/null || true
    wait "$qemu" 2>/dev/null || true
    collect
  fi
  rm -rf "$work"
}
trap finish EXIT

machine=(-smp "$cpus,sockets=$packages,dies=$dies,cores=$cores,threads=$threads" -m $((nodes * 1024))M)
for ((node = 0; node < nodes; node++)); do
  machine+=(-object "memory-backend-ram,id=m$node,size=1G" -numa "node,nodeid=$node,memdev=m$node")
done
for ((core = 0; core < packages * dies * cores; core++)); do
  place=socket-id=$((core / (dies * cores))),core-id=$((core % cores))
  if ((dies > 1)); then place+=,die-id=$((core / cores % dies)); fi
  machine+=(-numa "cpu,node-id=$((core * nodes / (packages * dies * cores))),$place")
done
for ((from = 0; from < nodes; from++)); do
  for ((to = 0; to < nodes; to++)); do
    distance=21
    if ((from == to)); then distance=10; elif ((from * packages / nodes == to * packages / nodes)); then distance=12; fi
    machine+=(-numa "dist,src=$from,dst=$to,val=$distance")
  done
done

# boot INITRD APPEND DISK [READ-ONLY-DISK...]: runs the machine until it switches itself off, or dies: QEMU crashes or hangs, or
# the machine's kernel does. Whoever calls it sees from the disk whether all has been done.
boot() {
  local initrd=$1 append=$2 writable=$3 disks=() options=cache=unsafe disk
  for disk in "${@:3}"; do
    local id=d$((${#disks[@]} / 4))
    disks+=(-drive "file=$disk,if=none,id=$id,format=raw,$options" -device "virtio-blk-pci,drive=$id")
    options=readonly=on
  done
  boots=$((boots + 1))
  : >"$work/console"
  # A slow machine is no broken one: its kernel is neither to test whether timers keep time, nor to complain of CPUs that are late.
  local kernel='console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr random.trust_cpu=on nowatchdog'
  kernel+=' no_timer_check tsc=reliable rcupdate.rcu_cpu_stall_suppress=1'
  # Of the CPU models with SMT under emulation this is a recent one; what it cannot emulate it warns of.
  setpriv --pdeathsig KILL qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
    -machine 'q35,usb=off' -accel 'tcg,thread=multi,tb-size=512' -cpu Skylake-Server "${machine[@]}" \
    -kernel "$cache/vmlinuz" -initrd "$initrd" \
    -append "$kernel $append" \
    -serial stdio -monitor none "${disks[@]}" </dev/null >"$work/console" 2>"$work/qemu.log" &
  qemu=$!
  tail -n +1 -f --pid="$qemu" "$work/console" | sed -u "s/\r$//; s/^/$shape: /" &
  local show=$! status=0
  while kill -0 "$qemu" 2>/dev/null; do
    sleep 1
    if (($(date +%s) - $(stat -c %Y "$work/console" "$writable" | sort -n | tail -n 1) > silence)); then
      echo "$shape: !! The virtual machine has given no sign of life for $silence s" >&2
      kill -KILL "$qemu" || true
    fi
  done
  wait "$qemu" || status=$?
  wait "$show"
  collect
  qemu=
  if ((status > 0)); then
    echo "$shape: !! QEMU ended with status $status" >&2
    grep -v "TCG doesn't support requested feature" "$work/qemu.log" >&2 || true
  fi
}

# again WHAT: tells that the machine ended before WHAT was done, and gives up if that happens too often.
again() {
  deaths=$((deaths + 1))
  echo "$shape: !! The virtual machine died before its time: $1" >&2
  if ((deaths < 4)); then return; fi
  echo "$shape: !! It does so always: giving up" >&2
  exit 1
}

initrd=$cache/initrd.img
if [ "$shape" != "${shape%-apart}" ]; then
  # The kernel numbers CPUs in the order of a table of the firmware, and takes another one from its initial RAM disk.
  truncate -s 64K "$work/madt.img"
  until
    boot "$initrd" MADT=dump "$work/madt.img"
    [ -n "$(head -c 4 "$work/madt.img" | tr -d '\0')" ]
  do again 'it has to tell its table of processors'; done
  mkdir -p "$work/early/kernel/firmware/acpi"
  node --import tsx "$here/renumber-cpus.ts" "$work/madt.img" "$work/early/kernel/firmware/acpi/madt.aml"
  (cd "$work/early" && find kernel | "$cache/busybox" cpio -o -H newc 2>/dev/null) | cat - "$initrd" >"$work/initrd.img"
  initrd=$work/initrd.img
fi

names=()
for test in "${tests[@]}"; do names+=("$(basename "$test" .test.ts)"); done

# The tests and the product, laid out as in the project.
guest=$work/project
mkdir -p "$guest/test/vm"
npx esbuild "${tests[@]}" --bundle --platform=node --target=node20 --format=cjs --log-level=warning \
  --define:import.meta.dirname=__dirname --outdir="$guest/test/vm/bundle" --entry-names=[name] --out-extension:.js=.cjs
cp "$here/../e2e/harness/cri.proto" "$guest/test/vm/bundle/"
mkdir "$guest/bin"
cp "$project/bin/weka-cpuset" "$guest/bin/"
cp -r "$project/dist" "$guest/"
rm -f "$guest"/dist/*.map
ln -s /opt/cache "$guest/.cache"
"$here/image.sh" "$guest" "$work/project.img"

failed=0
while true; do
  rm -rf "$work/disk" "$work/out"
  mkdir -p "$work/disk/logs" "$work/disk/results"
  truncate -s 64M "$work/out.img"
  mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d "$work/disk" "$work/out.img"
  boot "$initrd" "SHAPE=$shape TESTS=$(IFS=,; echo "${names[*]}") LIMIT=$limit E2E_PATIENCE=20 E2E_RELEASE=2" \
    "$work/out.img" "$cache/root.img" "$work/project.img"
  left=()
  for name in "${names[@]}"; do
    result=$work/out/results/$name
    # A file that had not ended, but in which a test had failed, has failed.
    if [ ! -s "$result" ] && ! grep -qs ✖ "$work/out/logs/$name.log"; then
      left+=("$name")
    elif [ "$(cat "$result" 2>/dev/null)" != 0 ]; then
      failed=1
    fi
  done
  if [ ${#left[@]} = 0 ]; then exit $failed; fi
  names=("${left[@]}")
  again "running ${names[*]}"
done
