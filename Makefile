# SPDX-License-Identifier: MIT
#
# Faultline: the front door. "make help" lists what there is.
#
# Every target that builds something first goes through tools/setup.sh, which finds or installs what
# the build needs, and then through a second make, which reads mk/*.mk: those may ask the compiler
# questions while they are read, so the compiler has to be there by then.

# Variables that a user sets: make BUILD=release run
BUILD ?= release
SMP ?= 2
MEM ?= 512M
MACHINE ?= q35
ACCEL ?= tcg
IMAGE ?= build/pmem.img
APPEND ?=
ROW ?= read-fault-allocated
README ?=
TARGET ?=
SECONDS ?= 60
export BUILD SMP MEM MACHINE ACCEL IMAGE APPEND ROW README TARGET SECONDS

# mke2fs and e2fsck live where an ordinary user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin
SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DEFAULT_GOAL := all

TARGETS := all kernel programs linux-programs static-programs linux-kernel posix-programs sysroot newlib image host iso run debug bench bench-locks profile matrix costs explore-deep crash fuzz fuzz-corpus test test-long lint docs fmt
.PHONY: $(TARGETS) setup clean help FORCE

ifneq ($(words $(CURDIR)) $(words $(IMAGE)),1 1)
$(error make, newlib's configure and QEMU want paths without blanks: '$(CURDIR)', IMAGE='$(IMAGE)')
endif

ifeq ($(FAULTLINE_INNER),)

# Two goals are two makes, which would build the same files beside each other. Each of them builds in parallel.
.NOTPARALLEL:

$(TARGETS): setup
	@$(MAKE) --no-print-directory FAULTLINE_INNER=1 $@

build/debug/% build/release/%: setup FORCE
	@$(MAKE) --no-print-directory FAULTLINE_INNER=1 BUILD=$(word 2,$(subst /, ,$@)) $@

build/%: setup FORCE
	@$(MAKE) --no-print-directory FAULTLINE_INNER=1 $@

else

all: kernel programs

include mk/kernel.mk
include mk/host.mk
include mk/fuzz.mk
include mk/image.mk
include mk/linux.mk
include mk/check.mk
include mk/matrix.mk
B := build
include user/rules.mk

endif

setup:
	@sh tools/setup.sh $(firstword $(filter lint fuzz test,$(patsubst fuzz-corpus,fuzz,$(MAKECMDGOALS:test-long=test))))

clean:
	rm -rf build

help:
	@echo 'make run      build, make the image if there is none, boot it in QEMU'
	@echo 'make test     everything that has a verdict, by prove (TESTS=tests/boot.t for one part)'
	@echo 'make test-long    stress, five minutes each on two CPUs and on eight; FUZZ_MINUTES=10 of random system calls; 500 power cuts;'
	@echo '              large files both ways with Linux; what make crash does; HOSTILE_SECONDS=600 of hostile images, logs, tables and texts'
	@echo 'make fuzz     hostile images, logs, tables and texts: TARGET=image (or journal, acpi, elf, text), SECONDS=60'
	@echo 'make crash    a hundred thousand states of a power failure, each recovered; each flush and fence left out in turn (CRASH_STATES)'
	@echo 'make debug    the same machine as run, stopped, waiting for gdb on port 1234'
	@echo 'make iso      build/faultline.iso, for BIOS and EFI, CD or USB stick'
	@echo 'make bench    guest instructions per operation, beside Linux; a far puncher; the smallest RAM. README=1 puts the table into README.md'
	@echo 'make bench-locks  the range lock beside simpler locks, with real threads on this host'
	@echo 'make profile ROW=pread-4k    where the instructions of one row of the benchmark go, or of boot'
	@echo 'make matrix   every race under every scheme, hosted and in the guest; what each scheme costs (costs: that alone).'
	@echo '              README=1 puts the tables into README.md'
	@echo 'make lint     cppcheck, layering, formatting; fmt formats the sources'
	@echo 'make image    a new file-system image (the old one is lost)'
	@echo 'make kernel   the kernel alone; host: the hosted tests and explorer; programs: the image'\''s files'
	@echo 'make sysroot  headers, libraries and faultline-cc, which compiles programs for Faultline: build/sysroot'
	@echo 'make setup    the packages that all this needs'
	@echo 'make clean    removes build/, the image included'
	@echo
	@echo 'Variables: BUILD=release|debug  SMP=2  MEM=512M  MACHINE=q35|pc  ACCEL=tcg|kvm'
	@echo '           IMAGE=build/pmem.img  APPEND="kernel options -- words for init"'

FORCE:
