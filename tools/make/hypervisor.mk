# SPDX-License-Identifier: MIT
# The hypervisor: freestanding objects, linked at its high virtual address, flattened to a multiboot image.
HV_CXX := $(filter-out hypervisor/arch/x86/offsets.cpp,$(call rfind,hypervisor,-name '*.cpp' -not -path '*/arch/host/*'))
HV_ASM := $(call rfind,hypervisor,-name '*.S')
HV_LDS := $(wildcard hypervisor/boot/parapet.lds)
HV_OFFSETS := $(wildcard hypervisor/arch/x86/offsets.cpp)
HV_OBJ := $(HV_CXX:%.cpp=$(BUILD)/hv/%.o) $(HV_ASM:%.S=$(BUILD)/hv/%.S.o)
HV_EXTRA ?=

HV_CLANG := $(findstring clang,$(CXX))
# clang's -mgeneral-regs-only refuses the long double that libstdc++'s <array> merely declares
HV_NOFPU := $(if $(HV_CLANG),-mno-mmx -mno-sse -mno-avx,-mgeneral-regs-only)
# What runs once at boot, when an administrator asks for it, or seldom in a guest, is compiled for size.
HV_COLD := hypervisor/boot/% hypervisor/base/image/% hypervisor/base/options.o hypervisor/base/log.o hypervisor/domain/events.o \
  $(addprefix hypervisor/mm/,audit.o buddy.o heap.o reservation.o segdesc.o) \
  $(addprefix hypervisor/arch/x86/,acpi.o cmos.o features.o ioapic.o mitigations.o descriptors.o paging.o panic.o pci.o power.o serial.o start_cpus.o time.o vga.o) \
  $(addprefix hypervisor/domain/,audit.o console% control% cpu_policy.o domain_% msi.o pirq.o time.o) \
  $(addprefix hypervisor/guest/,context.o cpuid_policy.o crash_report.o ioport.o) \
  $(addprefix hypervisor/hypercall/,domctl.o physdev.o version.o console.o memory% page.o traps.o vcpu.o)
# Of an inline function that several objects have, the first is kept: let that be one compiled for speed.
HV_COLD_OBJ = $(filter $(HV_COLD:%=$(BUILD)/hv/%),$(HV_OBJ))
HV_IN_ORDER = $(filter-out $(HV_COLD_OBJ),$(HV_OBJ)) $(HV_COLD_OBJ)
# For size, GCC copies bytewise (rep movsb): dom0_tables.cpp, which copies dom0's kernel and initrd, is not.
HV_OPT = $(if $(filter-out %/dom0_tables.o,$(filter $(HV_COLD:%=$(BUILD)/hv/%),$@)),-Os,-O2)
HV_COMMON := -m64 -g $(SAME_ANYWHERE) -ffreestanding $(HV_NOFPU) -mno-red-zone -mcmodel=small -fpie -fvisibility=hidden \
  -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fomit-frame-pointer \
  -Ihypervisor -I. -I$(BUILD)/gen $(HV_EXTRA)
HV_CXXFLAGS = $(HV_COMMON) -std=c++20 $(HV_OPT) -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-strict-aliasing $(if $(HV_CLANG),,-falign-jumps=1 -falign-loops=1) \
  -ffunction-sections -fdata-sections -Wall -Wextra -Werror
# One unit at link time: the layers stay separate sources, the hot paths become straight code. DEBUG=1 adds lock-rank checks.
HV_LTO := $(if $(HV_CLANG),,-flto=auto)
DEBUG ?= 0
HV_CXXFLAGS += $(HV_LTO) -DPARAPET_DEBUG=$(DEBUG)
HV_LIBS := $(wildcard $(addprefix /usr/lib/x86_64-linux-gnu/,liblzma.a libz.a libzstd.a))
HV_LDFLAGS := -m64 -static -no-pie -nostdlib -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
  -Wl,--gc-sections -Wl,--no-warn-rwx-segments -Wl,--no-relax

$(eval $(call flagfile,hv,$(CXX) $(HV_CXXFLAGS)))
$(eval $(call flagfile,hv-link,$(HV_LDFLAGS) $(HV_LIBS) $(sort $(HV_OBJ))))

.PHONY: hypervisor hv-objs
hv-objs: $(HV_OBJ) ## Compile the hypervisor's objects without linking
ifneq ($(HV_LDS),)
hypervisor: $(BUILD)/parapet ## Build $(BUILD)/parapet (and parapet-syms, its ELF with symbols)
else
hypervisor: hv-objs
	@echo '  note  hypervisor/boot/parapet.lds is missing: objects only'
endif

$(BUILD)/parapet-syms: $(HV_OBJ) $(HV_LDS) $(BUILD)/.flags/hv-link
	$(call say,LINK,$@)
	$(Q)$(CXX) $(HV_LDFLAGS) $(if $(HV_LTO),$(HV_CXXFLAGS)) -Wl,-T,$(HV_LDS) -Wl,-Map,$@.map -o $@ $(HV_IN_ORDER) -Wl,--start-group $(HV_LIBS) -lgcc -Wl,--end-group

$(BUILD)/parapet: $(BUILD)/parapet-syms
	$(call say,IMAGE,$@)
	$(Q)$(OBJCOPY) -O binary $< $@
	@printf '        %s bytes\n' "$$(stat -c %s $@)"

# the compiler calls these by name after link-time optimization has decided what is used
$(BUILD)/hv/hypervisor/base/memory.o: HV_LTO :=
$(BUILD)/hv/%.o: %.cpp $(BUILD)/.flags/hv
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CXX) $(HV_CXXFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/hv/%.S.o: %.S $(BUILD)/gen/asm_offsets.h $(BUILD)/.flags/hv
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CXX) $(HV_COMMON) -D__ASSEMBLY__ -x assembler-with-cpp -MMD -MP -c -o $@ $<

# Offsets for assembly: lines "->NAME value" in the compiler's output for offsets.cpp.
ifneq ($(HV_OFFSETS),)
$(BUILD)/gen/offsets.s: $(HV_OFFSETS) $(BUILD)/.flags/hv
	@mkdir -p $(@D)
	$(Q)$(CXX) $(HV_CXXFLAGS) $(if $(HV_CLANG),-fno-integrated-as) -fno-lto -g0 -MMD -MP -MT $@ -MF $(BUILD)/gen/offsets.d -S -o $@ $<

$(BUILD)/gen/asm_offsets.h: $(BUILD)/gen/offsets.s
	$(call say,GEN,$@)
	$(Q)sed -nE 's/^[[:space:]]*->([A-Za-z0-9_]+)[[:space:]]+\$$?(-?[0-9]+).*/#define \1 \2/p' $< > $@
else
$(BUILD)/gen/asm_offsets.h:
	@mkdir -p $(@D); : > $@
endif
-include $(HV_OBJ:.o=.d) $(BUILD)/gen/offsets.d
