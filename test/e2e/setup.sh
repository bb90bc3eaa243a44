#!/bin/bash
# Fetches what the end-to-end tests run against into .cache/e2e: containerd 2 (of Debian sid) and 1.7 (of Debian
# trixie), and of this Debian 12 itself runc and a static busybox, of which it makes the one image the tests use.
# Nothing is installed and the machine's apt configuration is only read. Does nothing when everything is there already.
set -euo pipefail

cache=$(cd "$(dirname "$0")/../.." && pwd)/.cache/e2e
image=localhost/weka-cpuset-e2e:1

fail() {
  echo "test/e2e/setup.sh: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail 'the end-to-end tests run a real container runtime: run them as root'

made_by=$(sha256sum <"$0")
if [ "$(cat "$cache/made-by" 2>/dev/null)" = "$made_by" ]; then exit 0; fi

# shellcheck source=/dev/null
. /etc/os-release
if [ "${ID-} ${VERSION_CODENAME-}" != 'debian bookworm' ]; then
  fail "the container runtimes come from Debian packages and need Debian 12, this is ${PRETTY_NAME-unknown}"
fi

work=$cache.new
rm -rf "$work"
mkdir -p "$work"/apt/lists/partial "$work"/packages "$work"/unpacked "$work"/bin
trap 'rm -rf "$work"' EXIT

# The mirror this machine uses, as apt itself understands its sources, whichever of the two formats they have.
mirrors=$(apt-get update --print-uris "-oDir::State::Lists=$work/apt/lists" |
  sed -n "s|^'\(.*\)/dists/bookworm/InRelease' .*|\1|p")
mirror=${mirrors%%$'\n'*}
[ -n "$mirror" ] || fail "apt's sources name no mirror of Debian 12 (bookworm)"

for suite in bookworm trixie sid; do
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
    "$mirror" "$suite" /usr/share/keyrings/debian-archive-keyring.gpg
done >"$work/apt/all.sources"
apt=(apt-get -qq
  "-oDir::Etc::sourcelist=$work/apt/all.sources" -oDir::Etc::sourceparts=/nonexistent
  "-oDir::State::Lists=$work/apt/lists" -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache=
  -oAcquire::Languages=none -oAPT::Sandbox::User=root -oAPT::Update::Error-Mode=any)
echo 'Fetching containerd, runc and busybox for the end-to-end tests' >&2
"${apt[@]}" update >&2 || fail "apt cannot read the package lists of $mirror"

fetch() { # PACKAGE SUITE: unpacks it and prints the folder
  local folder=$work/packages/$1-$2
  mkdir "$folder" "$work/unpacked/$1-$2"
  (cd "$folder" && "${apt[@]}" download "$1/$2" >&2) || fail "apt cannot download $1 of $2 from $mirror"
  dpkg -x "$folder"/*.deb "$work/unpacked/$1-$2"
  echo "$work/unpacked/$1-$2"
}

for release in 2-sid 1.7-trixie; do
  from=$(fetch containerd "${release#*-}")
  to=$work/containerd-${release%-*}
  mkdir "$to"
  cp "$from"/usr/bin/containerd "$from"/usr/bin/containerd-shim-runc-v2 "$from"/usr/bin/ctr "$to/"
  "$to/containerd" --version >/dev/null || fail "containerd ${release%-*} of Debian ${release#*-} does not run here"
done

from=$(fetch runc bookworm)
cp "$from/usr/sbin/runc" "$work/bin/"
"$work/bin/runc" --version >/dev/null || fail 'runc of Debian 12 does not run here'
busybox=$(fetch busybox-static bookworm)

# An image archive in the OCI layout, by hand: one layer with busybox in it.
mkdir -p "$work"/image/blobs/sha256 "$work"/rootfs/bin "$work"/rootfs/etc "$work"/rootfs/tmp
find "$busybox" -name busybox -type f -perm -u+x -exec cp {} "$work/rootfs/bin/" \;
for applet in sh sleep; do ln -s busybox "$work/rootfs/bin/$applet"; done
echo 'root:x:0:0:root:/:/bin/sh' >"$work/rootfs/etc/passwd"

blob() { # MEDIA-TYPE FILE [MORE-FIELDS]: stores the file and prints its descriptor
  local digest
  digest=$(sha256sum <"$2" | cut -d ' ' -f 1)
  cp "$2" "$work/image/blobs/sha256/$digest"
  printf '{"mediaType":"%s","digest":"sha256:%s","size":%s%s}' "$type.$1" "$digest" "$(stat -c %s "$2")" "${3-}"
}

type=application/vnd.oci.image
platform="\"os\":\"linux\",\"architecture\":\"$(dpkg --print-architecture)\""
tar -C "$work/rootfs" --owner=0 --group=0 --numeric-owner -cf "$work/layer" .
printf '{%s,"config":{"Env":["PATH=/bin"],"Cmd":["sleep","2147483647"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
  "$platform" "$(sha256sum <"$work/layer" | cut -d ' ' -f 1)" >"$work/config"
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":%s,"layers":[%s]}' \
  "$type" "$(blob config.v1+json "$work/config")" "$(blob layer.v1.tar "$work/layer")" >"$work/manifest"
printf '{"schemaVersion":2,"manifests":[%s]}' "$(blob manifest.v1+json "$work/manifest" \
  ",\"platform\":{$platform},\"annotations\":{\"io.containerd.image.name\":\"$image\"}")" >"$work/image/index.json"
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
tar -C "$work/image" -cf "$work/image.tar" oci-layout index.json blobs

rm -rf "$cache"
mkdir -p "$cache"
mv "$work"/containerd-* "$work/bin" "$work/image.tar" "$cache/"
echo "$made_by" >"$cache/made-by"
