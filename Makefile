# crash-diagnosis. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build image unit lint chart-test alert-test cluster-test e2e scenarios scale-test fault-test test demo demo-down bench bench-memory crds docs deploy score

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

build: ## the binary: target/release/crash-diagnosis
	cargo build --release --locked

image: ## the container image from the Dockerfile, as an archive in target/image/
	tests/operator/image

unit: ## Rust tests: engine, corpus, boundaries, generated files (seconds, no cluster)
	cargo test --locked

lint: ## formatting, clippy, shell and Python syntax
	tests/lint

chart-test: ## helm lint and what the chart renders
	cargo build --quiet --locked
	CRASH_DIAGNOSIS_BIN=target/debug/crash-diagnosis tests/chart/run

alert-test: ## alert rules, with promtool
	tests/alerts/run

cluster-test: ## the test cluster itself: idempotent, side by side, isolated, gone without a trace
	tests/cluster/test

e2e: ## the operator in a real cluster, installed by the chart: rights, samples, Events, metrics
	tests/e2e/run

scenarios: ## every scenario on a real cluster (NAME="a b" for some)
	tests/operator/scenarios $(NAME)

scale-test: ## what the operator costs the API server; killed at random, it leaves the same diagnoses
	tests/scale/run

fault-test: ## CRD, API server or rights missing: it says so, and goes on when they are back
	tests/faults/run

test: ## everything, the real cluster included
	tests/all

demo: ## a real cluster with broken workloads and what the operator says of them
	deploy/demo up

demo-down: ## end the demo's cluster
	deploy/demo down

bench: ## speed of the engine
	cargo bench --locked

bench-memory: ## 30,000 pods: sync time and memory of the operator
	tests/bench/memory

crds: ## write the generated CRD, also into the chart
	UPDATE_DOCS=1 cargo test --quiet --locked --test docs the_charts_crd

docs: ## write the generated parts of docs/
	UPDATE_DOCS=1 cargo test --quiet --locked --test docs

deploy: ## write deploy/operator.yaml from the chart
	tests/chart/static > deploy/operator.yaml

score: ## accuracy on ../shared/cases, where it is there
	cargo build --quiet --locked
	tests/score/run target/debug/crash-diagnosis
