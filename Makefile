# Every target installs what it needs: `make demo` or `make test` can be the first command on a fresh machine.
.PHONY: build executable image release demo test test-unit test-page test-deploy test-release test-e2e test-e2e-live test-vm test-vm-short lint bench bench-micro generate clean

INSTALLED = node_modules/.package-lock.json
SOURCES = $(shell find src build -type f) package.json
SHAPE = 16
# A file that has not ended after ten minutes fails: one whose failed test leaves a timer or a socket would never end.
NODE_TEST = node --import tsx --test --test-reporter=spec --test-timeout=600000

$(INSTALLED): package.json package-lock.json
	npm ci
	@touch $@

build: bin/weka-cpuset
bin/weka-cpuset: $(INSTALLED) $(SOURCES)
	npm run --silent build

# The program with Node in one file, for each architecture.
executable: bin/weka-cpuset-linux-x64 bin/weka-cpuset-linux-arm64
bin/weka-cpuset-linux-%: bin/weka-cpuset
	node --import tsx build/make.ts executable $*

# The container image of each architecture, to be loaded by containerd, docker or podman.
IMAGE = weka-nri-cpuset
IMAGE_TAG =
image: executable
	node --import tsx build/make.ts image --image $(IMAGE)$(if $(IMAGE_TAG),:$(IMAGE_TAG))

# dist-release/: all that a release consists of.
release: image
	node --import tsx build/make.ts release

demo: build
	bin/weka-cpuset demo

test: lint test-unit test-page test-deploy test-release test-e2e test-vm-short

lint: $(INSTALLED)
	npm run --silent lint

test-unit: build
	test/setup.sh
	$(NODE_TEST) $$(find test -name '*.test.ts' $(foreach other,deploy e2e executable live page release vm,-not -path 'test/$(other)/*') | sort)

test-page: build
	test/page/setup.sh
	$(NODE_TEST) --test-concurrency=1 $$(find test/page -name '*.test.ts' | sort)

test-e2e: image
	test/e2e/setup.sh
	$(NODE_TEST) --test-concurrency=1 $$(find test/e2e -name '*.test.ts' | sort)

# The manifests and, where Go is, the Helm chart.
test-deploy: $(INSTALLED)
	test/deploy/setup.sh
	$(NODE_TEST) $$(find test/deploy -name '*.test.ts' | sort)

# What is shipped: made twice and run, for the other architecture under emulation.
test-release: release
	$(NODE_TEST) --test-concurrency=1 $$(find test/executable test/release -name '*.test.ts' | sort)

# Tests the plugin that is installed on a cluster, with kubectl: `make test-e2e-live KUBECONFIG=FILE [NODE=NAME]`.
TEST_IMAGE = busybox:stable
test-e2e-live: $(INSTALLED)
	KUBECONFIG='$(KUBECONFIG)' NODE='$(NODE)' TEST_IMAGE='$(TEST_IMAGE)' \
		$(NODE_TEST) --test-concurrency=1 $$(find test/live -name '*.test.ts' | sort)

# A virtual machine with many CPUs, see test/vm/README.md: all of its tests, on the machine of that SHAPE.
test-vm: build
	test/vm/setup.sh
	test/vm/run.sh $(SHAPE)

# The part of it that is part of `make test`: what only many CPUs show. A machine keeps little more than one CPU of this one
# busy, so that there are two at a time.
test-vm-short: build
	test/vm/setup.sh
	test/vm/run.sh 16-apart $(patsubst %,test/vm/%.test.ts,machine packing making-way) & first=$$!; \
	test/vm/run.sh 16 $(patsubst %,test/vm/%.test.ts,machine offline); second=$$?; \
	wait $$first && exit $$second

# BENCH: see `make bench BENCH=--help`.
bench: build
	node --import tsx benchmarks/main.ts $(BENCH)

# FILTER: a regular expression for the names of those to run.
bench-micro: $(INSTALLED)
	node --expose-gc --import tsx benchmarks/micro.ts $(FILTER)

generate: $(INSTALLED)
	npm run --silent generate

clean:
	rm -rf dist dist-release bin node_modules .cache
