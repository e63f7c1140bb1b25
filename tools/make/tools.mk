# SPDX-License-Identifier: MIT
# dom0 tools: every dom0-tools/NAME/ that has a main.cpp becomes $(BUILD)/NAME; all link dom0-tools/libparapet.
TOOL_NAMES := $(sort $(patsubst dom0-tools/%/main.cpp,%,$(wildcard dom0-tools/*/main.cpp)))
# the kernel-file parsers are the hypervisor's own, in base/image
TOOL_LIB_SRC := $(call rfind,dom0-tools/libparapet hypervisor/base/image,-name '*.cpp')
TOOL_CXXFLAGS := -std=c++20 -O2 -g1 $(SAME_ANYWHERE) -Wall -Wextra -Werror -Idom0-tools -Ihypervisor -I. -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
  -fpie -ffunction-sections -fdata-sections
# Static: of a create, binding a dozen libraries would cost more than building the domain. Still loaded at a random address.
TOOL_LDFLAGS := -static-pie -Wl,--gc-sections -Wl,-z,relro,-z,now
$(eval $(call flagfile,tools,$(CXX) $(TOOL_CXXFLAGS)))
$(eval $(call flagfile,tools-link,$(TOOL_LDFLAGS) $(TOOL_LIBS)))

$(BUILD)/tools/%.o: %.cpp $(BUILD)/.flags/tools
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CXX) $(TOOL_CXXFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tools/libparapet.a: $(TOOL_LIB_SRC:%.cpp=$(BUILD)/tools/%.o)
	@rm -f $@; mkdir -p $(@D); $(AR) rcsD $@ $^

define tool_binary
$$(BUILD)/$(1): $$(patsubst %.cpp,$$(BUILD)/tools/%.o,$$(call rfind,dom0-tools/$(1),-name '*.cpp')) $$(BUILD)/tools/libparapet.a $(BUILD)/.flags/tools-link
	$$(call say,LINK,$$@)
	$$(Q)$$(CXX) $$(TOOL_LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) -Wl,--start-group $$(TOOL_LIBS) -Wl,--end-group -pthread
-include $$(patsubst %.cpp,$$(BUILD)/tools/%.d,$$(call rfind,dom0-tools/$(1),-name '*.cpp'))
endef
$(foreach t,$(TOOL_NAMES),$(eval $(call tool_binary,$(t))))
-include $(TOOL_LIB_SRC:%.cpp=$(BUILD)/tools/%.d)

# vmctl knows its verbs and options: its man page and its completion are made of it.
VMCTL_MAN := $(BUILD)/man/vmctl.8
VMCTL_COMPLETION := $(BUILD)/completion/vmctl
$(VMCTL_MAN): dom0-tools/vmctl/vmctl.8.in $(BUILD)/vmctl
	@mkdir -p $(@D)
	$(Q)$(BUILD)/vmctl --generate man < $< > $@
$(VMCTL_COMPLETION): dom0-tools/vmctl/vmctl.bash.in $(BUILD)/vmctl
	@mkdir -p $(@D)
	$(Q)$(BUILD)/vmctl --generate completion < $< > $@

.PHONY: tools
tools: $(TOOL_NAMES:%=$(BUILD)/%) $(VMCTL_MAN) $(VMCTL_COMPLETION) ## Build the dom0 tools (vmctl, the daemons) and vmctl's man page
