# SPDX-License-Identifier: MIT
#
# The distribution's Linux, booted beside ours on the same images (tools/linux-kernel.sh, tools/linux-boot.sh).
package Linux;

use strict;
use warnings;
use Exporter 'import';
use Faultline;

our @EXPORT = qw(linux_missing linux linux_start);

my $linux = 'build/linux-kernel';

# Why there is no Linux to boot; '' if there is one.
sub linux_missing
{
	return '' if -e "$linux/initrd";
	return slurp("$linux/missing") =~ s/\s+$//r || 'make linux-kernel comes first';
}

# Boots it, runs the script (a text, see tools/linux-init) and powers off: linux(SCRIPT, [IMAGES], timeout => SECONDS). Returns { status, out }.
sub linux
{
	my ($script, $images, %o) = @_;

	local $ENV{TIMEOUT} = $o{timeout} // 120;
	spew(work('linux.script'), $script);
	my ($status, $out) = run_command('sh', 'tools/linux-boot.sh', work('linux.script'), @$images);
	$out =~ s/\r//g;
	return { status => $status, out => $out };
}

# Boots it to be killed, as guest_start does: { pid, runner, log }.
sub linux_start
{
	my ($log, $script, $images, %o) = @_;

	spew(work('linux.script'), $script);
	return machine_start($log, { TIMEOUT => $o{timeout} // 120 }, 'sh', 'tools/linux-boot.sh', work('linux.script'), @$images);
}

1;
