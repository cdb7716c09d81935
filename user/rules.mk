# SPDX-License-Identifier: MIT
#
# The C library and the programs of the image.
#
#   programs        the programs in $(B)/user/bin, and the image's files in $(B)/rootfs (for mke2fs -d)
#   sysroot         headers, libraries and faultline-cc, in $(B)/sysroot
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
LIBC_HEADERS := $(shell find user/libc/include -name '*.h')
# Of these, what newlib's own objects depend on.
NEWLIB_HEADERS := $(addprefix user/libc/include/,machine/_types.h $(addprefix sys/,_pthreadtypes.h dirent.h \
	errno.h fcntl.h features.h select.h signal.h stat.h syslimits.h wait.h))

# What programs are compiled with, ours as well as a user's: a folder that can be moved, with faultline-cc in it. Headers come first,
# because the library is compiled with faultline-cc too.
SYSROOT := $(B)/sysroot
FAULTLINE_CC := FAULTLINE_GCC='$(USER_CC)' $(SYSROOT)/bin/faultline-cc

USER_CFLAGS := -std=gnu11 -O2 -fno-asynchronous-unwind-tables -g -MMD -MP -Wall -Wextra -Werror \
	-Wmissing-prototypes -Wstrict-prototypes -Wno-format-truncation -Wno-array-parameter -D_GNU_SOURCE

