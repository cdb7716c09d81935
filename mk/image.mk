# SPDX-License-Identifier: MIT
#
# What QEMU gets: the file-system image, the ISO, and the ways to run them.

ISO := build/faultline.iso

# The image outlives the run and belongs to the user: it is made when it is missing (or by "make
# image"), and when the programs have changed only they are replaced on it.
image: programs
	@sh tools/image.sh make $(IMAGE) build/rootfs

$(IMAGE): programs
	@sh tools/image.sh ready $(IMAGE) build/rootfs

iso: $(ISO)
$(ISO): build/$(BUILD)/faultline.elf boot/grub.cfg tools/make-iso.sh
	@echo '  ISO     $@'
	@sh tools/make-iso.sh $< boot/grub.cfg $@

run: kernel $(IMAGE)
	@KERNEL=$(K)/faultline.elf sh tools/run-qemu.sh

debug: $(IMAGE)
	@$(MAKE) --no-print-directory BUILD=debug kernel
	@echo 'In another terminal:  gdb -x tools/gdbinit build/debug/faultline.elf'
	@KERNEL=build/debug/faultline.elf TIMEOUT=0 QEMU_EXTRA='-gdb tcp::1234 -S' sh tools/run-qemu.sh

bench: programs
	@$(MAKE) --no-print-directory BUILD=release kernel
	@perl tools/bench build/release/faultline.elf build/rootfs; status=$$?; \
	{ [ -z '$(README)' ] || perl tools/readme bench; } && exit $$status

profile: programs
	@$(MAKE) --no-print-directory BUILD=release kernel
	@perl tools/profile build/release/faultline.elf build/rootfs $(ROW)
