#!/bin/sh
# Installs the browser in which the page is tested: Debian's Chromium.
set -eu
[ -x /usr/bin/chromium ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo 'test/page/setup.sh: the page is tested in /usr/bin/chromium, which is not installed; only root can install it with apt-get' >&2
  exit 1
fi
echo 'Installing Chromium for the tests of the page' >&2
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium >/dev/null
