# SPDX-License-Identifier: MIT
# Micro-kernels: one folder of tests/guest with a main.cpp is one bootable ELF, $(BUILD)/guest/<folder>.
# Included by the top Makefile; `make -f tests/guest/build.mk guest-kernels` works alone too.
BUILD ?= build
CCACHE ?=
PYTHON ?= /usr/bin/python3
Q ?= @
GUEST_CXX ?= g++
GUEST_DIRS := $(sort $(patsubst %/main.cpp,%,$(wildcard tests/guest/*/main.cpp)))
GUEST_NAMES := $(notdir $(GUEST_DIRS))
GUEST_KERNELS := $(GUEST_NAMES:%=$(BUILD)/guest/%)
GUEST_LIB_SRC := $(wildcard tests/guest/lib/*.cpp)
GUEST_LIB_OBJ := $(GUEST_LIB_SRC:%.cpp=$(BUILD)/guest/obj/%.o) $(BUILD)/guest/obj/tests/guest/lib/trap_entry.S.o
GUEST_COMMON := -m64 -g0 -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone -I.
GUEST_FLAGS := $(GUEST_COMMON) -std=c++20 -O2 -mgeneral-regs-only -fno-exceptions -fno-rtti -fno-threadsafe-statics \
  -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing -Wall -Wextra -Werror
GUEST_LDS := tests/guest/lib/guest.lds
# Kernels that start in the older shape: hypercall page in the image, p2m list inside the boot mapping.
GUEST_LEGACY := hypercall-page
GUEST_START = $(BUILD)/guest/obj/tests/guest/lib/start$(if $(filter $(GUEST_LEGACY),$(1)),-legacy).S.o
# Kernels for domains of a few megabytes: with few pages to allocate.
GUEST_SMALL := mini frontend
GUEST_LIB = $(if $(filter $(GUEST_SMALL),$(1)),$(GUEST_LIB_OBJ:%/memory.o=%/memory-small.o),$(GUEST_LIB_OBJ))
GUEST_HV ?= $(BUILD)/parapet

.PHONY: guest-kernels test-guest test-oracle test-mutants
guest-kernels: $(GUEST_KERNELS) ## Build the micro-kernels of tests/guest
test-guest: guest-kernels $(GUEST_HV) ## Boot every micro-kernel on Parapet
	$(Q)$(PYTHON) tests/guest/run.py --hv $(GUEST_HV) --kernels $(BUILD)/guest
test-oracle: guest-kernels ## Boot every micro-kernel on Debian's Xen 4.17
	$(Q)$(PYTHON) tests/guest/run.py --hv xen --kernels $(BUILD)/guest
test-mutants: guest-kernels ## Switch rules off one by one: their micro-kernels must fail
	$(Q)$(PYTHON) tests/guest/mutants.py --kernels $(BUILD)/guest

$(BUILD)/guest/obj/%.o: %.cpp
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(GUEST_CXX) $(GUEST_FLAGS) \
	  $(if $(filter %/main.cpp,$<),-DGUEST_NAME='"$(notdir $(patsubst %/,%,$(dir $<)))"') -MMD -MP -c -o $@ $<
$(BUILD)/guest/obj/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(GUEST_CXX) $(GUEST_COMMON) -x assembler-with-cpp -MMD -MP -c -o $@ $<
$(BUILD)/guest/obj/tests/guest/lib/start-legacy.S.o: tests/guest/lib/start.S
	@mkdir -p $(@D)
	$(Q)$(GUEST_CXX) $(GUEST_COMMON) -DGUEST_HYPERCALL_PAGE -x assembler-with-cpp -MMD -MP -c -o $@ $<
$(BUILD)/guest/obj/tests/guest/lib/memory-small.o: tests/guest/lib/memory.cpp
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(GUEST_CXX) $(GUEST_FLAGS) -DGUEST_ARENA_PAGES=16 -MMD -MP -c -o $@ $<

define guest_kernel
$(BUILD)/guest/$(1): $(call GUEST_START,$(1)) $(BUILD)/guest/obj/tests/guest/$(1)/main.o $(call GUEST_LIB,$(1)) $(GUEST_LDS)
	$$(Q)ld -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack --build-id=none --no-warn-rwx-segments \
	  -T $(GUEST_LDS) -o $$@ $$(filter %.o,$$^)
endef
$(foreach g,$(GUEST_NAMES),$(eval $(call guest_kernel,$(g))))
-include $(GUEST_LIB_OBJ:.o=.d) $(GUEST_NAMES:%=$(BUILD)/guest/obj/tests/guest/%/main.d)
