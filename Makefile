# SPDX-License-Identifier: Apache-2.0
# make          build/nngen
# make demo     compile one trained network to VHDL and prove it
# make test     every test (make test-fast: under two minutes)
# make deps     install what is missing (Debian/Ubuntu)
CC ?= cc
CFLAGS ?= -O2 -g
BUILD ?= build
STD = -std=c11 -D_POSIX_C_SOURCE=200809L
WARN = -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes
ALL_CFLAGS = $(STD) $(WARN) $(CFLAGS) $(SANITIZE) -Igen -Iruntime -I$(BUILD) -MMD -MP
LIBS = -lprotobuf-c -ljansson -lmpfr -lgmp -lzip -lmd -lm -lpthread

SRC := $(filter-out gen/main.c,$(wildcard gen/*.c))
OBJ := $(SRC:gen/%.c=$(BUILD)/%.o) $(BUILD)/onnx.pb-c.o $(BUILD)/embedded.o
EMBED := $(shell find templates runtime testbench -type f 2>/dev/null | LC_ALL=C sort)
PROTO ?= /usr/include/onnx/onnx.proto

.PHONY: all deps demo test test-fast fuzz bench sanitize clean install format
all: $(BUILD)/nngen

$(BUILD)/nngen: $(BUILD)/main.o $(BUILD)/libnngen.a
	$(CC) $(CFLAGS) $(SANITIZE) -o $@ $^ $(LIBS)

$(BUILD)/libnngen.a: $(OBJ)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: gen/%.c $(BUILD)/onnx.pb-c.h | $(BUILD)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

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

sanitize: ## the same compiler with address and undefined-behaviour checks, in build/asan
	$(MAKE) BUILD=build/asan CFLAGS="-O1 -g" SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" build/asan/nngen

clean:
	rm -rf build

format:
	clang-format -i gen/*.c gen/*.h runtime/*.h tests/unit/*.c tests/fuzz/*.c

-include $(wildcard $(BUILD)/*.d)
