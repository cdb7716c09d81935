# SPDX-License-Identifier: MIT
#
# Programs for Linux, linked statically with the host's C libraries: the same file runs on the build host and on Faultline.
#
#   linux-programs   tests/linux/NAME.c becomes build/linux/NAME-glibc, and NAME-musl where there is musl-gcc; those with
#                    libraries of the distribution (LINUX_LIBS_NAME) with glibc alone
#   build/linux/fuzzcalls  random system calls (tests/fuzz); not for the build host
#   static-programs  tests/static/NAME.c becomes build/static/NAME: loads and checks for tests that boot either kernel
#   linux-kernel     the distribution's Linux, to be booted beside ours; where it cannot be had, the reason why

# Ubuntu's compiler fortifies unless told otherwise: calls with wrong arguments would end the program, and results must be looked at.
LINUX_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -U_FORTIFY_SOURCE -static -pthread
LINUX_SHARED := tests/linux/table.c
LINUX_C := $(filter-out $(LINUX_SHARED),$(sort $(wildcard tests/linux/*.c)))
LINUX_NAMES := $(LINUX_C:tests/linux/%.c=%)
LINUX_LIBS_sqlite := -lsqlite3 -lm
LINUX_LIBS_lmdb := -llmdb
MUSL_NAMES := $(foreach n,$(LINUX_NAMES),$(if $(LINUX_LIBS_$(n)),,$(n)))
MUSL_GCC := $(shell command -v musl-gcc)

# These also as position-independent programs without a loader. musl-gcc links no such program by itself.
LINUX_PIE := auxv limits
MUSL_START := $(if $(MUSL_GCC),$(firstword $(wildcard /usr/lib/*-linux-musl/rcrt1.o /usr/local/musl/lib/rcrt1.o)))
MUSL_DIR := $(dir $(MUSL_START))

linux-programs: $(LINUX_NAMES:%=build/linux/%-glibc) $(if $(MUSL_GCC),$(MUSL_NAMES:%=build/linux/%-musl)) \
	$(LINUX_PIE:%=build/linux/%-pie-glibc) $(if $(MUSL_START),$(LINUX_PIE:%=build/linux/%-pie-musl)) build/linux/fuzzcalls

build/linux/%-pie-glibc: tests/linux/%.c $(LINUX_SHARED) tests/linux/table.h tests/linux/calls.h mk/linux.mk
	@mkdir -p $(@D)
	@echo '  LINUXCC $@'
	@gcc $(filter-out -static,$(LINUX_CFLAGS)) -static-pie -fPIE -o $@ $< $(LINUX_SHARED)

build/linux/%-pie-musl: tests/linux/%.c $(LINUX_SHARED) tests/linux/table.h tests/linux/calls.h mk/linux.mk
	@mkdir -p $(@D)
	@echo '  LINUXCC $@'
	@musl-gcc $(LINUX_CFLAGS) -fPIE -nostartfiles -Wl,-pie,--no-dynamic-linker -o $@ \
		$(MUSL_START) $(MUSL_DIR)crti.o $< $(LINUX_SHARED) $(MUSL_DIR)crtn.o

build/linux/%-glibc: tests/linux/%.c $(LINUX_SHARED) tests/linux/table.h tests/linux/calls.h mk/linux.mk
	@mkdir -p $(@D)
	@echo '  LINUXCC $@'
	@gcc $(LINUX_CFLAGS) -o $@ $< $(LINUX_SHARED) $(LINUX_LIBS_$*) 2>$@.log || { cat $@.log >&2; exit 1; }

build/linux/%-musl: tests/linux/%.c $(LINUX_SHARED) tests/linux/table.h tests/linux/calls.h mk/linux.mk
	@mkdir -p $(@D)
	@echo '  LINUXCC $@'
	@musl-gcc $(LINUX_CFLAGS) -o $@ $< $(LINUX_SHARED)

# A call may take the thread pointer away, so nothing between two calls may need it.
FUZZ_CFLAGS := $(LINUX_CFLAGS) -D_GNU_SOURCE -fno-stack-protector -fno-tree-vectorize

build/linux/fuzzcalls: $(wildcard tests/fuzz/*.[ch]) tests/fuzz/call.asm mk/linux.mk
	@mkdir -p $(@D)
	@echo '  LINUXCC $@'
	@$(NASM) -f elf64 -o $@.call.o tests/fuzz/call.asm
	@gcc $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^) $@.call.o

STATIC_PROGRAMS := $(patsubst tests/static/%.c,build/static/%,$(sort $(wildcard tests/static/*.c)))
static-programs: $(STATIC_PROGRAMS)

build/static/%: tests/static/%.c mk/linux.mk
	@mkdir -p $(@D)
	@echo '  LINUXCC $@'
	@gcc $(LINUX_CFLAGS) -o $@ $< 2>$@.log || { cat $@.log >&2; exit 1; }

linux-kernel:
	@sh tools/linux-kernel.sh build/linux-kernel

# The sysroot's library, judged by Linux's:
#
#   posix-programs   build/posix/NAME-newlib, by faultline-cc, of tests/posix/NAME.c and of programs above; of the former and
#                    of the examples also build/posix/NAME-glibc, the reference

POSIX_C := $(sort $(wildcard tests/posix/*.c))
POSIX_NAMES := $(POSIX_C:tests/posix/%.c=%)
EXAMPLE_NAMES := $(patsubst user/examples/%.c,%,$(sort $(wildcard user/examples/*.c)))

# Of tests/linux, those that ask for nothing but POSIX and what is common on Linux.
POSIX_ALSO := attr io jobs limits locks memory names open pseudo shell signals threads vector wait

posix-programs: linux-programs $(foreach n,$(POSIX_ALSO) $(POSIX_NAMES),build/posix/$(n)-newlib) \
	$(foreach n,$(POSIX_NAMES) $(EXAMPLE_NAMES),build/posix/$(n)-glibc)

build/posix/%-newlib: tests/linux/%.c $(LINUX_SHARED) tests/linux/table.h build/sysroot/.stamp
	@mkdir -p $(@D)
	@echo '  POSIXCC $@'
	@$(FAULTLINE_CC) $(LINUX_CFLAGS) -o $@ $< $(LINUX_SHARED)

build/posix/%-newlib: tests/posix/%.c $(LINUX_SHARED) tests/linux/table.h build/sysroot/.stamp
	@mkdir -p $(@D)
	@echo '  POSIXCC $@'
	@$(FAULTLINE_CC) $(LINUX_CFLAGS) -o $@ $< $(LINUX_SHARED)

build/posix/%-glibc: tests/posix/%.c $(LINUX_SHARED) tests/linux/table.h mk/linux.mk
	@mkdir -p $(@D)
	@echo '  POSIXCC $@'
	@gcc $(LINUX_CFLAGS) -o $@ $< $(LINUX_SHARED)

build/posix/%-glibc: user/examples/%.c mk/linux.mk
	@mkdir -p $(@D)
	@echo '  POSIXCC $@'
	@gcc -O2 -g -Wall -Wextra -Werror -pthread -o $@ $<
