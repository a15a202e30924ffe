# The front door. CMake knows how things are built (CMakeLists.txt); this file only calls it.
BUILD ?= build
JOBS  ?= $(shell nproc 2>/dev/null || echo 2)
PYTHON ?= python3

# An existing build folder keeps its generator.
GENERATOR := $(if $(wildcard $(BUILD)/CMakeCache.txt),,$(if $(shell command -v ninja),-G Ninja))

.DEFAULT_GOAL := build
.PHONY: help deps configure build demo test bench check format sanitize install clean

help:
	@echo "make            build everything into $(BUILD)/"
	@echo "make demo       install what is missing, build, train on phantoms, evaluate, draw the result"
	@echo "make test       install what is missing, build, run the tests"
	@echo "make sanitize   the tests under the address, undefined and thread sanitizers"
	@echo "make bench      time training, prediction, losses and metrics beside PyTorch, into docs/benchmarks.md; ONLY=step,predict"
	@echo "make check      formatting, levels of includes, headers"
	@echo "make format     format the sources"
	@echo "make install    install below PREFIX (default /usr/local)"
	@echo "make clean      remove the build folders"
	@echo "Variables: BUILD=folder JOBS=n PYTHON=python3 CMAKE_FLAGS=\"-DRMSEG_WERROR=ON ...\" (see CMakeLists.txt)"

deps:
	@tools/install_deps.sh

configure:
	cmake -S . -B $(BUILD) $(GENERATOR) $(CMAKE_FLAGS)

build: configure
	cmake --build $(BUILD) -j $(JOBS)

demo: deps
	$(MAKE) configure
	cmake --build $(BUILD) -j $(JOBS) --target rmseg_command
	$(BUILD)/src/cli/rmseg demo --out demo --overwrite

test: deps
	$(MAKE) build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

bench: build
	$(PYTHON) tools/bench.py --build $(BUILD) $(if $(ONLY),--sections $(ONLY)) $(BENCH_FLAGS)

sanitize: deps
	$(MAKE) test BUILD=$(BUILD)-address CMAKE_FLAGS="-DRMSEG_SANITIZE=address -DCMAKE_BUILD_TYPE=RelWithDebInfo"
	$(MAKE) test BUILD=$(BUILD)-thread CMAKE_FLAGS="-DRMSEG_SANITIZE=thread -DCMAKE_BUILD_TYPE=RelWithDebInfo"

check: configure
	tools/format.sh --check
	ctest --test-dir $(BUILD) --output-on-failure -R '^(headers|levels)$$'

format:
	tools/format.sh

install: build
	cmake --install $(BUILD) $(if $(PREFIX),--prefix $(PREFIX))

clean:
	rm -rf $(BUILD) $(BUILD)-address $(BUILD)-thread
