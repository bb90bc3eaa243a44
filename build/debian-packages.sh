#!/bin/bash
# Usage: debian-packages.sh ARCHITECTURE FOLDER PACKAGE...
# Fetches packages of Debian 12, with its security updates, for an architecture, and unpacks them to FOLDER/root,
# with their descriptions in FOLDER/control. Nothing is installed and the machine's apt configuration is only read. Does
# nothing when FOLDER is there and made by the same call of the same script.
set -euo pipefail

architecture=$1
folder=$2
shift 2

fail() {
  echo "build/debian-packages.sh: $*" >&2
  exit 1
}

made_by=$(sha256sum "$0" | cut -d ' ' -f 1)\ $architecture\ $*
if [ "$(cat "$folder/made-by" 2>/dev/null)" = "$made_by" ]; then exit 0; fi

work=$folder.new
rm -rf "$work"
mkdir -p "$work/apt/lists/partial" "$work/downloads" "$work/root" "$work/control"
work=$(cd "$work" && pwd)
trap 'rm -rf "$work"' EXIT

# The mirrors this machine uses, as apt itself understands its sources.
for suite in bookworm bookworm-security; do
  mirrors=$(apt-get update --print-uris "-oDir::State::Lists=$work/apt/lists" |
    sed -n "s|^'\(.*\)/dists/$suite/InRelease' .*|\1|p")
  [ -n "$mirrors" ] || fail "apt's sources name no mirror of Debian 12 ($suite)"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
    "${mirrors%%$'\n'*}" "$suite" /usr/share/keyrings/debian-archive-keyring.gpg
done >"$work/apt/all.sources"
apt=(apt-get -qq "-oAPT::Architecture=$architecture" "-oAPT::Architectures=$architecture"
  "-oDir::Etc::sourcelist=$work/apt/all.sources" -oDir::Etc::sourceparts=/nonexistent
  "-oDir::State::Lists=$work/apt/lists" -oDir::State::status=/dev/null
  -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache=
  -oAcquire::Languages=none -oAPT::Sandbox::User=root -oAPT::Update::Error-Mode=any)
"${apt[@]}" update >&2 || fail "apt cannot read the package lists for $architecture"
(cd "$work/downloads" && "${apt[@]}" download "$@" >&2) || fail "apt cannot download for $architecture: $*"

for package in "$work"/downloads/*.deb; do
  dpkg-deb --extract "$package" "$work/root"
  dpkg-deb --field "$package" >"$work/control/$(dpkg-deb --field "$package" Package)"
done
rm -r "$work/apt" "$work/downloads"
echo "$made_by" >"$work/made-by"
rm -rf "$folder"
mv "$work" "$folder"
