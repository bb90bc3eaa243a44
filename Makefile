# Every target installs what it needs: `make demo` or `make test` can be the first command on a fresh machine.
.PHONY: build demo test test-unit test-page test-e2e test-vm lint bench generate clean

INSTALLED = node_modules/.package-lock.json
SOURCES = $(shell find src -type f) build.ts package.json
SHAPE = 16
NODE_TEST = node --import tsx --test --test-reporter=spec

$(INSTALLED): package.json package-lock.json
	npm ci
	@touch $@

build: bin/weka-cpuset
bin/weka-cpuset: $(INSTALLED) $(SOURCES)
	npm run --silent build

demo: build
	bin/weka-cpuset demo

test: lint test-unit test-page test-e2e

lint: $(INSTALLED)
	npm run --silent lint

test-unit: build
	test/setup.sh
	$(NODE_TEST) $$(find test -name '*.test.ts' -not -path 'test/e2e/*' -not -path 'test/page/*' -not -path 'test/vm/*' | sort)

test-page: build
	test/page/setup.sh
	$(NODE_TEST) --test-concurrency=1 $$(find test/page -name '*.test.ts' | sort)

test-e2e: build
	test/e2e/setup.sh
	$(NODE_TEST) --test-concurrency=1 $$(find test/e2e -name '*.test.ts' | sort)

# Takes long: not part of `make test`. SHAPE: see test/vm/run.sh.
test-vm: build
	test/vm/setup.sh
	test/vm/run.sh $(SHAPE)

bench: build
	node --import tsx benchmarks/events.ts

generate: $(INSTALLED)
	npm run --silent generate

clean:
	rm -rf dist bin node_modules .cache
