#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The layers, low to high: lib, cpu, sync, mm, drivers, fs, proc, explore. A file includes only what
# lies in its own folder or lower; calls upward go through ops structs. kernel/*.h is the machine's
# contract (threads, log, time): it belongs to the second layer, its implementation is above all.
set -u

rank() {
	case $1 in
	lib/*) echo 1 ;;
	kernel/cpu/*) echo 2 ;;
	kernel/sync/*) echo 3 ;;
	mm/*) echo 4 ;;
	drivers/*) echo 5 ;;
	fs/*) echo 6 ;;
	kernel/proc/*) echo 7 ;;
	explore/*) echo 8 ;;
	kernel/*.h) echo 2 ;;
	*) echo 9 ;;
	esac
}

echo '  LAYERS'
bad=$(find lib mm drivers fs kernel/sync -name '*.[ch]' | sort | while read -r file; do
	own=$(rank "$file")
	sed -n 's/^#[ \t]*include "\([^"]*\)".*/\1/p' "$file" | while read -r header; do
		case $header in */*) ;; *) header=$(dirname "$file")/$header ;; esac
		[ "$(rank "$header")" -le "$own" ] ||
			echo "$file includes $header, which is of a higher layer"
	done
done)
[ -z "$bad" ] && exit 0
echo "$bad" >&2
exit 1
