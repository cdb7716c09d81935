#!/bin/sh
# SPDX-License-Identifier: MIT
#
# setup.sh [lint|test|fuzz]: sees to it that the commands and files that the build needs are there.
#
# When something is missing: as root, or where sudo asks for no password, its package is installed;
# otherwise the one command that would do it is printed and we end with status 1. When nothing is
# missing, which is the usual case, this takes a few milliseconds and says nothing.
set -u
PATH=$PATH:/usr/sbin:/sbin

missing=
missing_commands=
need_command() { # COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 && return
	missing="$missing $2"
	missing_commands="$missing_commands $1"
}
need_file() { # PACKAGE FILE
	[ -e "$2" ] && return
	missing="$missing $1"
	missing_commands="$missing_commands $2"
}

need_command gcc gcc
need_command ld binutils
need_command nasm nasm
need_command xz xz-utils
need_command mke2fs e2fsprogs
need_command debugfs e2fsprogs
need_command qemu-system-x86_64 qemu-system-x86
need_command grub-mkrescue grub-common
need_command xorriso xorriso
need_command mformat mtools
need_command prove perl
need_command patch patch
need_command flock util-linux
need_command musl-gcc musl-tools
need_command script bsdutils
need_command sqlite3 sqlite3
need_command mdb_dump lmdb-utils
grep -qs '^ID=ubuntu' /etc/os-release && need_command zstd zstd # its Linux has modules of this kind
# The image needs the static one; a system may have the other, which has the same name.
if ! busybox=$(command -v busybox) || readelf -lW "$busybox" 2>/dev/null | grep -q INTERP; then
	missing="$missing busybox-static"
	missing_commands="$missing_commands busybox-that-is-static"
fi
need_file libc6-dev /usr/include/features.h
need_file libsqlite3-dev /usr/include/sqlite3.h
need_file liblmdb-dev /usr/include/lmdb.h
need_file grub-pc-bin /usr/lib/grub/i386-pc/moddep.lst
need_file grub-efi-amd64-bin /usr/lib/grub/x86_64-efi/moddep.lst
need_file ovmf /usr/share/OVMF/OVMF_CODE_4M.fd
set -- "${1:-}" /usr/src/newlib/newlib-*.tar.*
need_file newlib-source "$2"
if [ "$1" = lint ]; then
	need_command cppcheck cppcheck
	need_command clang-format clang-format
fi

if [ "$1" = fuzz ]; then
	need_command clang clang
fi
# libFuzzer's part of it has a package of its own, which clang's only recommends.
libfuzzer() {
	[ -e "$(clang -print-file-name=libclang_rt.fuzzer-x86_64.a 2>/dev/null)" ]
}
if [ "$1" = fuzz ] && ! libfuzzer; then
	missing="$missing libclang-rt-dev"
	missing_commands="$missing_commands libFuzzer"
fi
# make test does without, and says so; but where it can be had it is.
if [ "$1" = test ] && ! libfuzzer && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo 'Installing clang, for fuzzing'
	DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends clang libclang-rt-dev >/dev/null 2>&1 ||
		echo 'It is not to be had: make test leaves the fuzzing out'
fi

[ -z "$missing" ] && exit 0

# One mention for each package.
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
if ! command -v apt-get >/dev/null 2>&1; then
	echo "Faultline needs:$missing_commands" >&2
	echo "This is no Debian or Ubuntu: install them by this system's own means." >&2
	exit 1
fi
install="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	sudo=sudo
else
	echo "Faultline needs packages that are not installed. As root:" >&2
	echo "    apt-get update && $install" >&2
	exit 1
fi

echo "Installing what is missing: $missing"
mkdir -p build
log=build/setup.log
apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1
}
: >"$log"
# Package lists that are missing or stale show in a failed installation.
[ -n "$(ls /var/lib/apt/lists/*Packages* 2>/dev/null)" ] || apt update
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing ||
	{ apt update && apt install -y --no-install-recommends $missing; } || {
	tail -n 15 "$log" >&2
	echo "The installation failed ($log). The command was: $install" >&2
	exit 1
}
