#!/bin/sh
# image.sh FOLDER IMAGE: makes an ext4 file system of what is in the folder, without mounting anything.
set -eu
megabytes=$(($(du -sm --apparent-size "$1" | cut -f 1) * 11 / 10 + 8))
mke2fs -q -t ext4 -O ^has_journal,^resize_inode -m 0 -d "$1" "$2" "${megabytes}M" >/dev/null
