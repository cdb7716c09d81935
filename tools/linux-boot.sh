#!/bin/sh
# SPDX-License-Identifier: MIT
#
# linux-boot.sh SCRIPT IMAGE…: boots the distribution's Linux in QEMU with the images as persistent memory, /dev/pmem0 and on, runs
# SCRIPT as tools/linux-init does, and shows the console. The status is the script's; 124 after TIMEOUT seconds, 125 if the
# machine ended without saying how.
#
#   LINUX=build/linux-kernel    what tools/linux-kernel.sh has made
#   MEM=512M SMP=1 TIMEOUT=120 QEMU_EXTRA=…
set -eu
: "${LINUX:=build/linux-kernel}" "${MEM:=512M}" "${SMP:=1}" "${TIMEOUT:=120}" "${QEMU_EXTRA:=}"
script=$1
shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
cp "$script" "$work/root/script"
# An initramfs may be several archives, one behind the other.
(cd "$work/root" && find . | busybox cpio -o -H newc 2>/dev/null) | cat "$LINUX/initrd" - >"$work/initrd"

# No locks on the images: they belong to one test.
n=$#
for image; do
	size=$(stat -L -c %s "$image")
	set -- "$@" -object "memory-backend-file,id=mem$#,share=on,mem-path=$image,size=$size" \
		-device "virtio-pmem-pci,memdev=mem$#"
done
shift "$n"

# Five-level tables and the kernel's own mitigations cost an emulator time and show nothing here.
{
	status=0
	# shellcheck disable=SC2086
	timeout --foreground -k 5 "$TIMEOUT" qemu-system-x86_64 -machine q35 -accel tcg -cpu max,la57=off -smp "$SMP" \
		-m "$MEM,slots=2,maxmem=64G" "$@" -kernel "$LINUX/vmlinuz" -initrd "$work/initrd" \
		-append 'console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on' \
		-display none -nic none -no-reboot -serial stdio -monitor none $QEMU_EXTRA </dev/null || status=$?
	echo "$status" >"$work/status"
} | tee "$work/console"

[ "$(cat "$work/status")" = 0 ] || exit "$(cat "$work/status")"
exit "$(tr -d '\r' <"$work/console" | sed -n 's/^linux-boot: status //p' | grep . || echo 125)"
