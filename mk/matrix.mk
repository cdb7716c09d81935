# SPDX-License-Identifier: MIT
#
# Measured statements: races x schemes, and what each scheme costs. The README shows them between markers; README=1 puts the new
# tables there.

matrix: programs build/host-fast/explore
	@$(MAKE) --no-print-directory BUILD=release kernel
	@perl tools/matrix build/release/faultline.elf build/rootfs; matrix=$$?; \
	perl tools/costs build/release/faultline.elf build/rootfs; costs=$$?; \
	{ [ -z '$(README)' ] || perl tools/readme matrix costs zero; } && exit $$((matrix | costs))

costs: programs build/host-fast/explore
	@$(MAKE) --no-print-directory BUILD=release kernel
	@perl tools/costs build/release/faultline.elf build/rootfs
