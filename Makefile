# Every target installs what it needs: `make demo` or `make test` can be the first command on a fresh machine.
.PHONY: build demo test test-unit test-e2e lint bench clean generate

TEST_FLAGS ?=
NODE_TEST = node --import tsx --test --test-reporter=spec $(TEST_FLAGS)

node_modules/.package-lock.json: package.json package-lock.json
	npm ci
	@touch $@

build: dist/weka-cpuset.cjs
dist/weka-cpuset.cjs: node_modules/.package-lock.json build.ts $(shell find src -type f)
	npm run --silent build

generate: node_modules/.package-lock.json
	npm run --silent generate

lint: node_modules/.package-lock.json
	npm run --silent lint

test-unit: build
	$(NODE_TEST) $$(find test -name '*.test.ts' -not -path 'test/e2e/*')

test-e2e: build
	test/e2e/setup.sh
	$(NODE_TEST) --test-concurrency=1 $$(find test/e2e -name '*.test.ts')

test: lint test-unit test-e2e

demo: build
	bin/weka-cpuset demo

clean:
	rm -rf dist bin node_modules .cache
