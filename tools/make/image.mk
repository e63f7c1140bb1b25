# SPDX-License-Identifier: MIT
# Images that boot: the dom0 initramfs (packages from the cache plus our tools) and the GRUB iso.
# tools/image/build.py rewrites a file only when its contents change; KERNEL=6.12 takes the backported kernel.
KERNEL ?=
DOM0_SCRIPT ?=
HV ?=
RUN_ARGS ?=

.PHONY: image run run-now
image: tools ## Build the dom0 and domU initramfs from Debian packages
	$(call say,IMAGE,$(BUILD)/image/dom0.cpio)
	$(Q)$(PYTHON) tools/image/build.py --out $(BUILD)/image $(if $(KERNEL),--kernel $(KERNEL)) $(TOOL_NAMES:%=$(BUILD)/%)

run: ## Build all and boot it: dom0, then a domU; DOM0_SCRIPT=FILE runs FILE in dom0
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory $(if $(DOM0_SCRIPT),>&2) $(if $(HV),,hypervisor) image
	@$(PYTHON) tools/run $(if $(HV),--hv $(HV)) $(if $(DOM0_SCRIPT),--script $(DOM0_SCRIPT)) $(RUN_ARGS)
