# One word for each thing that one does here; `make` alone lists them.

IMAGE_NAME ?= nb-builder
SERVICE ?= my-service
BASE_IMAGE ?= debian:bookworm-slim
NOTEBOOK ?= docs/examples/kmeans
PORT ?= 8080
# Certificate authorities that the image trusts beside Debian's: those of a proxy that inspects TLS.
CA_BUNDLE ?= $(SSL_CERT_FILE)

HOME_DIR := $(CURDIR)/.nb-builder
BUILD := $(HOME_DIR)/build/bin
TEST := $(HOME_DIR)/test/bin
DOCKER ?= docker
# Settings of pip that are set here reach the build of the image, and stay out of the image.
BUILD_ARGS := $(foreach name,PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST,$(if $($(name)),--build-arg $(name)))
VERSION := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)

export NB_BUILDER_HOME := $(HOME_DIR)

.PHONY: help run check-notebook build runtime test test-unit test-flow test-image check audit lock bench clean environments developer

help:
	@echo "make run         build the example notebook, serve it here and ask it once; NOTEBOOK=<folder, .ipynb or git URL>"
	@echo "make check-notebook  say what would keep a notebook from being built; NOTEBOOK=… as for run, JSON=1 for machines"
	@echo "make build       make the builder image $(IMAGE_NAME); BASE_IMAGE=… CA_BUNDLE=… COMPILERS=1 APT=\"graphviz …\" OTEL=1"
	@echo "make runtime     make the slim image $(SERVICE)-slim (IMAGE=…) of the service image $(SERVICE); S2I_SLIM=… S2I_KEEP=… S2I_SLIM_BASE=…"
	@echo "make test        check, test-unit, test-flow, test-docs and test-image, one after the other"
	@echo "make test-image  the image tests alone: the real s2i and a container engine"
	@echo "make check       linters and docstrings"
	@echo "make audit       known vulnerabilities in what the SBOM of IMAGE=… names; AUDIT_OPTIONS=… are pip-audit's"
	@echo "make bench       speeds and sizes beside the classic way; BENCH=<build, images, start, serve, notebooks, …>"
	@echo "make lock        resolve our dependencies anew into s2i/requirements.lock"
	@echo "make clean       remove what all of these have made here"

# Each run of install is a tenth of a second where nothing has changed.
environments:
	@command -v git >/dev/null || { echo "nb-builder needs git; on Debian: apt-get install git" >&2; exit 1; }
	@s2i/install "$(HOME_DIR)" $(if $(JSON),>&2)

developer:
	@s2i/install "$(HOME_DIR)" --test

run: environments
	@exec "$(BUILD)/python" -I -m nb_builder local "$(NOTEBOOK)"

check-notebook: environments
	@exec s2i/check $(if $(JSON),--json) "$(NOTEBOOK)"

build:
	@mkdir -p "$(HOME_DIR)" && rm -f "$(HOME_DIR)/ca-bundle.crt"
	@if [ -n "$(CA_BUNDLE)" ]; then cp "$(CA_BUNDLE)" "$(HOME_DIR)/ca-bundle.crt"; fi
	$(DOCKER) build --build-arg BASE_IMAGE=$(BASE_IMAGE) --build-arg VERSION=$(VERSION) \
		$(if $(COMPILERS),--build-arg COMPILERS=1) $(if $(APT),--build-arg APT="$(APT)") $(if $(OTEL),--build-arg OTEL=1) $(BUILD_ARGS) --tag $(IMAGE_NAME) .

# What is given to make as S2I_SLIM=… is in the environment, too.
runtime:
	@DOCKER="$(DOCKER)" s2i/runtime "$(SERVICE)" "$(or $(IMAGE),$(SERVICE)-slim)"

test: check test-unit test-flow test-docs test-image

# What every server must answer, once more with waitress alone on PORT.
CONTRACT := $(addprefix test/contract/test_,answers.py bodies.py gate.py life.py seen.py tracing.py)

test-unit: developer
	$(TEST)/python -m pytest test/unit test/contract
	S2I_FRONT=waitress $(TEST)/python -m pytest -m "not front" $(CONTRACT)

test-flow: developer
	$(TEST)/python -m pytest test/flow

test-docs: developer
	$(TEST)/python -m pytest test/docs

test-image: developer
	$(TEST)/python -m pytest test/image

check: developer
	$(TEST)/ruff check .
	$(TEST)/ruff format --check .
	$(TEST)/mypy
	$(TEST)/shellcheck s2i/install s2i/check s2i/runtime s2i/bin/* test/run .ci/run

audit:
	@s2i/install "$(HOME_DIR)" --audit
	@"$(BUILD)/python" -I -m nb_builder audit --engine=$(DOCKER) $(IMAGE) $(AUDIT_OPTIONS)

bench: developer
	$(TEST)/python test/bench $(BENCH)

lock:
	@s2i/install "$(HOME_DIR)"
	$(BUILD)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --upgrade \
		--no-header --no-emit-index-url --annotation-style line --output-file s2i/requirements.lock \
		s2i/pyproject.toml app-skeleton/pyproject.toml --extra otel --group kernel --group s2i --group test

clean:
	rm -rf "$(HOME_DIR)" .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
