# SPDX-License-Identifier: MIT
#
# The kernel: build/$(BUILD)/faultline.elf out of every source file in the folders below.
#
# Left out: explore/host_*.c, which belong to the hosted explorer (mk/host.mk).
# The image is linked three times: without a symbol table, with a table that has the right size, and
# with that of the second link, whose addresses are final.

CC := gcc
LD := ld
NASM := nasm

# The tests that run inside the kernel are in debug builds only.
KERNEL_DIRS_debug := tests/kernel
KERNEL_DIRS := boot kernel kernel/cpu kernel/sync kernel/proc mm fs fs/dax_lock fs/ext4 drivers lib \
	explore $(KERNEL_DIRS_$(BUILD))

KERNEL_CFLAGS_debug := -O1 -g -DFAULTLINE_DEBUG -fsanitize=undefined
KERNEL_CFLAGS_release := -O2 -g
KERNEL_CFLAGS := -std=gnu11 -ffreestanding -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-asynchronous-unwind-tables -Wall -Wextra -Werror -I. \
	$(KERNEL_CFLAGS_$(BUILD))
KERNEL_LDFLAGS := -n -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096
ifeq ($(KERNEL_CFLAGS_$(BUILD)),)
$(error BUILD=$(BUILD): it is either debug or release)
endif

K := build/$(BUILD)
KERNEL_C := $(filter-out explore/host_%,$(foreach d,$(KERNEL_DIRS),$(sort $(wildcard $(d)/*.c))))
KERNEL_ASM := $(foreach d,$(KERNEL_DIRS),$(sort $(wildcard $(d)/*.asm)))
KERNEL_OBJS := $(KERNEL_C:%.c=$(K)/%.o) $(KERNEL_ASM:%.asm=$(K)/%.asm.o)

kernel: $(K)/faultline.elf

# Rebuilt when the flags change: the file is only touched when its content would.
$(K)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(KERNEL_CFLAGS) $(KERNEL_LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(KERNEL_CFLAGS) $(KERNEL_LDFLAGS)' >$@

$(K)/%.o: %.c $(K)/flags
	@mkdir -p $(@D)
	@echo '  CC      $<'
	@$(CC) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

$(K)/%.asm.o: %.asm $(K)/flags
	@mkdir -p $(@D)
	@echo '  NASM    $<'
	@$(NASM) -f elf64 -g -F dwarf -I. -MD $(@:.o=.d) -o $@ $<

# The list of objects is a file too, so that a removed source makes a new link.
$(K)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(KERNEL_OBJS)' | cmp -s - $@ || echo '$(KERNEL_OBJS)' >$@

define link_kernel
$(LD) $(KERNEL_LDFLAGS) -T boot/link.ld -o $@.$(1) $(KERNEL_OBJS) $@.$(1).o
endef

$(K)/faultline.elf: $(KERNEL_OBJS) $(K)/objects boot/link.ld tools/symtab
	@echo '  LD      $@'
	@sh tools/symtab </dev/null >$@.1.asm && $(NASM) -f elf64 -o $@.1.o $@.1.asm
	@$(call link_kernel,1)
	@nm -n $@.1 | sh tools/symtab >$@.2.asm && $(NASM) -f elf64 -o $@.2.o $@.2.asm
	@$(call link_kernel,2)
	@nm -n $@.2 | sh tools/symtab >$@.3.asm && $(NASM) -f elf64 -o $@.3.o $@.3.asm
	@$(call link_kernel,3)
	@nm -n $@.3 | sh tools/symtab | cmp -s - $@.3.asm || { echo 'the symbol table moved' >&2; exit 1; }
	@mv $@.3 $@ && rm -f $@.1* $@.2* $@.3*

-include $(wildcard $(KERNEL_OBJS:.o=.d))
