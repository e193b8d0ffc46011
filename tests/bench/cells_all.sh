#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make bench-cells: what yosys counts for every network of models/ at <8,3> and <16,6>, into tests/bench/cells.tsv. About an hour; a network already measured
# with the same VHDL is not measured again (build/bench/cells).
. "$(dirname "$0")/../lib.sh"
kept=$BUILD/bench/cells
mkdir -p "$kept"
tsv=tests/bench/cells.tsv
{
  echo "# $(yosys -V | cut -d' ' -f1,2), synth_xilinx -family xc7 (tests/bench/cells.sh): make bench-cells"
  printf '# model\tq\tadder_bits\tlut\tcarry4\tff\tdsp\tbram\n'
} >"$WORK/tsv"
for q in 8,3 16,6; do
  for m in ch1 logreg skl_mlp ngamma autoencoder mlp50 jet_like jet_like_dynamo digits; do
    "$NNGEN" models/$m.onnx "--q=$q" --top=net -q -o "$WORK/net" && make -s -C "$WORK/net" build/net.v || exit 1
    # names of layers and the like are no part of the netlist's size, but they are of its text: a new name means a new run
    key=$kept/$m.$q.$(cat "$WORK/net/build/net.v" tests/bench/cells.sh | md5sum | cut -c1-16)
    [ -s "$key" ] || { nice tests/bench/cells.sh net "$WORK/net/build/net.v" >"$WORK/cells" && mv "$WORK/cells" "$key"; } || exit 1
    read -r lut carry4 ff _ dsp bram < <(sed 's/[a-z0-9]*=//g' "$key")
    printf '%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n' $m $q "$(field "$WORK/net/report.json" totals.adder_bits)" "$lut" "$carry4" "$ff" "$dsp" "$bram" | tee -a "$WORK/tsv"
  done
done
cp "$WORK/tsv" $tsv
