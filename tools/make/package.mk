# SPDX-License-Identifier: MIT
# Installing: `make install` puts everything below DESTDIR, `make deb` makes a Debian package of the same files.
# The hypervisor's name is one that GRUB's 20_linux_xen takes for a hypervisor (/boot/xen*), and that sorts before
# Debian's own of the same ABI version (4.17-parapet after 4.17-amd64, the last is the default).
DESTDIR ?=
PREFIX ?= /usr/local
BOOTDIR ?= /boot
UNITDIR ?= $(if $(filter /usr,$(PREFIX)),/lib,$(PREFIX)/lib)/systemd/system
AUTODIR := /etc/parapet/auto# as vmctl's manual and parapet-autostart.service have it
HV_FILE := xen-4.17-parapet.gz
INSTALL := install
SBIN := $(DESTDIR)$(PREFIX)/sbin
SHARE := $(DESTDIR)$(PREFIX)/share
MAN_PAGES := $(wildcard dom0-tools/man/*.8) $(VMCTL_MAN)
COMPLETIONS := $(VMCTL_COMPLETION)
DOC_FILES := README.md $(call rfind,docs,-name '*.md')
UNITS := $(patsubst dom0-tools/systemd/%.in,%,$(wildcard dom0-tools/systemd/*.in))
BUILD_ID := --remove-section=.note.gnu.build-id # made of debugging data, which names the build's folder

.PHONY: install uninstall deb
install: hypervisor tools ## Install below DESTDIR: the hypervisor into /boot, the tools into PREFIX (/usr/local)
	$(call say,INST,$(DESTDIR)$(PREFIX))
	$(Q)$(INSTALL) -d $(DESTDIR)$(BOOTDIR) $(SBIN) $(SHARE)/man/man8 $(SHARE)/bash-completion/completions $(DESTDIR)$(UNITDIR) \
	  $(DESTDIR)$(AUTODIR)
	$(Q)gzip -9n < $(BUILD)/parapet > $(DESTDIR)$(BOOTDIR)/$(HV_FILE) && chmod 644 $(DESTDIR)$(BOOTDIR)/$(HV_FILE)
	$(Q)for tool in $(TOOL_NAMES); do $(INSTALL) -m 755 $(BUILD)/$$tool $(SBIN)/ && \
	  strip --strip-all --remove-section=.comment $(BUILD_ID) $(SBIN)/$$tool; done
	$(Q)for page in $(MAN_PAGES); do gzip -9n < $$page > $(SHARE)/man/man8/$${page##*/}.gz && \
	  chmod 644 $(SHARE)/man/man8/$${page##*/}.gz; done
	$(Q)$(INSTALL) -m 644 $(COMPLETIONS) $(SHARE)/bash-completion/completions/
	$(Q)for unit in $(UNITS); do sed 's,@SBINDIR@,$(PREFIX)/sbin,' dom0-tools/systemd/$$unit.in > $(DESTDIR)$(UNITDIR)/$$unit && \
	  chmod 644 $(DESTDIR)$(UNITDIR)/$$unit; done
	$(Q)for page in $(DOC_FILES); do $(INSTALL) -D -m 644 $$page $(SHARE)/doc/parapet/$$page; done

uninstall: ## Remove what `make install` with the same DESTDIR and PREFIX has put there
	$(Q)rm -f $(DESTDIR)$(BOOTDIR)/$(HV_FILE) $(TOOL_NAMES:%=$(SBIN)/%) $(UNITS:%=$(DESTDIR)$(UNITDIR)/%) \
	  $(patsubst %,$(SHARE)/man/man8/%.gz,$(notdir $(MAN_PAGES))) \
	  $(addprefix $(SHARE)/bash-completion/completions/,$(notdir $(COMPLETIONS)))
	$(Q)rm -rf $(SHARE)/doc/parapet
	$(Q)for folder in $(AUTODIR) $(dir $(AUTODIR)); do \
	  [ ! -d $(DESTDIR)$$folder ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$$folder; done

deb: hypervisor tools ## Build the Debian package, $(BUILD)/parapet_VERSION_amd64.deb
	$(Q)rm -rf $(BUILD)/package
	$(Q)umask 022; $(MAKE) --no-print-directory install DESTDIR=$(abspath $(BUILD))/package PREFIX=/usr BOOTDIR=/boot
	$(Q)$(PYTHON) tools/package/deb.py --build $(BUILD) --libs '$(sort $(filter -l%,$(TOOL_STATIC_LIBS)))'

debian-dom0: deb ## A Debian disk, $(BUILD)/debian-dom0.qcow2, with the package installed (the plain disk is cached)
	$(call say,DISK,$(BUILD)/debian-dom0.qcow2)
	$(Q)$(PYTHON) tools/image/debian_dom0.py --deb $(BUILD)/parapet_*_amd64.deb --out $(BUILD)/debian-dom0.qcow2
debian-domU: ## A Debian disk for a domU, $(BUILD)/debian-domU.img: disk = ["debian-domU.img,raw,xvda,w"]
	$(call say,DISK,$(BUILD)/debian-domU.img)
	@mkdir -p $(BUILD)
	$(Q)$(PYTHON) tools/image/debian_domu.py --out $(BUILD)/debian-domU.img
debian-xen: ## The same disk with Debian's Xen in Parapet's place, $(BUILD)/debian-xen.qcow2, to compare with
	$(call say,DISK,$(BUILD)/debian-xen.qcow2)
	@mkdir -p $(BUILD)
	$(Q)$(PYTHON) tools/image/debian_dom0.py --xen --out $(BUILD)/debian-xen.qcow2
.PHONY: debian-dom0 debian-domU debian-xen
