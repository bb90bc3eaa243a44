#!/bin/sh
# Installs what the tests use of the system and it does not have: bzip2, for the archives of real machines' sysfs trees.
# Without the right to install, those tests are skipped and say why.
set -eu
command -v bzip2 >/dev/null && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo 'test/setup.sh: bzip2 is not installed, and only root can install it with apt-get' >&2
  exit 0
fi
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends bzip2 >/dev/null
