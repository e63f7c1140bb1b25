# SPDX-License-Identifier: MIT
# The checks: lint, host tests, fuzz smoke, booted tests; `make test` sums them up in its last line.
.PHONY: check test lint fuzz
lint: ## Layers, headers, sizes, format, security map
	$(Q)$(PYTHON) tools/lint.py

check: lint host-tests ## Lint and host tests, incremental

T ?= 60
fuzz: $(FUZZ_BINS) ## Fuzz every target for T seconds each
	@for f in $(FUZZ_BINS); do echo "fuzz $$f"; mkdir -p $(BUILD)/corpus/$$(basename $$f); \
	  timeout $$(($(T) + 60)) $$(realpath $$f) -max_total_time=$(T) -timeout=10 -rss_limit_mb=3000 -print_final_stats=0 -verbosity=0 \
	    $(BUILD)/corpus/$$(basename $$f) $(wildcard tests/fuzz/corpus) ; done
