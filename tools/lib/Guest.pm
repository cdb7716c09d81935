# SPDX-License-Identifier: MIT
#
# A program run in the guest on an image of its own, for tools that measure.
package Guest;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(run_program values_of);

# run_program(kernel =>, rootfs =>, image => FILE, append => WORDS, and of run-qemu.sh's smp, cpu, mem, extra, timeout):
# (exit status, output).
sub run_program
{
	my (%o) = @_;
	my $image = $o{image};

	unlink $image;
	system("truncate -s @{[$o{size} // '256M']} $image && mke2fs -q -F -t ext4 -b 4096 -d $o{rootfs} $image") == 0
		or die "$image cannot be made\n";
	local @ENV{qw(KERNEL ISO IMAGE SMP CPU ACCEL MEM APPEND TIMEOUT QEMU_EXTRA)} = ($o{kernel}, '', $image, $o{smp} // 1,
		$o{cpu} // 'max', 'tcg', $o{mem} // '512M', $o{append}, $o{timeout} // 300, $o{extra} // '');
	my $out = `sh tools/run-qemu.sh </dev/null 2>&1`;
	my $status = $? >> 8;
	unlink $image;
	$out =~ s/\r//g;
	return ($status, $out);
}

# The lines NAME<TAB>NUMBER of an output, as name => number.
sub values_of
{
	return map { /^([a-z][\w-]*)\t(\d+)$/ ? ($1 => $2) : () } split /\n/, $_[0];
}

1;
