#!/bin/sh
# SPDX-License-Identifier: MIT
#
# linux-kernel.sh DIRECTORY: the distribution's Linux as the other side of the tests. Its package is downloaded and unpacked
# in DIRECTORY, nothing is installed. What tools/linux-boot.sh needs is there afterwards:
#
#   vmlinuz        the kernel
#   initrd         busybox, the modules for persistent memory and ext4, and an init that runs a script
#
# Where that is impossible (no apt, no network, no such package) the reason goes to DIRECTORY/missing and the status is 0: the tests
# skip and say it.
set -eu
dir=$1
[ -e "$dir/initrd" ] && exit 0

give_up() {
	echo "$*" >"$dir/missing"
	echo "  LINUX   none: $*"
	exit 0
}

mkdir -p "$dir"
rm -rf "$dir/root" "$dir/unpacked" "$dir/missing"
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up 'no apt here'
busybox=$(command -v busybox) || give_up 'no busybox'
if readelf -lW "$busybox" | grep -q INTERP; then
	give_up 'busybox is not the static one'
fi

# The package that the one without a version stands for: Debian's for virtual machines, which is a third of the size, Debian's, Ubuntu's.
package=
for name in linux-image-cloud-amd64 linux-image-amd64 linux-image-virtual; do
	package=$(apt-cache depends "$name" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
	[ -z "$package" ] || break
done
[ -n "$package" ] || give_up 'the package lists have no linux-image-cloud-amd64, linux-image-amd64 or linux-image-virtual'

# Ubuntu's modules have packages of their own, and those for persistent memory are in the large one.
packages=$package
if [ "$name" = linux-image-virtual ]; then
	version=${package#linux-image-}
	packages="$package linux-modules-$version linux-modules-extra-$version"
fi

echo "  LINUX   $packages"
download() {
	# shellcheck disable=SC2086 # they are words
	(cd "$dir" && timeout 300 apt-get -q download $packages >download.log 2>&1)
}
rm -f "$dir"/*.deb
download || { [ "$(id -u)" = 0 ] && timeout 120 apt-get -q update >"$dir/update.log" 2>&1 && download; } ||
	give_up "apt-get download $packages failed"
for deb in "$dir"/*.deb; do
	dpkg-deb -x "$deb" "$dir/unpacked" || give_up "$deb cannot be unpacked"
done
rm -f "$dir"/*.deb
set -- "$dir"/unpacked/boot/vmlinuz-*
[ -e "$1" ] || give_up "$package has no kernel"
mv "$1" "$dir/vmlinuz"

# The modules, each behind those that it needs. One that is part of the kernel is no file.
root=$dir/root
mkdir -p "$root/bin" "$root/modules" "$root/proc" "$root/sys" "$root/dev" "$root/mnt"
add_module() { # NAME: modprobe takes - for _, files have either
	[ ! -e "$root/modules/$1.ko" ] || return 0
	file=$(find "$dir/unpacked" -name "$1.ko*" -o -name "$(echo "$1" | tr _ -).ko*" | head -n 1)
	case $file in
	'') return 0 ;;
	*.ko) cat "$file" >"$root/modules/$1.ko" ;;
	*.xz) xz -dc "$file" >"$root/modules/$1.ko" ;;
	*.zst) zstd -qdc "$file" >"$root/modules/$1.ko" || give_up "no zstd to unpack $file" ;;
	*) give_up "$package: $file is compressed in a way that is not known here" ;;
	esac
	for needed in $(tr '\0' '\n' <"$root/modules/$1.ko" | sed -n 's/^depends=//p' | tr ',-' ' _'); do
		add_module "$needed"
	done
	echo "$1" >>"$root/modules/order"
}
for module in crc32c_generic ext4 virtio_pci nd_pmem virtio_pmem; do
	add_module "$module"
done
cp "$busybox" "$root/bin/busybox"
cp "$(dirname "$0")/linux-init" "$root/init"
chmod +x "$root/init"
(cd "$root" && find . | sort | "$busybox" cpio -o -H newc 2>/dev/null) >"$dir/initrd.tmp"
rm -rf "$root" "$dir/unpacked"
mv "$dir/initrd.tmp" "$dir/initrd"
