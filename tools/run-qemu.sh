#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-qemu.sh: boots Faultline in QEMU and passes the guest's exit status on.
#
# Everything comes from the environment:
#   KERNEL=ELF       boot this kernel directly …
#   ISO=FILE         … or this CD, whose own grub.cfg holds the kernel's options
#   FIRMWARE=bios    bios or ovmf (for ISO)
#   MACHINE=q35      pc or q35
#   MEM=512M SMP=2   RAM and CPUs
#   CPU=max          QEMU's CPU model
#   ACCEL=tcg        tcg or kvm
#   IMAGE=FILE       becomes the NVDIMM; empty: none. NVDIMM_SIZE: other than the file's size
#   APPEND=WORDS     the kernel's command line
#   TIMEOUT=300      seconds; 0: no limit. There is none for a person at a terminal
#   QEMU_EXTRA=…     more words for QEMU
#
# The status is the guest's; 1 if QEMU could not start, 124 after the timeout, 125 if the machine
# ended without saying how.
set -u

: "${KERNEL:=}" "${ISO:=}" "${FIRMWARE:=bios}" "${MACHINE:=q35}" "${MEM:=512M}" "${SMP:=2}" "${CPU:=max}"
: "${ACCEL:=tcg}" "${IMAGE:=}" "${APPEND:=}" "${TIMEOUT:=300}" "${QEMU_EXTRA:=}" "${NVDIMM_SIZE:=}"

die() {
	echo "run-qemu: $*" >&2
	exit 1
}

# The NVDIMM lies above RAM, in the room that maxmem reserves.
set -- -machine "$MACHINE,nvdimm=on" -cpu "$CPU" -smp "$SMP" -m "$MEM,slots=2,maxmem=16G"
case $ACCEL in
tcg) set -- "$@" -accel tcg ;;
tcg,*) set -- "$@" -accel "$ACCEL" ;;
kvm) set -- "$@" -accel kvm ;;
*) die "ACCEL=$ACCEL: tcg or kvm" ;;
esac

if [ -n "$IMAGE" ]; then
	[ -f "$IMAGE" ] || die "$IMAGE: no such image"
	# QEMU inherits the descriptor, so the lock lasts as long as the machine.
	exec 9<>"$IMAGE" || exit 1
	flock -n 9 || die "$IMAGE: another machine runs on it"
	: "${NVDIMM_SIZE:=$(stat -L -c %s "$IMAGE")}"
	set -- "$@" -object "memory-backend-file,id=mem1,share=on,mem-path=$IMAGE,size=$NVDIMM_SIZE" \
		-device nvdimm,id=nv1,memdev=mem1
fi

if [ -n "$ISO" ]; then
	set -- "$@" -cdrom "$ISO" -boot d
elif [ -n "$KERNEL" ]; then
	set -- "$@" -kernel "$KERNEL"
else
	die "neither KERNEL nor ISO is set"
fi

vars=
case $FIRMWARE in
bios) ;;
ovmf)
	# A variables file of its own: a used one remembers another machine's boot order.
	vars=$(mktemp) || exit 1
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$vars" || exit 1
	set -- "$@" -drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
		-drive "if=pflash,unit=1,format=raw,file=$vars"
	;;
*) die "FIRMWARE=$FIRMWARE: bios or ovmf" ;;
esac
trap 'rm -f ${vars:+"$vars"}' EXIT

interactive=
if [ -t 0 ] && [ -t 1 ] && [ "$TIMEOUT" != 0 ]; then
	interactive=yes
	TIMEOUT=0
	# init shows a prompt when it is told that somebody is there.
	case " $APPEND " in
	*' -- '*) ;;
	*) APPEND="${APPEND:+$APPEND }-- interactive" ;;
	esac
fi
if [ -n "$APPEND" ] && [ -z "$ISO" ]; then
	set -- "$@" -append "$APPEND"
fi

set -- "$@" -display none -nic none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x04
if [ "$interactive" ]; then
	set -- "$@" -serial mon:stdio
else
	set -- "$@" -serial stdio -monitor none
fi
# shellcheck disable=SC2086
set -- qemu-system-x86_64 "$@" $QEMU_EXTRA

# The command, for copying: words with anything unusual in them are quoted.
for word; do
	case $word in
	*[!A-Za-z0-9_.,:=/@+-]*) printf "'%s' " "$word" ;;
	*) printf '%s ' "$word" ;;
	esac
done
echo
[ "$interactive" ] && echo '(Ctrl-A x ends QEMU, Ctrl-A h lists more.)'

if [ "$TIMEOUT" = 0 ]; then
	"$@"
else
	timeout --foreground -k 5 "$TIMEOUT" "$@" </dev/null
fi
status=$?

# isa-debug-exit ends QEMU with 2v+1; the kernel writes v = 16 + status (kernel/power.h).
case $status in
0)
	echo "run-qemu: the machine ended without an exit status" >&2
	exit 125
	;;
1) exit 1 ;;
124 | 137)
	echo "run-qemu: no end after $TIMEOUT seconds" >&2
	exit 124
	;;
esac
[ $((status % 2)) = 1 ] || exit "$status"
exit $(((status - 33 + 256) % 256 / 2))
