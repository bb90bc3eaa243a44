#!/bin/bash
# run.sh [SHAPE [TEST...]]: boots a virtual machine with many CPUs, runs the test files in it (default: those beside this file
# and that about restarts of test/e2e) on the product as built, and shows what they say. Logs: .cache/vm-logs/SHAPE.
# Shapes, all of two packages with two nodes each:
#   16, 32            so many CPUs, siblings with adjacent numbers, one last-level cache for each package
#   16d, 32d          one for each node
#   ...-apart         siblings with distant numbers: 0 and 8, 1 and 9 of 16
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
cache=$project/.cache/vm
limit=${LIMIT:-1800}
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
qemu=
trap 'if [ -n "$qemu" ]; then kill "$qemu" 2>/dev/null || true; fi; rm -rf "$work"' EXIT

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

# boot INITRD APPEND DISK [READ-ONLY-DISK...]: runs the machine until it switches itself off.
boot() {
  local initrd=$1 append=$2 disks=(-drive "file=$3,if=none,id=d0,format=raw,cache=unsafe" -device virtio-blk-pci,drive=d0)
  local number=0 disk
  for disk in "${@:4}"; do
    number=$((number + 1))
    disks+=(-drive "file=$disk,if=none,id=d$number,format=raw,readonly=on" -device "virtio-blk-pci,drive=d$number")
  done
  # Of the CPU models with SMT under emulation this is a recent one; what it cannot emulate it warns of.
  local command=(qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot
    -machine q35,usb=off -accel tcg,thread=multi,tb-size=512 -cpu Skylake-Server "${machine[@]}"
    -kernel "$cache/vmlinuz" -initrd "$initrd"
    -append "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr random.trust_cpu=on nowatchdog $append"
    -serial stdio -monitor none "${disks[@]}")
  # QEMU 7.2 of Debian 12 sometimes crashes or hangs while the machine's CPUs start: then it starts once more. What happens
  # later, when there are tests, happens once.
  local attempt second
  for attempt in 1 2 3; do
    timeout -k 5 "$limit" "${command[@]}" </dev/null >"$work/console" 2>"$work/qemu.log" &
    qemu=$!
    for ((second = 0; second < 60; second++)); do
      if grep -q '^== booted' "$work/console" || ! kill -0 "$qemu" 2>/dev/null; then break; fi
      sleep 1
    done
    if grep -q '^== booted' "$work/console"; then
      tail -n +1 -f --pid="$qemu" "$work/console" | sed -u 's/\r$//'
      wait "$qemu" || echo "QEMU ended with status $?" >&2
      return 0
    fi
    kill "$qemu" 2>/dev/null || true
    wait "$qemu" || true
    grep -v "TCG doesn't support requested feature" "$work/qemu.log" >&2 || true
    echo "The virtual machine did not boot, attempt $attempt" >&2
  done
  exit 1
}

initrd=$cache/initrd.img
if [ "$shape" != "${shape%-apart}" ]; then
  # The kernel numbers CPUs in the order of a table of the firmware, and takes another one from its initial RAM disk.
  truncate -s 64K "$work/madt.img"
  boot "$initrd" MADT=dump "$work/madt.img"
  mkdir -p "$work/early/kernel/firmware/acpi"
  node --import tsx "$here/renumber-cpus.ts" "$work/madt.img" "$work/early/kernel/firmware/acpi/madt.aml"
  (cd "$work/early" && find kernel | "$cache/busybox" cpio -o -H newc 2>/dev/null) | cat - "$initrd" >"$work/initrd.img"
  initrd=$work/initrd.img
fi

# The tests and the product, laid out as in the project.
guest=$work/project
mkdir -p "$guest/test/vm"
npx esbuild "${tests[@]}" --bundle --platform=node --target=node20 --format=cjs --log-level=warning \
  --define:import.meta.dirname=__dirname --outdir="$guest/test/vm/bundle" --entry-names=[name] --out-extension:.js=.cjs
cp "$here/../e2e/harness/cri.proto" "$guest/test/vm/bundle/"
cp -r "$project/bin" "$guest/"
cp -r "$project/dist" "$guest/"
rm -f "$guest"/dist/*.map
ln -s /opt/cache "$guest/.cache"
"$here/image.sh" "$guest" "$work/project.img"
truncate -s 64M "$work/out.img"

boot "$initrd" "SHAPE=$shape E2E_PATIENCE=10 E2E_RELEASE=2" "$work/out.img" "$cache/root.img" "$work/project.img"
logs=$project/.cache/vm-logs/$shape
rm -rf "$logs"
mkdir -p "$logs"
tar -C "$logs" -xf "$work/out.img" 2>/dev/null || true
if [ ! -e "$logs/status" ]; then
  echo "The virtual machine ended before its tests did; it has $limit s (LIMIT)" >&2
  exit 1
fi
exit "$(cat "$logs/status")"
