# SPDX-License-Identifier: Apache-2.0
# make               build/nngen
# make demo          compile one trained network to VHDL and prove it
# make test          every test (make test-fast: under two minutes)
# make fuzz          random networks: SEED=1 N=100 GHDL=10
# make bench         nngen beside da4ml and alkaid: cells, registers, times (hours; SYNTH=0: minutes, without yosys; ROWS='jet_like@*')
# make bench-search  --target-loss beside uniform formats, on held-back data (an hour; SYNTH=0 ROWS=digits: minutes)
# make bench-stream  the last part of it alone: networks as streams (an hour; SYNTH=0 SIMULATE=0: a minute, without yosys and Verilator; ROWS='mlp3@*')
# make bench-cells   counts the cells of every model with yosys, into tests/bench/cells.tsv (an hour)
# make deps          install what is missing (Debian/Ubuntu)
# make golden-update take the present output as the expected one
# make table         measures the table of the README, into it
# make install       to PREFIX (/usr/local), with man page and bash completion
CC ?= cc
CFLAGS ?= -O2 -g
BUILD ?= build
STD = -std=c11 -D_XOPEN_SOURCE=700
WARN = -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes
ALL_CFLAGS = $(STD) $(WARN) $(CFLAGS) $(SANITIZE) -Igen -Iruntime -I$(BUILD) -MMD -MP
LIBS = -lprotobuf-c -ljansson -lmpfr -lgmp -lzip -lmd -lm -lpthread

