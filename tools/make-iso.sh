#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make-iso.sh KERNEL GRUB.CFG OUT: a GRUB ISO that boots under BIOS and EFI, from CD or USB stick.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/root/boot/grub" "$(dirname "$3")"
cp "$1" "$dir/root/boot/faultline.elf"
cp "$2" "$dir/root/boot/grub/grub.cfg"
if ! grub-mkrescue -o "$dir/out.iso" "$dir/root" >"$dir/log" 2>&1; then
	cat "$dir/log" >&2
	exit 1
fi
mv "$dir/out.iso" "$3"
