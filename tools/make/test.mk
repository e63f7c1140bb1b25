# SPDX-License-Identifier: MIT
# The checks: lint, host tests, fuzz smoke, booted tests; `make test` sums them up in its last line.
.PHONY: check test lint fuzz headers format-check
lint: headers format-check ## Layers, headers, sizes, format, security map
	$(Q)$(PYTHON) tools/lint.py

format-check:
	$(Q)$(PYTHON) tools/format.py --check

# every header compiles alone
HDR_HV := $(call rfind,hypervisor,-name '*.hpp' -not -path '*/arch/host/*')
HDR_HOST := $(call rfind,hypervisor/arch/host,-name '*.hpp')
HDR_ABI := $(call rfind,pv-abi,-name '*.h')
HDR_TOOL := $(call rfind,dom0-tools,-name '*.hpp')
HDR_ASM := $(call rfind,hypervisor,-name '*.h') # for assembly, some for C++ as well
HDR_GUEST := $(call rfind,tests/guest,-name '*.hpp')
HDR_TEST := $(filter-out $(HDR_GUEST),$(call rfind,tests,-name '*.hpp'))
HDR_ALL := $(HDR_HV) $(HDR_HOST) $(HDR_ABI) $(HDR_TOOL) $(HDR_ASM) $(HDR_GUEST) $(HDR_TEST)
headers: $(HDR_ALL:%=$(BUILD)/hdr/%.ok)
header_check = @mkdir -p $(@D); $(1) -fsyntax-only -MMD -MP -MT $@ -MF $@.d -include $< -x $(2) /dev/null && touch $@
$(HDR_HV:%=$(BUILD)/hdr/%.ok): $(BUILD)/hdr/%.ok: % $(BUILD)/.flags/hv
	$(call header_check,$(CXX) $(HV_CXXFLAGS),c++)
$(HDR_HOST:%=$(BUILD)/hdr/%.ok) $(HDR_TEST:%=$(BUILD)/hdr/%.ok): $(BUILD)/hdr/%.ok: %
	$(call header_check,$(CXX) $(HOST_COMMON),c++)
$(HDR_ASM:%=$(BUILD)/hdr/%.ok): $(BUILD)/hdr/%.ok: % $(BUILD)/.flags/hv
	@mkdir -p $(@D)
	$(Q)$(CXX) $(HV_COMMON) -D__ASSEMBLY__ -MMD -MP -MT $@ -MF $@.d -include $< -x assembler-with-cpp -c -o /dev/null /dev/null && touch $@
$(HDR_GUEST:%=$(BUILD)/hdr/%.ok): $(BUILD)/hdr/%.ok: %
	$(call header_check,$(GUEST_CXX) $(GUEST_FLAGS),c++)
$(HDR_TOOL:%=$(BUILD)/hdr/%.ok): $(BUILD)/hdr/%.ok: %
	$(call header_check,$(CXX) $(TOOL_CXXFLAGS),c++)
$(HDR_ABI:%=$(BUILD)/hdr/%.ok): $(BUILD)/hdr/%.ok: %
	$(call header_check,$(CC_ABI) -std=c11 -Wall -Wextra -Werror -I.,c)
-include $(HDR_ALL:%=$(BUILD)/hdr/%.ok.d)
CC_ABI = $(if $(HV_CLANG),clang,gcc)

clang: ## Compile the hypervisor with clang, too
	$(Q)$(MAKE) --no-print-directory CXX=clang++-14 BUILD=$(BUILD)/clang hypervisor
.PHONY: clang

check: lint host-tests ## Lint and host tests, incremental

test: ## Everything: lint, host tests, fuzz smoke, micro-kernels, system tests; KINDS="host system" for some
	@$(MAKE) --no-print-directory deps
	@$(PYTHON) tools/test.py $(KINDS)
KINDS ?=
JOBS ?= 2
export JOBS

test-system: hypervisor image debug-image guest-kernels ## Boot the stock kernels: tests/system (TESTS="power crash" for some, HV=xen on Xen)
	@HV=$(HV) $(PYTHON) tests/system/run.py $(TESTS)
TESTS ?=
soak: T = 1800
soak: hypervisor image ## Two busy domUs on two CPUs, tormented for T seconds (half an hour)
	@$(PYTHON) tests/system/soak.py $(T)
drivers: ## The Debian disk on virtio-blk, AHCI and NVMe, NICs, USB; the same on Xen compared (ROOTS="nvme" for some)
	@$(PYTHON) tests/system/drivers.py $(ROOTS)
ROOTS ?=
block-load: T = 600
block-load: hypervisor image ## Stock fio in a domU, verified, for T seconds (ten minutes); then its domain and its disk go
	@$(PYTHON) tests/system/block_load.py $(T)
domu-torment: N = 20
domu-torment: hypervisor image ## N reboots and N hard kills (20) of the Debian domU while it writes: nothing may be lost
	@$(PYTHON) tests/system/domu_torment.py $(N)
net-load: T = 300
net-load: hypervisor image ## Stock iperf3 from a domU, 64 streams, T seconds (five minutes) each way
	@$(PYTHON) tests/system/net_load.py $(T)
cycles: hypervisor image guest-kernels ## Create and destroy a mini domain N (1,000) times: nothing may be lost
	@$(PYTHON) tests/system/create_cycles.py $(N)
N ?= 1000
bench: hypervisor image ## Parapet, Xen and native side by side: counted instructions (BENCH="pv lmb" or "--boot 5")
	@$(PYTHON) tests/bench/run.py $(BENCH)
BENCH ?=
debug-image: # $(BUILD)/debug/parapet
	$(Q)$(MAKE) --no-print-directory DEBUG=1 BUILD=$(BUILD)/debug hypervisor
.PHONY: test-system debug-image fuzz-bins bench cycles drivers soak hammer block-load domu-torment net-load
fuzz-bins: $(FUZZ_BINS)

T ?= 60
fuzz: $(FUZZ_BINS) ## Fuzz every target for T seconds each
	@for f in $(FUZZ_BINS); do echo "fuzz $$f"; mkdir -p $(BUILD)/corpus/$$(basename $$f); \
	  timeout $$(($(T) + 60)) $$(realpath $$f) -max_total_time=$(T) -timeout=10 -rss_limit_mb=3000 -print_final_stats=0 -verbosity=0 \
	    $(BUILD)/corpus/$$(basename $$f) $(wildcard tests/fuzz/corpus) ; done

hammer: $(BUILD)/tsan/bin/unit_hammer_mt ## Random hypercalls on four CPUs under ThreadSanitizer, for T seconds
	HAMMER_SECONDS=$(T) $<
