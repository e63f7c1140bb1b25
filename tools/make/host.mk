# SPDX-License-Identifier: MIT
# The same sources on the host: arch/host in the place of arch/x86 and boot, under GoogleTest, sanitizers and libFuzzer.
# One test binary a folder of tests/unit (and of tests/model), so that one broken folder does not stop the others.
H_SRC := $(call rfind,hypervisor,-name '*.cpp' -not -path '*/arch/x86/*' -not -path 'hypervisor/boot/*')
T_SRC := $(call rfind,dom0-tools/libparapet hypervisor/base/image,-name '*.cpp')
UNIT_SRC := $(call rfind,tests/unit tests/model,-name '*_test.cpp')
MT_SRC := $(filter %_mt_test.cpp,$(UNIT_SRC))
ST_SRC := $(filter-out $(MT_SRC),$(UNIT_SRC))
HELP_SRC := $(filter-out $(UNIT_SRC),$(call rfind,tests/unit tests/model,-name '*.cpp'))
FUZZ_SRC := $(call rfind,tests/fuzz,-name '*_fuzz.cpp')

HOST_COMMON := -std=c++20 -g $(SAME_ANYWHERE) -Ihypervisor -I. -Idom0-tools -Wall -Wextra -Werror -fno-omit-frame-pointer
HOST_FLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
HOST_FLAGS_tsan := -O1 -fsanitize=thread -Wno-tsan # of fences, which it ignores
HOST_FLAGS_fuzz := -O1 -fsanitize=fuzzer-no-link,address
# Tests themselves are many templates and little work: unoptimized they compile in half the time.
HOST_OPT = $(if $(filter $(BUILD)/asan/tests/unit/%,$@),-O0)
HOST_CXX_asan := $(CXX)
HOST_CXX_tsan := $(CXX)
HOST_CXX_fuzz := $(FUZZ_CXX)
TOOL_LIBS := -lxencall -lxenforeignmemory -lxenevtchn -lxengnttab -lxenstore -lxentoolcore -lxentoollog -llzma -lzstd -llz4 -lz
GTEST_LIBS := -lgmock -lgtest -lgtest_main -pthread

# a test folder's name: tests/unit/mm/frame_test.cpp -> unit_mm; tests/model/x_test.cpp -> model
group_of = $(subst /,_,$(patsubst tests/%/,%,$(dir $(1))))
# What a folder's tests link: a layer's tests that layer and the lower ones (and arch, for assertions), the tools' tests the tools' library
# (which parses kernels with base/image), pv_abi nothing, any other folder everything. One archive a layer.
HLAYERS := base arch cpu mm guest domain hypercall
upto = $(if $(2),$(firstword $(2)) $(if $(filter $(1),$(firstword $(2))),,$(call upto,$(1),$(wordlist 2,9,$(2)))))
second = $(word 2,$(subst _, ,$(1)))
libs_of = $(strip $(if $(filter tools dom0-tools libparapet vmctl,$(call second,$(1))),tools base arch,\
  $(if $(filter pv,$(call second,$(1))),,\
  $(if $(filter unit_%,$(1)),$(if $(filter $(HLAYERS),$(call second,$(1))),$(sort arch $(call upto,$(call second,$(1)),$(HLAYERS))),$(HLAYERS)),$(HLAYERS)))))
archives = $(patsubst %,$(BUILD)/$(1)/lib%.a,$(2))
layer_src = $(filter hypervisor/$(1)/%,$(H_SRC))

define host_archive
$$(BUILD)/$(1)/lib$(2).a: $$(patsubst %.cpp,$$(BUILD)/$(1)/%.o,$(3))
	@rm -f $$@; mkdir -p $$(@D); $$(AR) rcsD $$@ $$^
endef
define host_variant
$$(eval $$(call flagfile,$(1),$$(HOST_CXX_$(1)) $$(HOST_COMMON) $$(HOST_FLAGS_$(1))))
$$(BUILD)/$(1)/%.o: %.cpp $$(BUILD)/.flags/$(1)
	$$(call say,CXX,[$(1)] $$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CCACHE) $$(HOST_CXX_$(1)) $$(HOST_COMMON) $$(HOST_FLAGS_$(1)) $$(HOST_OPT) -MMD -MP -c -o $$@ $$<
$$(foreach l,$$(HLAYERS),$$(eval $$(call host_archive,$(1),$$(l),$$(call layer_src,$$(l)))))
$$(eval $$(call host_archive,$(1),tools,$$(T_SRC)))
-include $$(patsubst %.cpp,$$(BUILD)/$(1)/%.d,$$(H_SRC) $$(T_SRC) $$(UNIT_SRC) $$(HELP_SRC) $$(FUZZ_SRC))
endef
$(foreach v,asan tsan fuzz,$(eval $(call host_variant,$(v))))

# $(1) variant, $(2) group, $(3) its sources; helpers (other .cpp of the same folders) are linked in
define host_binary
$$(BUILD)/$(1)/bin/$(2): $$(patsubst %.cpp,$$(BUILD)/$(1)/%.o,$(3) $$(filter $$(addsuffix %,$$(sort $$(dir $(3)))),$$(HELP_SRC))) $$(call archives,$(1),$$(call libs_of,$(2)))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(HOST_CXX_$(1)) $$(HOST_FLAGS_$(1)) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(if $$(filter %/libtools.a,$$^),$$(TOOL_LIBS)) $$(GTEST_LIBS)
endef
ST_GROUPS := $(sort $(foreach s,$(ST_SRC),$(call group_of,$(s))))
MT_GROUPS := $(sort $(foreach s,$(MT_SRC),$(call group_of,$(s))))
$(foreach g,$(ST_GROUPS),$(eval $(call host_binary,asan,$(g),$(foreach s,$(ST_SRC),$(if $(filter $(g),$(call group_of,$(s))),$(s))))))
$(foreach g,$(MT_GROUPS),$(eval $(call host_binary,tsan,$(g)_mt,$(foreach s,$(MT_SRC),$(if $(filter $(g),$(call group_of,$(s))),$(s))))))

# fuzz targets link every layer and the tools' library
FUZZ_NAMES := $(notdir $(FUZZ_SRC:.cpp=))
$(FUZZ_NAMES:%=$(BUILD)/fuzz/bin/%): $(BUILD)/fuzz/bin/%: $(BUILD)/fuzz/tests/fuzz/%.o $(call archives,fuzz,$(HLAYERS) tools)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CXX) -fsanitize=fuzzer,address -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(TOOL_LIBS)

HOST_BINS := $(ST_GROUPS:%=$(BUILD)/asan/bin/%) $(MT_GROUPS:%=$(BUILD)/tsan/bin/%_mt)
FUZZ_BINS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/bin/%)
HOST_RUNS := $(HOST_BINS:%=%.ok)

%.ok: %
	$(call say,TEST,$(notdir $<))
	$(Q)timeout 300 env ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 $(abspath $<) --gtest_brief=1 > $<.log 2>&1 \
	  || { tail -n 60 $<.log; echo "FAIL $(notdir $<)"; exit 1; }
	@touch $@

.PHONY: host-tests unit
host-tests: $(HOST_RUNS) ## Run the host tests that changed (ASan, UBSan; TSan for *_mt_test.cpp)
unit: host-tests
# make unit-GROUP (unit-unit_mm): one folder's tests
unit-%: $(BUILD)/asan/bin/%.ok ; @:
