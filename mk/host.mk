# SPDX-License-Identifier: MIT
#
# The hosted build: the kernel's portable sources as ordinary host programs, over the simulated
# machine in host/.
#
#   build/host/        with address and undefined-behaviour sanitizers: the unit tests, the explorer
#   build/host-fast/   optimised, without sanitizers: the explorer
#   build/host-crash/  optimised, with assertions: the test of durability, tests/crash/
#   build/host-tso/    every access of the kernel's sources goes through host/tso/: store buffers, check of unmarked accesses
#
# tests/host/NAME_test.c becomes build/host/NAME_test; explore/host_*.c becomes build/host/explore.

# A fortified memcpy is another function, which the explorer's log does not see; Ubuntu's compiler makes it one unless told not to. And frames stay
# on the coroutines' stacks, where a snapshot has them: newer compilers' address sanitizers would put them elsewhere.
HOST_CFLAGS := -std=gnu11 -g -DFAULTLINE_HOSTED -U_FORTIFY_SOURCE -fno-strict-aliasing -fno-omit-frame-pointer \
	-Wall -Wextra -Werror -I.
HOST_CFLAGS_host := -O1 -DFAULTLINE_DEBUG -fsanitize=address,undefined -fno-sanitize-recover \
	--param asan-use-after-return=0
HOST_CFLAGS_host-crash := -O2 -DFAULTLINE_DEBUG
HOST_CFLAGS_host-fast := -O2 -DFAULTLINE_FOOTPRINTS

