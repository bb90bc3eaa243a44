#!/bin/bash
# Makes in .cache/vm what a virtual machine with many CPUs is booted from: the kernel of Debian's cloud images, an initial
# RAM disk and a root file system with node, containerd and runc, those of the end-to-end tests. QEMU is installed if it
# is missing. Does nothing when everything is there already.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
cache=$project/.cache/vm
e2e=$project/.cache/e2e

fail() {
  echo "test/vm/setup.sh: $*" >&2
  exit 1
}

# shellcheck source=/dev/null
. /etc/os-release
[ "${ID-} ${VERSION_CODENAME-} $(uname -m)" = 'debian bookworm x86_64' ] ||
  fail "the virtual machine is made from Debian packages and needs Debian 12 on x86_64, this is ${PRETTY_NAME-unknown} on $(uname -m)"
[ "$(id -u)" = 0 ] || fail 'what is missing for the virtual machine is installed with apt: run this as root'

"$here/../e2e/setup.sh"
node=$(readlink -f "$(command -v node)")
made_by=$(cat "$0" "$here/guest-init" "$here/initrd-init" "$e2e/made-by" <("$node" --version) | sha256sum)
missing=()
command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
command -v mke2fs >/dev/null || missing+=(e2fsprogs)
command -v ldd >/dev/null || missing+=(libc-bin)
if [ "$(cat "$cache/made-by" 2>/dev/null)" = "$made_by" ] && [ ${#missing[@]} = 0 ]; then exit 0; fi

echo 'Fetching a kernel for the virtual machine, and QEMU if it is missing' >&2
export DEBIAN_FRONTEND=noninteractive
work=$cache.new
rm -rf "$work"
mkdir -p "$work"/packages "$work"/kernel "$work"/busybox
trap 'rm -rf "$work"' EXIT
apt-get -qq update >&2 || fail 'apt cannot read its package lists'
if [ ${#missing[@]} -gt 0 ]; then
  apt-get -qq install -y --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 ||
    fail "apt cannot install ${missing[*]}: $(tail -n 3 "$work/apt.log")"
fi

image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$image" ] || fail 'apt knows no linux-image-cloud-amd64'
(cd "$work/packages" && apt-get -qq -oAPT::Sandbox::User=root download "$image" busybox-static >&2) ||
  fail "apt cannot download $image and busybox-static"
# In the order in which they need one another.
modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk overlay)
patterns=("${modules[@]/%/.ko}")
dpkg-deb --fsys-tarfile "$work"/packages/linux-image-*.deb |
  tar -C "$work/kernel" -x --wildcards './boot/vmlinuz-*' "${patterns[@]/#/*/}"
dpkg -x "$work"/packages/busybox-static*.deb "$work/busybox"
cp "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
busybox=$(find "$work/busybox" -name busybox -type f -perm -u+x)

# The initial RAM disk: it loads the drivers of the disks and goes on in the root file system.
initrd=$work/initrd
mkdir -p "$initrd"/bin "$initrd"/dev "$initrd"/proc "$initrd"/sys "$initrd"/root "$initrd"/modules
cp "$busybox" "$initrd/bin/"
for module in "${modules[@]}"; do
  find "$work/kernel" -name "$module.ko" -exec cp {} "$initrd/modules/" \;
  [ -e "$initrd/modules/$module.ko" ] || fail "$image has no module $module"
  echo "$module" >>"$initrd/modules/order"
done
install -m 755 "$here/initrd-init" "$initrd/init"
(cd "$initrd" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$work/initrd.img"

# The root file system. What the tests write goes to memory.
root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,run,tmp,var,root,project,etc,opt/cache/e2e,usr/bin,usr/sbin,sbin}
cp "$busybox" "$root/bin/"
for applet in $("$busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
cp "$node" "$root/usr/bin/node"
cp -r "$e2e"/containerd-2 "$e2e"/bin "$e2e"/image.tar "$e2e"/made-by "$root/opt/cache/e2e/"
ln -s /run/out/logs "$root/opt/cache/e2e-logs"
find "$root/usr/bin/node" "$root"/opt/cache/e2e/*/ -type f -exec ldd {} \; 2>/dev/null | grep -oE '/[^ ]+' | grep -v ':$' | sort -u |
  while read -r library; do cp -L --parents "$library" "$root"; done
install -m 755 "$here/guest-init" "$root/init"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
# The runtime gives its containers a copy.
touch "$root/etc/resolv.conf"
"$here/image.sh" "$root" "$work/root.img"

rm -rf "$cache"
mkdir -p "$cache"
mv "$work/vmlinuz" "$work/initrd.img" "$work/root.img" "$busybox" "$cache/"
echo "$made_by" >"$cache/made-by"
