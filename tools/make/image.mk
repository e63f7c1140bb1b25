# SPDX-License-Identifier: MIT
# Images that boot: the dom0 image (packages from the cache plus our tools) and the GRUB iso.
.PHONY: image run run-now iso
