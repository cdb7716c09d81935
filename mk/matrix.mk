# SPDX-License-Identifier: MIT
#
# Measured statements: races x schemes. The README shows it between markers; README=1 puts the new table there.

matrix: programs build/host-fast/explore
	@$(MAKE) --no-print-directory BUILD=release kernel
	@perl tools/matrix build/release/faultline.elf build/rootfs; status=$$?; \
	{ [ -z '$(README)' ] || perl tools/readme matrix; } && exit $$status