SRC := $(filter-out gen/main.c,$(wildcard gen/*.c))
OBJ := $(SRC:gen/%.c=$(BUILD)/%.o) $(BUILD)/onnx.pb-c.o $(BUILD)/embedded.o
EMBED := $(shell find templates runtime testbench -type f 2>/dev/null | LC_ALL=C sort)
PROTO ?= /usr/include/onnx/onnx.proto

.PHONY: all deps bench bench-venv bench-search bench-stream bench-cells demo demo-built test test-fast test-built test-programs fuzz kept golden-update table sanitize clean install format lint
all: $(BUILD)/nngen

$(BUILD)/nngen: $(BUILD)/main.o $(BUILD)/libnngen.a
	$(CC) $(CFLAGS) $(SANITIZE) -o $@ $^ $(LIBS)

$(BUILD)/libnngen.a: $(OBJ)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: gen/%.c $(BUILD)/onnx.pb-c.h | $(BUILD)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# loops over long vectors of doubles: the same bits, a quarter less time; comparisons that may trap are not taken many at a time
$(BUILD)/rdo.o $(BUILD)/eval_dense.o $(BUILD)/eval_elem.o $(BUILD)/eval_window.o $(BUILD)/gradient.o $(BUILD)/search_rows.o: ALL_CFLAGS += -O3 -fno-trapping-math

# made code: not held to our warnings
$(BUILD)/onnx.pb-c.c $(BUILD)/onnx.pb-c.h &: $(PROTO) | $(BUILD)
	protoc-c --proto_path=$(dir $(PROTO)) --c_out=$(BUILD) $(notdir $(PROTO))
$(BUILD)/onnx.pb-c.o: $(BUILD)/onnx.pb-c.c
	$(CC) -O2 $(SANITIZE) -w -c -o $@ $<
$(BUILD)/embedded.c: gen/embed.sh $(EMBED) | $(BUILD)
	gen/embed.sh $(EMBED) > $@
$(BUILD)/embedded.o: $(BUILD)/embedded.c
	$(CC) -O0 -w -c -o $@ $<
$(BUILD):
	mkdir -p $@

# ---- tests: tests/run.sh says what they are ----

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
FIXMATH ?= /usr/include/libfixmath
PREFIX ?= /usr/local
SEED ?= 1
N ?= 100
GHDL ?= 10
SELF = $(MAKE) --no-print-directory

deps: ## installs what building and testing need and this machine lacks
	@tests/deps.sh all

demo:
	@tests/deps.sh demo
	@$(SELF) demo-built
demo-built: $(BUILD)/nngen
	@BUILD=$(BUILD) tests/demo.sh

test:
	@tests/deps.sh all
	@$(SELF) test-built LEVEL=full
test-fast:
	@tests/deps.sh all
	@$(SELF) test-built LEVEL=fast
test-built:
	@$(SELF) -j2 test-programs
	@if [ "$(LEVEL)" = full ]; then $(SELF) -j2 sanitize; fi
	@BUILD=$(BUILD) tests/run.sh $(LEVEL)
test-programs: $(BUILD)/nngen $(UNIT) $(FUZZ)

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libnngen.a
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP -Wpedantic,$(ALL_CFLAGS)) -I$(FIXMATH) -o $@ $< $(BUILD)/libnngen.a -lcmocka -llibfixmath $(LIBS)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libnngen.a
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -o $@ $< $(BUILD)/libnngen.a $(LIBS)

sanitize: ## the same programs with address and undefined-behaviour checks, in build/asan
	$(SELF) BUILD=build/asan CFLAGS="-O1 -g" SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" test-programs

fuzz: $(BUILD)/nngen
	@tests/deps.sh all
	@env -u GHDL -u MAKEFLAGS BUILD=$(BUILD) $(BUILD)/venv/bin/python tests/fuzz/fuzz.py --seed $(SEED) -n $(N) --ghdl $(GHDL) --keep

golden-update: $(BUILD)/nngen
	@BUILD=$(BUILD) tests/golden/run.sh update

table: $(BUILD)/nngen
	@BUILD=$(BUILD) tests/table.sh | tee $(BUILD)/table.md && python3 tests/readme_table.py < $(BUILD)/table.md

SYNTH ?= 900
SIMULATE ?= 900
ROWS ?= *
BENCH_VENV = build/bench-venv
bench: bench-venv $(BUILD)/bench_mcm
	@$(BENCH_VENV)/bin/python tests/bench/bench.py --synth $(SYNTH) --rows '$(ROWS)'
	@$(BENCH_VENV)/bin/python tests/bench/bench_search.py --synth $(SYNTH) --rows '$(ROWS)'
	@$(MAKE) -s bench-stream
bench-search: bench-venv
	@$(BENCH_VENV)/bin/python tests/bench/bench_search.py --synth $(SYNTH) --rows '$(ROWS)'
bench-venv: $(BUILD)/nngen
	@tests/deps.sh all
	@cmp -s tests/bench/requirements.txt $(BENCH_VENV)/made-from.txt || \
	  { python3 -m venv $(BENCH_VENV) && $(BENCH_VENV)/bin/pip install -q --disable-pip-version-check -r tests/bench/requirements.txt && \
	    cp tests/bench/requirements.txt $(BENCH_VENV)/made-from.txt; }
bench-stream: $(BUILD)/nngen
	@tests/deps.sh all
	@python3 tests/bench/bench_stream.py --synth $(SYNTH) --simulate $(SIMULATE) --rows '$(ROWS)'
$(BUILD)/bench_mcm: tests/bench/bench_mcm.c $(BUILD)/libnngen.a
	$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -o $@ $< $(BUILD)/libnngen.a $(LIBS)
bench-cells: $(BUILD)/nngen
	@tests/deps.sh all
	@BUILD=$(BUILD) tests/bench/cells_all.sh

install: $(BUILD)/nngen
	install -D $(BUILD)/nngen $(DESTDIR)$(PREFIX)/bin/nngen
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(BUILD)/nngen --help=man > $(DESTDIR)$(PREFIX)/share/man/man1/nngen.1
	$(BUILD)/nngen --help=bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/nngen

# ---- upkeep ----

C_FILES = $(wildcard gen/*.[ch] runtime/*.h tests/unit/*.c tests/fuzz/*.c tests/bench/*.c)
clean:
	rm -rf build

format:
	clang-format -i $(C_FILES)

lint: $(BUILD)/onnx.pb-c.h ## formatting, static analysis, the warnings of a second compiler, the shell scripts
	clang-format --dry-run --Werror $(C_FILES)
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability -Igen -Iruntime gen
	for f in gen/*.c; do clang $(filter-out -MMD -MP,$(ALL_CFLAGS)) -fsyntax-only $$f || exit 1; done
	if command -v shellcheck >/dev/null; then shellcheck -x -e SC1091,SC2013,SC2015,SC2016 .ci/run $$(find tests -name '*.sh'); fi

-include $(wildcard $(BUILD)/*.d)
