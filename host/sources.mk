# SPDX-License-Identifier: MIT
# What the hosted build takes besides the folders that mk/host.mk names.
HOST_ALSO += kernel/instance.c

# The explorer's scratch file system, for the hosted build and for the kernel.
build/gen/explore_image.h: explore/make-image
	@mkdir -p $(@D)
	@echo '  GEN     $@'
	@sh explore/make-image >$@.new && mv $@.new $@
$(foreach d,build/host/obj build/host-fast/obj build/host-tso/obj build/host-crash/obj build/host-fuzz/obj build/debug build/release,$(d)/explore/scratch.o): build/gen/explore_image.h
