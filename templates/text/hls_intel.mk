# SPDX-License-Identifier: Apache-2.0
# Made by nngen @VERSION@ from @MODEL@
#
# @TOP@ in the Intel HLS compiler (i++), under build/intel:
#   make -f intel_hls.mk emulate      the component as software, on all vectors
#   make -f intel_hls.mk simulate     as RTL, in ModelSim or Questa
#   make -f intel_hls.mk synthesize   Quartus: area and clock
DEVICE ?= Arria10
CLOCK ?= @CLOCK@ns
IPP ?= i++
FLAGS = -std=c++14 -D@TOP@_HLS_AC -Ihls
SOURCES = hls/@TOP@_intel.cpp hls/@TOP@_test.cpp
VECTORS = tb/vectors/in.hex tb/vectors/out.hex

.PHONY: emulate simulate synthesize clean
emulate:
	@mkdir -p build/intel
	$(IPP) $(FLAGS) -march=x86-64 -o build/intel/emulate $(SOURCES)
	build/intel/emulate $(VECTORS)

simulate:
	@mkdir -p build/intel
	$(IPP) $(FLAGS) -march=$(DEVICE) --clock $(CLOCK) -o build/intel/simulate $(SOURCES)
	build/intel/simulate $(VECTORS)

synthesize:
	@mkdir -p build/intel
	$(IPP) $(FLAGS) -march=$(DEVICE) --clock $(CLOCK) --simulator none --quartus-compile -o build/intel/synthesize $(SOURCES)

clean:
	rm -rf build/intel
