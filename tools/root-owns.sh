#!/bin/sh
# SPDX-License-Identifier: MIT
#
# root-owns.sh IMAGE ROOTFS: the files that mke2fs -d has put on the image belong to root, whoever has made it.
set -eu
PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" != 0 ] || exit 0
(cd "$2" && find . -mindepth 1) | sed 's|^\.\(.*\)|set_inode_field "\1" uid 0\nset_inode_field "\1" gid 0|' |
	debugfs -w -f - "$1" >/dev/null 2>&1
