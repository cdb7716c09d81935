# SPDX-License-Identifier: MIT
#
# Fuzzing of the hosted build: tests/hostile/NAME_fuzz.c becomes
#
#   build/host-fuzz/NAME_fuzz   by clang, with libFuzzer, address and undefined-behaviour sanitizers
#   build/host/NAME_replay      by the compiler of everything else: runs the inputs that it is given
#
#   make fuzz TARGET=image SECONDS=600    goes on from the corpus in the tree; new inputs go to build/fuzz/image, findings beside it
#   make fuzz-corpus                      puts of those what reaches something new into the corpus

FUZZ_C := $(sort $(wildcard tests/hostile/*_fuzz.c))
FUZZ_TARGETS := $(FUZZ_C:tests/hostile/%_fuzz.c=%)
FUZZ_IMAGES := $(patsubst tests/hostile/images/%.xz,build/fuzz/%,$(wildcard tests/hostile/images/*.xz))
FUZZ_SHARED_C := $(filter-out $(FUZZ_C) tests/hostile/mutate.c tests/hostile/replay.c,$(sort $(wildcard tests/hostile/*.c)))
# Targets whose inputs patch images have a mutator of their own; others fuzz what the hosted build does not have otherwise.
FUZZ_MUTATOR_image := tests/hostile/mutate.c
FUZZ_MUTATOR_journal := tests/hostile/mutate.c
FUZZ_LDFLAGS := $(foreach f,journal_read journal_read_committed kmalloc kzalloc kcalloc kfree kmem_bytes_in_use,-Wl,--wrap=$(f))
FUZZ_ALSO_elf := kernel/proc/elf.c
FUZZ_ALSO_text := kernel/options.c

HOST_CC_host-fuzz := clang
HOST_CFLAGS_host-fuzz := -O2 -DFAULTLINE_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=all
# What guides: the file system and the parsers, not the simulated machine. Comparisons count in parsers only: they cost a third of the
# time, and whoever patches images knows the numbers that count.
HOST_TRACE_host-fuzz = $(if $(filter fs/%,$<),-fsanitize-coverage=inline-8bit-counters$(comma)pc-table,$(if $(filter \
	drivers/% kernel/proc/% kernel/options.c explore/%,$<),-fsanitize=fuzzer-no-link))
comma := ,
$(eval $(call host_rules,host-fuzz))

# $(1): a target
define fuzz_rules
build/host-fuzz/$(1)_fuzz: $(patsubst %.c,build/host-fuzz/obj/%.o,tests/hostile/$(1)_fuzz.c $(FUZZ_SHARED_C) \
		$(FUZZ_ALSO_$(1)) $(FUZZ_MUTATOR_$(1))) build/host-fuzz/libfaultline.a | $(FUZZ_IMAGES)
	@echo '  HOSTLD  $$@'
	@$(HOST_CC_host-fuzz) $(HOST_CFLAGS_host-fuzz) -fsanitize=fuzzer $(FUZZ_LDFLAGS) -o $$@ $$^

build/host/$(1)_replay: $(patsubst %.c,build/host/obj/%.o,tests/hostile/$(1)_fuzz.c tests/hostile/replay.c \
		$(FUZZ_SHARED_C) $(FUZZ_ALSO_$(1))) build/host/libfaultline.a | $(FUZZ_IMAGES)
	@echo '  HOSTLD  $$@'
	@$(CC) $(HOST_CFLAGS_host) $(FUZZ_LDFLAGS) -o $$@ $$^
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_rules,$(t))))

FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=build/host-fuzz/%_fuzz)

# What tests/hostile.t runs: with whatever compiler there is.
fuzz-tests: $(FUZZ_TARGETS:%=build/host/%_replay) \
	$(if $(wildcard $(shell clang -print-file-name=libclang_rt.fuzzer-x86_64.a 2>/dev/null)),$(FUZZ_PROGRAMS))

# TARGET and SECONDS come from the front door; without a target each has its turn, for so long.
fuzz: $(FUZZ_PROGRAMS)
	@for target in $(or $(TARGET),$(FUZZ_TARGETS)); do \
		mkdir -p build/fuzz/$$target; \
		echo "  FUZZ    $$target, $(SECONDS) seconds"; \
		build/host-fuzz/$${target}_fuzz -max_len=700 -timeout=60 -rss_limit_mb=2048 -max_total_time=$(SECONDS) \
			-print_final_stats=1 -artifact_prefix=build/fuzz/$$target- build/fuzz/$$target \
			$$(ls -d tests/hostile/corpus/$$target tests/hostile/regress/$$target 2>/dev/null) || exit 1; \
	done

fuzz-corpus: $(FUZZ_PROGRAMS)
	@for target in $(FUZZ_TARGETS); do \
		[ ! -d build/fuzz/$$target ] || build/host-fuzz/$${target}_fuzz -use_counters=0 -set_cover_merge=1 \
			tests/hostile/corpus/$$target build/fuzz/$$target || exit 1; \
	done

build/fuzz/%.img: tests/hostile/images/%.img.xz
	@mkdir -p $(@D)
	@echo '  XZ      $@'
	@xz -dc $< >$@.new && mv $@.new $@

.PRECIOUS: build/host-fuzz/obj/%.o
-include $(shell find build/host-fuzz -name '*.d' 2>/dev/null)
