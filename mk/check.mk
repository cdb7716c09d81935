# SPDX-License-Identifier: MIT
#
# Checks: the tests, by prove; the linters; the formatter.

# The longest one goes first, so that two at a time end together.
TESTS ?= tests/stress.t $(filter-out tests/stress.t,$(sort $(wildcard tests/*.t)))
TEST_JOBS ?= 2

# Everything that the tests run is built before prove starts; they only judge.
test: programs linux-programs static-programs linux-kernel posix-programs host fuzz-tests
	@$(MAKE) --no-print-directory BUILD=debug kernel
	@$(MAKE) --no-print-directory BUILD=release kernel
	@prove --jobs $(TEST_JOBS) --timer $(TESTS)

# Ten million interleavings that differ in more than the order of steps that commute, in less than ten minutes: DEEP_SECONDS, two
# scenarios at a time.
DEEP_SECONDS ?= 540
explore-deep: build/host-fast/explore
	@tools/explore-deep $(DEEP_SECONDS)

# States that a power failure may leave; then each flush and fence of the file system left out in turn.
CRASH_STATES ?= 100000
crash: build/host-crash/crash
	@build/host-crash/crash states=$(CRASH_STATES) mutants=40000 jobs=$(TEST_JOBS)

# Five minutes of stress each, on two and on eight CPUs; 500 power cuts; large files and directories, Linux's too; as many states of a power
# failure as "make crash" has; FUZZ_MINUTES of random system calls on either kernel and HOSTILE_SECONDS of hostile images, with a seed of the day.
FUZZ_MINUTES ?= 10
HOSTILE_SECONDS ?= 600
test-long: programs linux-programs static-programs linux-kernel host fuzz-tests
	@$(MAKE) --no-print-directory BUILD=debug kernel
	@$(MAKE) --no-print-directory BUILD=release kernel
	@STRESS_SECONDS=300 POWER_CUTS=500 INTEROP_LARGE=1 DEEP_LARGE=1 FULL_PIECES=524288 CRASH_STATES=$(CRASH_STATES) \
		FUZZ_SECONDS=$$(($(FUZZ_MINUTES) * 60)) HOSTILE_SECONDS=$(HOSTILE_SECONDS) FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} \
		prove --timer tests/stress.t tests/power.t tests/interop.t tests/deep.t tests/full.t tests/crash.t tests/fuzzcalls.t tests/hostile.t

C_SOURCES = $(shell find bench boot kernel mm fs drivers lib explore host tests user -name '*.[ch]' | sort)

lint:
	@sh tools/layers.sh
	@echo '  SYSCALLS'
	@sh tools/syscalls | cmp - docs/SYSCALLS.md || { echo 'make docs' >&2; exit 1; }
	@echo '  CPPCHECK'
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix64 -j2 \
		--enable=warning,portability --suppressions-list=tools/cppcheck.txt \
		-I. -D__x86_64__ -D__STDC_HOSTED__=0 \
		$(filter-out bench/% host/% tests/% user/%,$(filter %.c,$(C_SOURCES)))
	@echo '  FORMAT'
	@clang-format --dry-run --Werror $(C_SOURCES)

# What is generated in docs/.
docs:
	@sh tools/syscalls >docs/SYSCALLS.md

fmt:
	@clang-format -i $(C_SOURCES)