# build/host-fast records what each transition reads and changes (host/footprint.h): every load and store calls footprint.c, and so
# do libc's functions that read or write memory, and what does it by inline assembly. Not traced: what is no part of the simulated world.
HOST_TRACE_host-fast := -fsanitize=thread -Wno-tsan --param tsan-instrument-func-entry-exit=0 -fno-builtin
HOST_UNTRACED_host-fast := host/footprint.c host/arena.c host/log.c $(filter-out explore/script.c explore/oracles.c,\
	$(wildcard explore/*.c))
HOST_LDFLAGS_host-fast := $(foreach f,memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp \
	strchr strrchr crc32c_hw,-Wl,--wrap=$(f))
# gcc doubts that fences work with its own runtime, which is not linked. Addresses are symbolised as they are.
HOST_CFLAGS_host-tso := -O2 -DFAULTLINE_TSO -fno-pie -no-pie -Wno-tsan -fdebug-prefix-map=$(CURDIR)=.
HOST_TRACE_host-tso = $(if $(filter $(HOST_INSTRUMENTED),$<),-fsanitize=thread)

# What of the kernel is portable; host/sources.mk adds to it. Of explore/, the files that start with
# kernel_ belong to the kernel alone.
HOST_DIRS := lib kernel/sync mm fs fs/dax_lock fs/ext4 explore host
HOST_NOT := kernel/sync/spinlock.c kernel/sync/lockdep.c mm/kva.c
HOST_ALSO := kernel/protocol.c drivers/nfit.c drivers/madt.c drivers/pmem.c
include host/sources.mk
HOST_C := $(filter-out $(HOST_NOT) explore/host_% explore/kernel_%,\
	$(foreach d,$(HOST_DIRS),$(sort $(wildcard $(d)/*.c))) $(HOST_ALSO))
HOST_ASM := $(sort $(wildcard host/*.asm))
HOST_MAIN_C := $(sort $(wildcard explore/host_*.c))
HOST_TEST_C := $(sort $(wildcard tests/host/*_test.c))
HOST_TESTS := $(HOST_TEST_C:tests/host/%.c=build/host/%)
# Parts that several tests share: every other file in tests/host.
HOST_SHARED_C := $(filter-out $(HOST_TEST_C),$(sort $(wildcard tests/host/*.c)))

# What the TSO build calls in place of the sanitizer's runtime; what is compiled to call it.
HOST_OWN_C_host-tso := $(sort $(wildcard host/tso/*.c))
HOST_INSTRUMENTED := lib/% kernel/% mm/% fs/% drivers/% tests/%

host: $(HOST_TESTS) build/host/explore build/host-fast/explore build/host-tso/explore \
	build/host-tso/range_interleave_test build/host-crash/crash

# $(1): host, host-fast, ...
define host_rules
build/$(1)/flags: FORCE
	@mkdir -p $$(@D)
	@echo '$(HOST_CC_$(1)) $(HOST_CFLAGS) $(HOST_CFLAGS_$(1)) $(HOST_TRACE_$(1))' | cmp -s - $$@ || \
		echo '$(HOST_CC_$(1)) $(HOST_CFLAGS) $(HOST_CFLAGS_$(1)) $(HOST_TRACE_$(1))' >$$@

build/$(1)/obj/%.o: %.c build/$(1)/flags
	@mkdir -p $$(@D)
	@echo '  HOSTCC  $$< ($(1))'
	@$(HOST_CC_$(1)) $(HOST_CFLAGS) $(HOST_CFLAGS_$(1)) $$(if $$(filter $$<,$$(HOST_UNTRACED_$(1))),,$$(HOST_TRACE_$(1))) \
		-MMD -MP -c -o $$@ $$<

build/$(1)/obj/%.asm.o: %.asm build/$(1)/flags
	@mkdir -p $$(@D)
	@echo '  NASM    $$< ($(1))'
	@$(NASM) -f elf64 -g -F dwarf -I. -MD $$(@:.o=.d) -o $$@ $$<

HOST_OBJS_$(1) := $(HOST_C:%.c=build/$(1)/obj/%.o) $(HOST_ASM:%.asm=build/$(1)/obj/%.asm.o) \
	$(HOST_OWN_C_$(1):%.c=build/$(1)/obj/%.o)

build/$(1)/libfaultline.a: $$(HOST_OBJS_$(1))
	@echo '  AR      $$@'
	@rm -f $$@
	@ar rcs $$@ $$^

build/$(1)/explore: $(HOST_MAIN_C:%.c=build/$(1)/obj/%.o) build/$(1)/libfaultline.a
	@echo '  HOSTLD  $$@'
	@$(HOST_CC_$(1)) $(HOST_CFLAGS_$(1)) $(HOST_LDFLAGS_$(1)) -o $$@ $$(filter %.o,$$^) build/$(1)/libfaultline.a

build/$(1)/%_test: build/$(1)/obj/tests/host/%_test.o $(HOST_SHARED_C:%.c=build/$(1)/obj/%.o) \
		build/$(1)/libfaultline.a
	@echo '  HOSTLD  $$@'
	@$(HOST_CC_$(1)) $(HOST_CFLAGS_$(1)) $(HOST_LDFLAGS_$(1)) -o $$@ $$(filter %.o,$$^) build/$(1)/libfaultline.a
endef
$(foreach b,host host-fast host-tso host-crash,$(eval HOST_CC_$(b) := $(CC)))
$(eval $(call host_rules,host))
$(eval $(call host_rules,host-fast))
$(eval $(call host_rules,host-tso))
$(eval $(call host_rules,host-crash))

HOST_CRASH_C := $(sort $(wildcard tests/crash/*.c))

build/host-crash/crash: $(HOST_CRASH_C:%.c=build/host-crash/obj/%.o) build/host-crash/libfaultline.a
	@echo '  HOSTLD  $@'
	@$(CC) $(HOST_CFLAGS_host-crash) -o $@ $(filter %.o,$^) build/host-crash/libfaultline.a

# The range lock beside simpler locks, with real threads: the kernel's source over a shim of pthreads.
LOCK_BENCH_C := kernel/sync/range_lock.c $(sort $(wildcard bench/locks/*.c))

build/bench/locks: $(LOCK_BENCH_C) $(wildcard bench/locks/*.h kernel/sync/*.h) mk/host.mk
	@mkdir -p $(@D)
	@echo '  HOSTCC  $@'
	@$(CC) $(HOST_CFLAGS) -O2 -flto -pthread -o $@ $(LOCK_BENCH_C)

bench-locks: build/bench/locks
	@build/bench/locks

# Make would take the objects of tests for intermediate files, and remove them.
.PRECIOUS: build/host/obj/%.o build/host-fast/obj/%.o build/host-tso/obj/%.o build/host-crash/obj/%.o

-include $(shell find build/host build/host-fast build/host-tso build/host-crash -name '*.d' 2>/dev/null)
