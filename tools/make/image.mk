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

ifneq ($(filter run,$(MAKECMDGOALS)),)
ifneq ($(DOM0_SCRIPT),)
# make ends with the script's own status, for which it needs a function of its own
EXIT_SO := $(BUILD)/exit_status.so
$(shell tools/deps.sh >&2; mkdir -p $(BUILD); test $(EXIT_SO) -nt tools/make/exit_status.c || \
  gcc -shared -fPIC -Wall -Wextra -Werror -o $(EXIT_SO) tools/make/exit_status.c)
-load $(EXIT_SO)(exit_status_gmk_setup)
endif
endif

run: $(if $(DOM0_SCRIPT),run-script,run-now) ## Build all and boot it: dom0, then a domU; DOM0_SCRIPT=FILE runs FILE in dom0
	$(if $(DOM0_SCRIPT),$(exit-status $(BUILD)/script.status))@$(if $(DOM0_SCRIPT),exit $$(cat $(BUILD)/script.status),:)

run-build:
	@$(MAKE) --no-print-directory deps >&2
	@$(MAKE) --no-print-directory $(if $(HV),,hypervisor) image >&2
run-now: run-build
	@$(PYTHON) tools/run $(if $(HV),--hv $(HV)) $(RUN_ARGS)
run-script: run-build
	@$(PYTHON) tools/run $(if $(HV),--hv $(HV)) --script '$(DOM0_SCRIPT)' $(RUN_ARGS) \
	  && echo 0 > $(BUILD)/script.status || echo $$? > $(BUILD)/script.status
.PHONY: run-build run-script

.PHONY: iso
iso: hypervisor image ## A GRUB image, $(BUILD)/parapet.iso, that boots the same pair by multiboot2
	$(call say,ISO,$(BUILD)/parapet.iso)
	$(Q)$(PYTHON) tools/image/iso.py --out $(BUILD)/parapet.iso --hv $(BUILD)/parapet \
	  --kernel $(BUILD)/image/vmlinuz --initrd $(BUILD)/image/dom0.cpio
