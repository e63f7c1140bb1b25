# SPDX-License-Identifier: MIT
# Parapet. `make help` lists the targets. Every output goes to $(BUILD); nothing is written into the tree.
# Fragments: tools/make/*.mk (hypervisor, host tests, dom0 tools, images), tests/guest/build.mk (micro-kernels).
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) # a -j on the command line wins
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

BUILD ?= build
# $(call tool,VAR,DEFAULT): the caller's VAR, never make's built-in one
tool = $(if $(filter undefined default,$(origin $(1))),$(eval $(1) := $(2)))
$(call tool,CXX,g++)$(call tool,AR,ar)$(call tool,OBJCOPY,objcopy)
FUZZ_CXX ?= $(firstword $(wildcard /usr/bin/clang++-14 /usr/bin/clang++) clang++)
CCACHE ?= $(firstword $(wildcard /usr/bin/ccache))
# One clone's objects serve another. Not with an absolute BUILD: ccache names an object otherwise in its .d file then.
ifeq ($(filter /%,$(BUILD)),)
export CCACHE_BASEDIR := $(CURDIR)
endif
SAME_ANYWHERE := -ffile-prefix-map=$(CURDIR)=.
PYTHON ?= /usr/bin/python3
V ?= 0
Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' '$(1)' '$(2)',@:)
rfind = $(sort $(shell find $(1) -type f \( $(2) \) 2>/dev/null))
export BUILD PYTHON

# $(call flagfile,NAME,TEXT): a file whose time changes only when TEXT does; objects depend on it.
flagfile = $(BUILD)/.flags/$(1): FORCE; @mkdir -p $$(@D); echo '$(2)' | cmp -s - $$@ || echo '$(2)' > $$@

include tools/make/hypervisor.mk
include tools/make/host.mk
include tools/make/tools.mk
include tools/make/image.mk
include tools/make/package.mk
-include tests/guest/build.mk
include tools/make/test.mk

.PHONY: all help deps clean format FORCE
all: hypervisor tools ## Build the hypervisor and the dom0 tools

help: ## This list
	@grep -hE '^[a-zA-Z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort -u | sed -E 's/^([a-zA-Z0-9-]+):.*## /\1\t/' | expand -t 16
	@echo; echo 'Variables: BUILD=dir CXX=clang++ V=1 T=seconds (fuzz) DOM0_SCRIPT=file HV=xen|image (run)'

deps: ## Install the build tools and QEMU (Debian packages) that are missing
	@tools/deps.sh

format: ## Rewrite the sources with clang-format
	$(Q)$(PYTHON) tools/format.py --fix

clean: ## Remove the build directory
	rm -rf $(BUILD)

FORCE:
