# Targets for a clone of nb-builder; `make` alone lists them. User pages use `nb-builder` instead.

IMAGE_NAME ?= nb-builder
SERVICE ?= my-service
BASE_IMAGE ?= debian:trixie-slim
NOTEBOOK ?= docs/examples/kmeans
PORT ?= 8080
# Certificate authorities that the image trusts in addition to Debian's: those of a proxy that inspects TLS.
CA_BUNDLE ?= $(SSL_CERT_FILE)

HOME_DIR := $(CURDIR)/.nb-builder
BUILD := $(HOME_DIR)/build/bin
TEST := $(HOME_DIR)/test/bin
DOCKER ?= docker

export NB_BUILDER_HOME := $(HOME_DIR)
export DOCKER

.PHONY: help run dev batch check-notebook new builder slim native spark-model zipapp push pull diff ab-report rebuild-check sign verify test test-all test-rest test-bytecode test-times test-unit test-flow test-docs test-image test-long test-spark test-operate test-bus lint docs release release-models audit lock stubs board bench mutants fuzz-native fuzz-protocols fuzz-grpc clean environments developer

define HELP
Build and serve on this machine, without containers; NOTEBOOK=<folder, .ipynb or git URL>:
  make run              build the notebook, serve it and send it one sample
                        PORT=8080 JSON=1 MODEL=<model file or registry reference> KEY=<public key>
  make check-notebook   check a notebook for errors without running its cells
                        FIX=1 writes requirements and drafts a predictor; JSON=1
                        RUN_REQUIREMENTS=1 also runs the code that computes requirements
  make new              create a small repository that builds
                        FOLDER=<new folder> NAME=<image> JSON=1
  make dev              rebuild and serve at each save, next to JupyterLab
                        LAB=<port, 0 for none>
  make batch            build the notebook and score files with it
                        IN=<files> OUT=<file> OPTIONS="--keep none" BATCH=1 for Parquet

Build images with Docker or Podman; SERVICE=$(SERVICE) IMAGE=<name of the new image>:
  make builder          build the builder image
                        IMAGE_NAME=$(IMAGE_NAME) BASE_IMAGE=$(BASE_IMAGE) CA_BUNDLE=<file> APT="graphviz ..."
                        COMPILERS=1 OTEL=1 BATCH=1 GRPC=1 WEIGHTS=1 BUS=nats,redis
                        PLATFORM=linux/arm64 PYTHONS="3.6 3.12 3.14" PYTHON_IMAGE=python:{}-slim (for 3.6 and 3.7)
  make slim             build and verify the slim image of a service image
                        S2I_SLIM=<off, distributions or files> S2I_KEEP=<packages> S2I_SLIM_BASE=<scratch or shell>
  make native           build the native image of a service image, or explain why it can't be compiled
                        PLATFORM=linux/arm64
  make rebuild-check    build a service image again from the same sources and list the differences
  make audit            look up known vulnerabilities of a slim image
                        IMAGE=<image or SBOM> AUDIT_OPTIONS=<options of pip-audit>

Move models:
  make zipapp           write the model of SERVICE as one file that Python runs
                        OUT=model.pyz WHEELS=1 KEY=<private key> CERTIFICATE=<file>
  make spark-model      write the model archive that Spark jobs load
                        OUT=model.zip
  make push             push the model of SERVICE, or a file, to a registry
                        TO=registry.example.org/name:tag MODEL=<file>
  make pull             pull a model file from a registry
                        FROM=registry.example.org/name@sha256:... OUT=model.pyz KEY=<public key>
  make sign             sign the model of SERVICE with a private key
                        KEY=<private key> CERTIFICATE=<file> IMAGE=<new name>
  make verify           verify the signature of a model and show its provenance
                        KEY=<public key> MODEL=<file>

Compare versions:
  make diff             compare predictions, speed and memory of two services
                        OLD=... NEW=... (images, or folders of local builds) SAMPLES=golden|<file>
                        HTML=<file> JSON=<file> MAX_DIFFERENT=1% MAX_DIFFERENCE=0.01
                        MAX_LATENCY_RATIO=1.2 MAX_MEMORY_RATIO=1.2
  make ab-report        report which of two versions performs better, based on Prometheus metrics
                        PROMETHEUS=http://... A=... B=... SINCE=1h LABEL=version ROUTE=/predict PREFIX=nb JSON=1

Test; K=<an expression for pytest's -k>:
  make test             linters, unit tests, and one test of each kind: ten minutes on two cores
                        ROOM=s2i/nb_builder/requirements for the tests of one package: seconds
  make test-all         everything except clusters and tests that take an hour: 25 minutes
  make test-rest        the part of test-all that test leaves out
  make test-times       show the time of each test in the last runs
  make test-unit        unit and contract tests
  make test-flow        builds with the scripts, without containers
  make test-docs        pages and their commands
  make test-image       tests with s2i and a container engine
  make test-long        the slow tests that test-all skips: an hour
  make test-spark       Spark clusters on this machine, one on Kubernetes: Java 17, minutes
  make test-operate     docs/deploy on Kubernetes, a Swarm, podman and compose, under load: as root, half an hour
  make test-bus         all message brokers, killed while samples pass: half an hour
  make lint             linters, types, docstrings and plain English
  make bench            measure speed and size in comparison with other tools
                        BENCH=<build, images, start, serve, verify, capacity, ...>
  make mutants          mutation testing of one package: as root
                        ROOM=... MUTANTS="--sample=200 --seed=1"
  make fuzz-native      random bytes for native programs, with libFuzzer
                        RUNS=10000000
  make fuzz-protocols   random requests that the OpenAPI document allows
                        RUNS=40 for each operation; make test-all has 5
  make fuzz-grpc        random gRPC messages
                        RUNS=100000; make test-all has 1500

Maintain this repository:
  make docs             build the documentation site in .nb-builder/docs: Python 3.11
  make lock             resolve the dependencies again into s2i/requirements.lock
  make stubs            generate the gRPC messages again from the .proto files
  make board            generate docs/deploy/prometheus again from the metric table
  make release          build a tag's wheel and builder image twice, compare them, write SBOM, digests and signature
                        VERSION=1.2.3 OUT=dist KEY=<private key>
  make release-models   keep the models of a version, to test later versions with them
                        VERSION=1.2.3
  make clean            remove everything that these targets created
endef
export HELP

help:
	@echo "$$HELP"

# The command that `pip install nb-builder` installs.
NB_BUILDER = exec s2i/nb-builder
# An option of a command, if its variable is set.
option = $(if $(2),$(1) "$(2)")

environments:
	@s2i/install "$(HOME_DIR)" $(if $(JSON),>&2)

developer:
	@s2i/install "$(HOME_DIR)" --test

run:
	@$(NB_BUILDER) run $(if $(MODEL),$(call option,--model,$(MODEL)) $(call option,--key,$(KEY)),"$(NOTEBOOK)") $(if $(JSON),--json)

dev:
	@$(NB_BUILDER) dev "$(NOTEBOOK)"

# `make batch BATCH=1` also sets BATCH in the environment.
batch:
	@$(NB_BUILDER) batch "$(NOTEBOOK)" $(OPTIONS) $(IN) $(OUT)

check-notebook:
	@$(NB_BUILDER) check $(if $(JSON),--json) $(if $(FIX),--fix) \
		$(if $(RUN_REQUIREMENTS),--run-requirements) "$(NOTEBOOK)"

new:
	@$(NB_BUILDER) new $(if $(JSON),--json) $(call option,--name,$(NAME)) "$(FOLDER)"

# The names that targets had before 0.2; remove them in that version.
.PHONY: build runtime check
build: builder
	@echo "note: 'make build' is now called 'make builder'. The old name will be removed." >&2

runtime: slim
	@echo "note: 'make runtime' is now called 'make slim'. The old name will be removed." >&2

check: lint
	@echo "note: 'make check' is now called 'make lint'. The old name will be removed." >&2

builder:
	@$(NB_BUILDER) builder --tag "$(IMAGE_NAME)" --base "$(BASE_IMAGE)" --ca-bundle "$(CA_BUNDLE)" \
		$(call option,--platform,$(PLATFORM)) $(call option,--pythons,$(PYTHONS)) $(call option,--python-image,$(PYTHON_IMAGE)) \
		$(call option,--apt,$(APT)) $(call option,--bus,$(BUS)) $(if $(COMPILERS),--compilers) $(if $(OTEL),--otel) \
		$(if $(BATCH),--batch) $(if $(GRPC),--grpc) $(if $(WEIGHTS),--weights)

# `make slim S2I_SLIM=…` and `make native PLATFORM=…` also set these in the environment.
slim:
	@$(NB_BUILDER) slim "$(SERVICE)" $(call option,--tag,$(IMAGE))

native: export COMPILER := $(or $(COMPILER),$(BASE_IMAGE))
native:
	@$(NB_BUILDER) native "$(SERVICE)" $(call option,--tag,$(IMAGE))

spark-model:
	@$(NB_BUILDER) spark-model "$(SERVICE)" $(call option,--output,$(OUT))

zipapp:
	@$(NB_BUILDER) zipapp "$(SERVICE)" $(call option,--output,$(OUT)) $(if $(WHEELS),--wheels) \
		$(call option,--key,$(KEY)) $(call option,--certificate,$(CERTIFICATE))

# Push the file MODEL=…, or one that `make zipapp` writes for SERVICE.
push:
	@$(if $(MODEL),,$(MAKE) --no-print-directory zipapp OUT="$(HOME_DIR)/pushed-model")
	@$(NB_BUILDER) push "$(or $(MODEL),$(HOME_DIR)/pushed-model)" "$(TO)"

pull:
	@$(NB_BUILDER) pull "$(FROM)" $(call option,--output,$(OUT)) $(call option,--key,$(KEY))

# JSON=1 prints JSON to stdout; other values name a file.
diff:
	@$(NB_BUILDER) diff --engine="$(DOCKER)" --max-different="$(MAX_DIFFERENT)" --max-difference="$(MAX_DIFFERENCE)" \
		--max-latency-ratio="$(MAX_LATENCY_RATIO)" --max-memory-ratio="$(MAX_MEMORY_RATIO)" --read="$(OPTIONS)" \
		--html="$(HTML)" $(if $(filter 1,$(JSON)),--json,--json-file="$(JSON)") -- "$(OLD)" "$(NEW)" "$(SAMPLES)"

ab-report:
	@$(NB_BUILDER) ab-report --since="$(SINCE)" --label="$(LABEL)" --route="$(ROUTE)" --prefix="$(PREFIX)" $(if $(JSON),--json) \
		-- "$(PROMETHEUS)" "$(A)" "$(B)"

rebuild-check:
	@$(NB_BUILDER) rebuild-check "$(SERVICE)" --builder "$(IMAGE_NAME)"

sign:
	@$(NB_BUILDER) sign "$(SERVICE)" --key "$(KEY)" $(call option,--certificate,$(CERTIFICATE)) $(call option,--tag,$(IMAGE))

# A file is verified by this program, not by the one in the file.
verify:
	@$(NB_BUILDER) verify "$(or $(MODEL),$(SERVICE))" --key "$(KEY)"

# Tests of one package, tests that K=… matches, or all. Every worker imports every test: without kept bytecode, pytest would
# rewrite the assertions of all of them in each worker.
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(TEST)/python -m pytest $(if $(K),-k "$(K)")
# Most tests wait more than they compute, so more of them run at once than small machines have cores. Tests that share a
# fixture form a group, which one process runs.
AT_ONCE := -n 6 --dist worksteal
BUILDS_AT_ONCE := -n 6 --dist loadgroup --no-loadscope-reorder
BUILDS := test/flow test/docs test/image
# The tests that every server must pass, again with waitress alone on PORT.
CONTRACT := $(addprefix test/contract/test_,answers.py bodies.py gate.py life.py protocols.py seen.py tracing.py)
# pytest exits with 5 if K=… matches no test of a part; that is not a failure.
NONE_IS_FINE = $(if $(K),|| [ $$? -eq 5 ])

ifdef ROOM
test: developer
	$(PYTEST) -n 2 -m "not long" $$($(TEST)/python test/rooms.py "$(ROOM)")
else
# All builds in one run: while builds in containers wait, those on this machine compute.
test:
	@$(MAKE) --no-print-directory -j 2 lint test-bytecode
	@rm -f "$(HOME_DIR)/test-skipped.jsonl"
	$(PYTEST) $(AT_ONCE) -m "not long and not rest" test/unit test/contract $(NONE_IS_FINE)
	$(PYTEST) $(BUILDS_AT_ONCE) -m "not long and not rest" $(BUILDS) $(NONE_IS_FINE)
	@$(TEST)/python test/skipped.py
endif

# Once, on the core that the linters leave. The next run of pytest reports modules that can't be imported.
test-bytecode: developer
	-@$(PYTEST) --collect-only -qq test/unit test/contract $(BUILDS) >/dev/null 2>&1

# The second part of test-all, which CI runs after `make test`.
test-rest: developer
	$(PYTEST) $(AT_ONCE) -m "not long and rest" test/contract $(NONE_IS_FINE)
	S2I_FRONT=waitress $(PYTEST) $(AT_ONCE) -m "not front" $(CONTRACT) $(NONE_IS_FINE)
	$(PYTEST) $(BUILDS_AT_ONCE) -m "not long and rest" $(BUILDS) $(NONE_IS_FINE)

test-all:
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory test-rest

test-times:
	@python3 test/times.py

test-unit: developer
	$(PYTEST) $(AT_ONCE) -m "not long" test/unit test/contract $(NONE_IS_FINE)

test-flow: developer
	$(PYTEST) $(BUILDS_AT_ONCE) test/flow $(NONE_IS_FINE)

test-docs: developer
	$(PYTEST) $(BUILDS_AT_ONCE) test/docs $(NONE_IS_FINE)

test-image: developer
	$(PYTEST) $(BUILDS_AT_ONCE) test/image $(NONE_IS_FINE)

# Not in `make test-all`: all fixtures in containers, other bases, clouds' own clients, brokers in containers, each Python, a
# build that is made twice, and services without what only Linux has (test/portable.py).
test-long: developer
	$(PYTEST) $(BUILDS_AT_ONCE) -m long test/unit test/contract test/flow test/image $(NONE_IS_FINE)
	NB_RANDOM_EXAMPLES=1 $(PYTEST) $(AT_ONCE) -m "not long" $$(grep -rl "^from hypothesis" test/unit test/contract/test_*.py) $(NONE_IS_FINE)
	NB_TEST_PORTABLE=1 $(PYTEST) $(AT_ONCE) -m "not front and not long" $(CONTRACT) test/contract/test_batch.py $(NONE_IS_FINE)

# Not in `make test-all`: PySpark has 480 MB and needs Java, and clusters on a small machine take minutes.
test-spark: developer
	$(PYTEST) test/spark

# Not in `make test-all`: a cluster of Kubernetes on this machine, which the first time takes minutes to build, a Swarm, podman,
# and 10,000 requests for each way of replacing a version.
test-operate: developer
	$(PYTEST) test/operate

# Not in `make test`, where a small storm is: this one takes minutes for each broker.
test-bus: developer
	STORM=1 $(PYTEST) -s test/contract/test_bus_storms.py
	BROKERS=1 $(PYTEST) test/contract/test_bus*.py

lint: developer
	$(TEST)/python test/plain_english.py
	$(TEST)/ruff check .
	$(TEST)/ruff format --check .
	$(TEST)/lint-imports --no-cache
	$(TEST)/mypy
	$(TEST)/shellcheck s2i/install s2i/check s2i/explain s2i/nb-builder s2i/python s2i/bin/* test/run test/mutants/sandbox.sh test/kubernetes/node.sh .ci/run

# From a tag; see CONTRIBUTING.md.
release: developer
	PYTHONPATH=test $(TEST)/python test/release $(VERSION) $(or $(OUT),dist) $(KEY)

# The models of a version that is about to be released, for the tests of those after it.
release-models: developer
	PYTHONPATH=test $(TEST)/python test/release models $(VERSION)

audit:
	@$(NB_BUILDER) audit $(IMAGE) $(AUDIT_OPTIONS)

bench: developer
	$(TEST)/python test/bench $(BENCH)

# Build everything each time: Sphinx repeats no warning for an unchanged page.
docs:
	@s2i/install "$(HOME_DIR)" --docs
	@rm -rf "$(HOME_DIR)/docs"
	@"$(HOME_DIR)/sphinx/bin/python" -I -m sphinx --quiet --fail-on-warning --fresh-env --doctree-dir "$(HOME_DIR)/sphinx/doctrees" docs "$(HOME_DIR)/docs"
	@echo "---> $(HOME_DIR)/docs/index.html"

# Not in any other target: a package takes minutes. test/mutants/__main__.py describes it, and the options of MUTANTS.
mutants: developer
	nice $(TEST)/python test/mutants "$(ROOM)" $(MUTANTS)

# Not in any other target: ten million take an hour or two.
fuzz-native: developer
	PYTHONPATH=test nice -n 19 $(TEST)/python test/fuzz $(RUNS)

# Not in any other target: on two busy cores 40 examples took twelve minutes.
fuzz-protocols: developer
	FUZZ=$(or $(RUNS),40) $(PYTEST) -n 2 test/contract/test_clients.py -k openapi_document_says

# Not in any other target: a hundred thousand take half an hour.
fuzz-grpc: developer
	GRPC_MESSAGES=$(or $(RUNS),100000) $(PYTEST) test/contract/test_grpc.py -k of_all_kinds

lock: BROKERS = $(shell sed -n 's/^bus-\([a-z]*\) = .*/\1/p' app-skeleton/pyproject.toml)
lock:
	@s2i/install "$(HOME_DIR)"
	@# Why: s2i/install.
	@echo "python-dateutil>=3" >"$(HOME_DIR)/overrides.txt"
	$(BUILD)/uv pip compile --quiet --override "$(HOME_DIR)/overrides.txt" --universal --python-version 3.10 --generate-hashes --upgrade \
		--no-header --no-emit-index-url --annotation-style line --output-file s2i/requirements.lock \
		s2i/pyproject.toml app-skeleton/pyproject.toml --extra otel --extra batch --extra grpc --extra weights $(BROKERS:%=--extra bus-%) --group kernel --group s2i --group lab --group docs --group test

# gRPC messages, in a separate environment: the generator needs older libraries than the service.
stubs: PROTOC = $(BUILD)/uv run --quiet --no-project --python $(BUILD)/python --with grpcio-tools==1.81.1 --with protobuf==6.33.6
stubs:
	@s2i/install "$(HOME_DIR)"
	$(PROTOC) python -m grpc_tools.protoc --proto_path=app-skeleton --python_out=app-skeleton --pyi_out=app-skeleton \
		app-skeleton/nb_service/backends/grpc_service/stubs/*.proto

board:
	@s2i/install "$(HOME_DIR)"
	"$(HOME_DIR)/service/bin/python" -I -m nb_service.observability docs/deploy/prometheus

clean:
	rm -rf "$(HOME_DIR)" .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
