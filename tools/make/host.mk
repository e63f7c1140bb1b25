# SPDX-License-Identifier: MIT
# The same sources on the host: arch/host in the place of arch/x86 and boot, under GoogleTest, sanitizers and libFuzzer.
# One test binary a folder of tests/unit (and of tests/model), so that one broken folder does not stop the others.
H_SRC := $(call rfind,hypervisor,-name '*.cpp' -not -path '*/arch/x86/*' -not -path 'hypervisor/boot/*')
T_SRC := $(call rfind,dom0-tools/libparapet,-name '*.cpp')
UNIT_SRC := $(call rfind,tests/unit tests/model,-name '*_test.cpp')
MT_SRC := $(filter %_mt_test.cpp,$(UNIT_SRC))
ST_SRC := $(filter-out $(MT_SRC),$(UNIT_SRC))
HELP_SRC := $(filter-out $(UNIT_SRC),$(call rfind,tests/unit tests/model,-name '*.cpp'))
FUZZ_SRC := $(call rfind,tests/fuzz,-name '*_fuzz.cpp')

HOST_COMMON := -std=c++20 -g -Ihypervisor -I. -Idom0-tools -Wall -Wextra -Werror -fno-omit-frame-pointer
HOST_FLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
HOST_FLAGS_tsan := -O1 -fsanitize=thread
HOST_FLAGS_fuzz := -O1 -fsanitize=fuzzer-no-link,address
HOST_CXX_asan := $(CXX)
HOST_CXX_tsan := $(CXX)
HOST_CXX_fuzz := $(FUZZ_CXX)
TOOL_LIBS := -lxencall -lxenforeignmemory -lxenevtchn -lxengnttab -lxenstore -lxentoolcore -lfmt -llzma -lzstd -llz4 -lz
GTEST_LIBS := -lgmock -lgtest -lgtest_main -pthread

# a test folder's name: tests/unit/mm/frame_test.cpp -> unit_mm; tests/model/x_test.cpp -> model
group_of = $(subst /,_,$(patsubst tests/%/,%,$(dir $(1))))
# folders whose tests link the dom0 tools' library instead of the hypervisor
is_tools = $(filter unit_tools% unit_dom0-tools% unit_libparapet% unit_vmctl%,$(1))
libs_for = $(if $(call is_tools,$(1)),$(BUILD)/$(2)/libtools.a $(TOOL_LIBS),$(BUILD)/$(2)/libhv.a)
lib_dep = $(if $(call is_tools,$(1)),$(BUILD)/$(2)/libtools.a,$(BUILD)/$(2)/libhv.a)

define host_variant
$$(eval $$(call flagfile,$(1),$$(HOST_CXX_$(1)) $$(HOST_COMMON) $$(HOST_FLAGS_$(1))))
$$(BUILD)/$(1)/%.o: %.cpp $$(BUILD)/.flags/$(1)
	$$(call say,CXX,[$(1)] $$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CCACHE) $$(HOST_CXX_$(1)) $$(HOST_COMMON) $$(HOST_FLAGS_$(1)) -MMD -MP -c -o $$@ $$<
$$(BUILD)/$(1)/libhv.a: $$(H_SRC:%.cpp=$$(BUILD)/$(1)/%.o)
	@rm -f $$@; mkdir -p $$(@D); $$(AR) rcsD $$@ $$^
$$(BUILD)/$(1)/libtools.a: $$(T_SRC:%.cpp=$$(BUILD)/$(1)/%.o)
	@rm -f $$@; mkdir -p $$(@D); $$(AR) rcsD $$@ $$^
-include $$(patsubst %.cpp,$$(BUILD)/$(1)/%.d,$$(H_SRC) $$(T_SRC) $$(UNIT_SRC) $$(HELP_SRC) $$(FUZZ_SRC))
endef
$(foreach v,asan tsan fuzz,$(eval $(call host_variant,$(v))))

# $(1) variant, $(2) group, $(3) its sources; helpers (other .cpp of the same folders) are linked in
define host_binary
$$(BUILD)/$(1)/bin/$(2): $$(patsubst %.cpp,$$(BUILD)/$(1)/%.o,$(3) $$(filter $$(addsuffix %,$$(sort $$(dir $(3)))),$$(HELP_SRC))) $$(call lib_dep,$(2),$(1))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(HOST_CXX_$(1)) $$(HOST_FLAGS_$(1)) -o $$@ $$(filter %.o,$$^) $$(call libs_for,$(2),$(1)) $$(GTEST_LIBS)
endef
ST_GROUPS := $(sort $(foreach s,$(ST_SRC),$(call group_of,$(s))))
MT_GROUPS := $(sort $(foreach s,$(MT_SRC),$(call group_of,$(s))))
$(foreach g,$(ST_GROUPS),$(eval $(call host_binary,asan,$(g),$(foreach s,$(ST_SRC),$(if $(filter $(g),$(call group_of,$(s))),$(s))))))
$(foreach g,$(MT_GROUPS),$(eval $(call host_binary,tsan,$(g)_mt,$(foreach s,$(MT_SRC),$(if $(filter $(g),$(call group_of,$(s))),$(s))))))

# fuzz targets: tests/fuzz/hv_x_fuzz.cpp links the hypervisor, tests/fuzz/tools_x_fuzz.cpp the tools' library; default both
FUZZ_NAMES := $(notdir $(FUZZ_SRC:.cpp=))
$(FUZZ_NAMES:%=$(BUILD)/fuzz/bin/%): $(BUILD)/fuzz/bin/%: $(BUILD)/fuzz/tests/fuzz/%.o $(BUILD)/fuzz/libhv.a $(BUILD)/fuzz/libtools.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CXX) -fsanitize=fuzzer,address -o $@ $^ $(TOOL_LIBS)

HOST_BINS := $(ST_GROUPS:%=$(BUILD)/asan/bin/%) $(MT_GROUPS:%=$(BUILD)/tsan/bin/%_mt)
FUZZ_BINS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/bin/%)
HOST_RUNS := $(HOST_BINS:%=%.ok)

%.ok: %
	$(call say,TEST,$(notdir $<))
	$(Q)timeout 300 env ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 ./$< --gtest_brief=1 > $<.log 2>&1 \
	  || { tail -n 60 $<.log; echo "FAIL $(notdir $<)"; exit 1; }
	@touch $@

.PHONY: host-tests unit
host-tests: $(HOST_RUNS) ## Run the host tests that changed (ASan, UBSan; TSan for *_mt_test.cpp)
unit: host-tests
# make unit-GROUP (unit-unit_mm): one folder's tests
unit-%: $(BUILD)/asan/bin/%.ok ; @:
