#!/bin/sh
# SPDX-License-Identifier: MIT
#
# image.sh make IMAGE ROOTFS    a new ext4 image with the files of ROOTFS
# image.sh ready IMAGE ROOTFS   what "make run" wants: an image that is there, clean, and has the
#                               programs of ROOTFS; every other file on it is left alone
set -eu
PATH=$PATH:/usr/sbin:/sbin
size=${IMAGE_SIZE:-256M}
command=$1 image=$2 rootfs=$3

make_image() {
	echo "  IMAGE   $image ($size, ext4)"
	rm -f "$image" "$image.tmp"
	mkdir -p "$(dirname "$image")"
	truncate -s "$size" "$image.tmp"
	# 4 KiB blocks because DAX maps pages; for everything else mke2fs's own choice.
	mke2fs -q -F -t ext4 -b 4096 -L faultline -E root_owner=0:0 -d "$rootfs" "$image.tmp"
	sh "$(dirname "$0")/root-owns.sh" "$image.tmp" "$rootfs"
	mv "$image.tmp" "$image"
	touch "$image.programs"
}

# Made by us? An image of another origin is never repaired or written to.
ours() {
	[ -e "$image.programs" ]
}

# A machine that was killed leaves the file system marked as in use, and the kernel refuses it then.
repair() {
	dumpe2fs -h "$image" 2>/dev/null | grep -q '^Filesystem state: *clean$' && return 0
	echo "  FSCK    $image was not unmounted: e2fsck -fy $image"
	check
}

check() {
	status=0
	e2fsck -fy "$image" 2>&1 || status=$?
	if [ "$status" -ge 4 ]; then
		echo "$image cannot be repaired; \"make image\" makes a new one." >&2
		exit 1
	fi
}

# What debugfs has to make of /usr: directories and links that the image lacks. For one that is there it would leave a
# stray inode behind.
missing_usr() {
	for directory in usr usr/bin; do
		[ -d "$rootfs/$directory" ] || return 0
		debugfs -R "ls -p /$directory" "$image" >"$image.there" 2>/dev/null
		grep -q / "$image.there" || echo "mkdir /$directory"
	done
	cut -d/ -f6 "$image.there" | sort >"$image.names"
	(cd "$rootfs/usr/bin" && find . -type l) | sed 's|^\./||' | sort | comm -23 - "$image.names" |
		while read -r file; do
			echo "symlink /usr/bin/$file $(readlink "$rootfs/usr/bin/$file")"
		done
	rm -f "$image.there" "$image.names"
}

# Replaces the programs and /etc, which are ours, by debugfs; the user's files stay.
refresh() {
	[ "$rootfs/bin" -nt "$image.programs" ] || return 0
	echo "  IMAGE   $image: new programs, other files kept"
	{
		(cd "$rootfs" && find bin sbin etc ! -type d) | while read -r file; do
			echo "rm /$file"
			if [ -L "$rootfs/$file" ]; then
				echo "symlink /$file $(readlink "$rootfs/$file")"
			else
				echo "write $rootfs/$file /$file"
			fi
		done
		missing_usr
	} >"$image.tmp"
	debugfs -w -f "$image.tmp" "$image" >/dev/null 2>&1
	rm -f "$image.tmp"
	check >/dev/null
	touch "$image.programs"
}

case $command in
make) make_image ;;
ready)
	if [ ! -e "$image" ]; then
		make_image
	elif ours; then
		repair
		refresh
	fi
	;;
*)
	echo "usage: image.sh make|ready IMAGE ROOTFS" >&2
	exit 2
	;;
esac