LIBC_C := $(sort $(wildcard user/libc/*.c user/libc/thread/*.c))
LIBC_ASM := $(sort $(wildcard user/libc/thread/*.asm))
LIBC_OBJS := $(LIBC_C:user/libc/%.c=$(U)/libc/%.o) $(LIBC_ASM:user/libc/%.asm=$(U)/libc/%.asm.o)

# Programs that share more than the library name their parts here; each is otherwise one file.
USER_SHARED := util ktap
USER_PROGS := $(filter-out $(USER_SHARED),$(patsubst user/prog/%.c,%,$(sort $(wildcard user/prog/*.c))))
USER_SHARED_OBJS := $(USER_SHARED:%=$(U)/prog/%.o)
USER_SBIN := init
# Programs to be handed out: each is one file that also builds for Linux, and is built as a user would.
EXAMPLES := $(patsubst user/examples/%.c,%,$(sort $(wildcard user/examples/*.c)))
USER_BINS := $(USER_PROGS:%=$(U)/bin/%) $(EXAMPLES:%=$(U)/bin/%)
USER_ETC := $(shell find user/rootfs -type f)

# The distribution's static busybox: /bin/sh, and the prompt. Its applets are links in /usr/bin, beside our own programs in /bin.
BUSYBOX := $(shell f=$$(command -v busybox) && ! readelf -lW "$$f" | grep -q INTERP && echo "$$f")

.PHONY: programs sysroot newlib programs-check
.SECONDARY: $(USER_PROGS:%=$(U)/prog/%.o) $(USER_SHARED_OBJS)

programs: $(U)/rootfs.stamp
newlib: $(NEWLIB)/.stamp
programs-check: programs
	@sh user/check-on-host $(U)/bin

$(NEWLIB)/.stamp: user/libc/build-newlib $(NEWLIB_HEADERS) $(NEWLIB_TARBALL)
	@sh user/libc/build-newlib '$(NEWLIB_TARBALL)' '$(NEWLIB)' '$(abspath user/libc/include)' \
		'$(USER_CC)'
	@touch $@

$(SYSROOT)/.headers: $(NEWLIB)/.stamp kernel/proc/syscall_table.h user/sysroot/faultline-cc \
		user/sysroot/faultline.specs $(LIBC_HEADERS)
	@echo '  SYSROOT $(SYSROOT)'
	@rm -rf $(SYSROOT)
	@mkdir -p $(SYSROOT)/bin $(SYSROOT)/lib $(SYSROOT)/include/bits
	@cp -R user/libc/include/. $(SYSROOT)/include/
	@cp -R $(NEWLIB)/include $(SYSROOT)/include/newlib
	@sed -n 's/^\tX(\([0-9]*\), \([a-z0-9_]*\)).*/#define SYS_\2 \1/p' kernel/proc/syscall_table.h \
		>$(SYSROOT)/include/bits/syscall.h
	@cp user/sysroot/faultline.specs $(SYSROOT)/lib/
	@cp user/sysroot/faultline-cc $(SYSROOT)/bin/
	@touch $@

$(U)/libc/%.o: user/libc/%.c $(SYSROOT)/.headers user/rules.mk
	@mkdir -p $(@D)
	@$(FAULTLINE_CC) $(USER_CFLAGS) -c -o $@ $<

$(U)/libc/%.asm.o: user/libc/%.asm
	@mkdir -p $(@D)
	@$(NASM) -f elf64 -g -F dwarf -o $@ $<

# One C library: newlib's, and the port's objects in place of those that define the same names. Threads are part of it; the
# empty archives are there for -lpthread and -lrt.
$(SYSROOT)/.stamp: $(LIBC_OBJS) $(U)/libc/crt0.asm.o $(SYSROOT)/.headers
	@rm -f $(SYSROOT)/lib/*.a
	@cp $(NEWLIB)/lib/libc.a $(NEWLIB)/lib/libm.a $(SYSROOT)/lib/
	@nm -g --defined-only $(LIBC_OBJS) | awk 'NF == 3 {print $$3}' >$(U)/libc/names
	@nm -gA --defined-only $(SYSROOT)/lib/libc.a 2>/dev/null | awk -F '[: ]+' 'NR == FNR {ours[$$1]} \
		NR != FNR && $$NF in ours {print $$2}' $(U)/libc/names - | sort -u >$(U)/libc/replaced
	@ar d $(SYSROOT)/lib/libc.a $$(cat $(U)/libc/replaced)
	@ar rs $(SYSROOT)/lib/libc.a $(LIBC_OBJS)
	@ar rcs $(SYSROOT)/lib/libpthread.a
	@ar rcs $(SYSROOT)/lib/librt.a
	@cp $(U)/libc/crt0.asm.o $(SYSROOT)/lib/crt0.o
	@touch $@

sysroot: $(SYSROOT)/.stamp

$(U)/prog/%.o: user/prog/%.c $(SYSROOT)/.headers user/rules.mk
	@mkdir -p $(@D)
	@$(FAULTLINE_CC) $(USER_CFLAGS) -c -o $@ $<

$(U)/prog/libshared.a: $(USER_SHARED_OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(U)/bin/%: $(U)/prog/%.o $(U)/prog/libshared.a $(SYSROOT)/.stamp
	@mkdir -p $(@D)
	@$(FAULTLINE_CC) -Wl,--fatal-warnings -o $@ $< $(U)/prog/libshared.a

$(EXAMPLES:%=$(U)/bin/%): $(U)/bin/%: user/examples/%.c $(SYSROOT)/.stamp
	@mkdir -p $(@D)
	@$(FAULTLINE_CC) -O2 -g -Wall -Wextra -Werror -pthread -o $@ $<

$(U)/rootfs.stamp: $(USER_BINS) $(USER_ETC) user/rules.mk
	@echo "  ROOTFS  $(B)/rootfs ($(words $(USER_BINS)) programs)"
	@rm -rf $(B)/rootfs
	@mkdir -p $(addprefix $(B)/rootfs/,sbin bin etc root tmp data)
	@cp -R user/rootfs/. $(B)/rootfs/
	@cp $(filter $(USER_SBIN:%=$(U)/bin/%),$(USER_BINS)) $(B)/rootfs/sbin/
	@cp $(filter-out $(USER_SBIN:%=$(U)/bin/%),$(USER_BINS)) $(B)/rootfs/bin/
	@cp "$(BUSYBOX)" $(B)/rootfs/bin/busybox
	@ln -s busybox $(B)/rootfs/bin/sh
	@mkdir -p $(B)/rootfs/usr/bin
	@for name in $$("$(BUSYBOX)" --list); do ln -s /bin/busybox $(B)/rootfs/usr/bin/$$name; done
	@touch $@

-include $(wildcard $(U)/libc/*.d $(U)/libc/thread/*.d $(U)/prog/*.d)
