# SPDX-License-Identifier: GPL-2.0-or-later
#
# Verbs only: each calls a tool, which decides by itself what is up to date. All output but install's goes to build/.
# A line that begins with ##@ opens a group of `make help`.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

# Only `make tomorrow` takes packages of testing and unstable, and says so to private-apt itself.
unexport CHIMNEY_APT_SUITE

KERNELS ?= 6.1 6.12 7.3
# The guest kernel of demo and vm, also one that is not in the list, such as newest; the series of the debug kernel.
KERNEL ?=
kernels = $(KERNELS) $(filter-out $(KERNELS),$(KERNEL))
with = $(if $(KERNEL),--kernel $(KERNEL))
debug = debug$(patsubst %,-%,$(filter-out 6.12,$(KERNEL)))
ARGS ?=

# QEMU=VERSION, or the path of a program: which QEMU is built, and which one the harness runs.
ifneq ($(QEMU),)
export CHIMNEY_QEMU := $(QEMU)
endif

# SHARD=k/n goes with the check verbs: the kth of n parts of their tests. What is no shard is refused before anything is
# built, by pytest itself.
.shard: setup
	@$(if $(SHARD),cd harness && /usr/bin/python3 -m pytest --shard "$$SHARD" --markers >/dev/null)

help: ## print this list
	@awk -F': .*## ' '/^##@ / { printf "%s%s\n", sep, substr($$0, 5); sep = "\n" } \
		/^[a-z-]+:.*## / && sep { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ See it work

demo: all ## boot a VM and move live connections between Linux TCP and the card; first time: set up and build all
	@harness/demo $(with) $(ARGS)

vm: all ## open a shell in a VM with driver, tools and network up, iperf3 and curl among them
	@harness/chimney run $(with) --bin iperf3 --bin curl $(ARGS)

##@ Test (ARGS are for pytest; SHARD=2/4 with check verbs: the second quarter of the tests)

test: setup ## run one test: T=tests/FILE.py, T=tests/FILE.py::NAME, or a part of its name
	@harness/setup/one-test "$$T" $(ARGS)

check-fast: .shard qemu-asan engine-test ## run the tests that need no VM, in under a minute
	@harness/setup/pytest check-fast 'not vm and not slow and not debug and not long' $(ARGS)

check: .shard all qemu-asan engine-test ## run all tests but the debug and long ones
	@JOBS=$${JOBS:-$$(($$(nproc) + 1))} harness/setup/pytest check 'not debug and not long' $(ARGS)

check-debug: .shard all debug-kernel ## run the guest suite on the debug kernel (KASAN, lockdep and others; KERNEL=7.3: on that one)
	@guest-driver/build $(debug)
	@CHIMNEY_DEBUG_KERNEL=$(debug) CHIMNEY_PACE=4 JOBS=$${JOBS:-1} harness/setup/pytest check-debug 'debug' $(ARGS)

check-long: .shard all qemu-asan engine-test ## run the long tests (many seeds, many bytes), and all of those that check draws from
	@harness/setup/pytest check-long 'long or drawn' $(ARGS)

tomorrow: setup ## build driver and device against what Debian testing and unstable have, and print what breaks
	@harness/setup/tomorrow $(ARGS)

mutants: all ## break rules in turn, each founding one among them, and see their tests fail
	@harness/mutants/run $(ARGS)

fresh: ## run demo and .ci/run on this commit in a new, empty Debian (SUITE=trixie: Debian 13), and print the times
	@harness/setup/host-packages fresh
	@harness/setup/fresh $(if $(SUITE),--suite $(SUITE)) $(ARGS)

##@ Measure

bench: all ## measure chimney side by side with other cards, and print a table
	@harness/bench $(ARGS)

sizes: ## print files and functions that are longer than the budget
	@harness/setup/host-packages lint
	@harness/setup/sizes

##@ Check and generate sources

lint: ## check the sources with every checker that fits (ARGS=--changed: only what is staged)
	@harness/setup/host-packages build lint
	@harness/setup/lint $(ARGS)

abi: ## generate the Python mirror of the ABI header
	@/usr/bin/python3 spec/gen_abi.py harness/lib/chimney/abi.py

conformance: setup ## generate spec/conformance.md: every requirement with its tests or its reason
	@harness/conformance $(ARGS)

##@ Build

all: setup qemu engine kernels driver images ## build every part, without running anything

setup: ## install the Debian packages that are missing
	@harness/setup/host-packages

qemu: setup ## build QEMU with the chimney device (QEMU=11.1: that version; with any other verb: to run on it)
	@qemu-device/overlay/build

qemu-asan: qemu ## build QEMU once more with device and engine under ASan and UBSan
	@qemu-device/overlay/sanitize

engine: setup ## build the TCP engine as a library of its own
	@$(MAKE) -s -C qemu-device/engine

engine-test: engine ## build the engine's unit tests and simulations
	@$(MAKE) -s -C qemu-device/engine tests

kernels: setup ## fetch the guest kernels
	@images/kernels $(kernels)

driver: kernels ## build chimney.ko for each guest kernel, and chimneyctl
	@guest-driver/build $(kernels)
	@guest-driver/tools/build

images: driver ## build a guest image for each kernel, and with it the base that runs use
	@for kernel in $(kernels); do \
		images/mkinitramfs --kernel $$kernel --out build/images/guest-$$kernel.cpio || exit 1; done

debug-kernel: setup ## build the debug kernel from Debian's Linux source (of 6.12; KERNEL=7.3: of that)
	@harness/setup/host-packages debug
	@images/debug-kernel $(KERNEL)

clean: ## remove everything that was built; what was downloaded stays
	@harness/setup/clean

##@ Install

install: ## install the driver's sources for DKMS, chimneyctl, manual pages and completions (DESTDIR=, PREFIX=/usr)
	@guest-driver/install

.PHONY: help demo vm test check-fast check check-debug check-long tomorrow mutants fresh bench sizes lint abi conformance \
	all setup qemu qemu-asan engine engine-test kernels driver images debug-kernel clean install
