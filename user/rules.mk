# SPDX-License-Identifier: MIT
#
# The C library and the programs of the image.
#
#   programs        the programs in $(B)/user/bin, and the image's files in $(B)/rootfs (for mke2fs -d)
#   newlib          the C library alone, in $(B)/newlib
#   programs-check  runs the programs on this machine's Linux, whose system calls are the same
#
# Included by the top-level Makefile; also works alone: make -f user/rules.mk B=build programs
# newlib is built out of its packaged source, once; it is built again only when the package, the
# port's headers or its recipe (user/libc/build-newlib) change.

B ?= build
USER_CC ?= gcc
NASM ?= nasm
NEWLIB_TARBALL ?= $(lastword $(sort $(wildcard /usr/src/newlib/newlib-*.tar.*)))

U := $(B)/user
NEWLIB := $(B)/newlib
NEWLIB_HEADERS := $(shell find user/libc/include -name '*.h')

# What the programs are compiled with: our headers, the compiler's own, newlib's; never the host's.
# The options after -O2 undo what distributions switch on by default.
USER_GCC_INCLUDE := $(shell $(USER_CC) -print-file-name=include)
USER_CFLAGS := -std=gnu11 -O2 -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
	-U_FORTIFY_SOURCE -fno-asynchronous-unwind-tables -g -MMD -MP -Wall -Wextra -Werror \
	-Wmissing-prototypes -Wstrict-prototypes -Wno-format-truncation -D_GNU_SOURCE \
	-nostdinc -isystem user/libc/include -isystem $(USER_GCC_INCLUDE) -isystem $(NEWLIB)/include

# Text, read-only data and data in segments of their own, page-aligned in the file, so that the
# kernel can map each one out of the file in place.
USER_LDFLAGS := -static -no-pie -nostdlib -Wl,-e,_start -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,-z,separate-code -Wl,-z,norelro \
	-Wl,-z,max-page-size=4096 -Wl,-z,common-page-size=4096 -Wl,--fatal-warnings

USER_LIBC_OBJS := $(patsubst user/libc/%.c,$(U)/libc/%.o,$(sort $(wildcard user/libc/*.c)))

# Programs that share more than the library name their parts here; each is otherwise one file.
USER_SHARED := util ktap
USER_PROGS := $(filter-out $(USER_SHARED),$(patsubst user/prog/%.c,%,$(sort $(wildcard user/prog/*.c))))
USER_SHARED_OBJS := $(USER_SHARED:%=$(U)/prog/%.o)
USER_SBIN := init
USER_BINS := $(USER_PROGS:%=$(U)/bin/%)
USER_ETC := $(shell find user/rootfs -type f)

# The distribution's static busybox, where it is installed: the prompt. Its applets are links in /usr/bin, beside our own programs in /bin.
BUSYBOX := $(shell f=$$(command -v busybox) && ! readelf -lW "$$f" | grep -q INTERP && echo "$$f")

.PHONY: programs newlib programs-check
.SECONDARY: $(USER_PROGS:%=$(U)/prog/%.o) $(USER_SHARED_OBJS)

programs: $(U)/rootfs.stamp
newlib: $(NEWLIB)/.stamp
programs-check: programs
	@sh user/check-on-host $(U)/bin

$(NEWLIB)/.stamp: user/libc/build-newlib $(NEWLIB_HEADERS) $(NEWLIB_TARBALL)
	@sh user/libc/build-newlib '$(NEWLIB_TARBALL)' '$(NEWLIB)' '$(abspath user/libc/include)' \
		'$(USER_CC)'
	@touch $@

$(U)/libc/crt0.o: user/libc/crt0.asm
	@mkdir -p $(@D)
	@$(NASM) -f elf64 -g -F dwarf -o $@ $<

$(U)/libc/%.o: user/libc/%.c $(NEWLIB)/.stamp user/rules.mk
	@mkdir -p $(@D)
	@$(USER_CC) $(USER_CFLAGS) -c -o $@ $<

$(U)/prog/%.o: user/prog/%.c $(NEWLIB)/.stamp user/rules.mk
	@mkdir -p $(@D)
	@$(USER_CC) $(USER_CFLAGS) -c -o $@ $<

$(U)/libc/libport.a: $(USER_LIBC_OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(U)/prog/libshared.a: $(USER_SHARED_OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(U)/bin/%: $(U)/prog/%.o $(U)/prog/libshared.a $(U)/libc/crt0.o $(U)/libc/libport.a
	@mkdir -p $(@D)
	@$(USER_CC) $(USER_LDFLAGS) -o $@ $(U)/libc/crt0.o $< $(U)/prog/libshared.a \
		-Wl,--start-group $(U)/libc/libport.a $(NEWLIB)/lib/libc.a -lgcc -Wl,--end-group

$(U)/rootfs.stamp: $(USER_BINS) $(USER_ETC) user/rules.mk
	@echo "  ROOTFS  $(B)/rootfs ($(words $(USER_PROGS)) programs)"
	@rm -rf $(B)/rootfs
	@mkdir -p $(addprefix $(B)/rootfs/,sbin bin etc root tmp data)
	@cp -R user/rootfs/. $(B)/rootfs/
	@cp $(filter $(USER_SBIN:%=$(U)/bin/%),$(USER_BINS)) $(B)/rootfs/sbin/
	@cp $(filter-out $(USER_SBIN:%=$(U)/bin/%),$(USER_BINS)) $(B)/rootfs/bin/
	@if [ -n "$(BUSYBOX)" ]; then \
		cp "$(BUSYBOX)" $(B)/rootfs/bin/busybox && mkdir -p $(B)/rootfs/usr/bin && \
		for name in $$("$(BUSYBOX)" --list); do ln -s /bin/busybox $(B)/rootfs/usr/bin/$$name; done; \
	fi
	@touch $@

-include $(wildcard $(U)/libc/*.d $(U)/prog/*.d)
