# SPDX-License-Identifier: Apache-2.0
# Counts the cells in the output of yosys's stat (Xilinx 7 series). With a second file, report.json, prints that with a "synth" object in front, in place of
# an older one; without, prints the verdict line.
FNR == 1 { file++ }
file == 1 && $1 ~ /^LUT[1-6]$/ { lut += $2 }
file == 1 && $1 == "CARRY4" { carry += $2 }
file == 1 && $1 ~ /^FD/ { ff += $2 }
file == 1 && $1 ~ /^DSP/ { dsp += $2 }
file == 1 && $1 ~ /^RAMB/ { bram += $2 }
file == 1 && $1 ~ /^SRL/ { srl += $2 }
file == 1 && $1 ~ /^RAM[0-9]/ { lutram += $2 }
file == 2 && FNR == 1 {
  printf "{\n  \"synth\": {\"tool\": \"yosys synth_xilinx -family xc7\", \"version\": \"%s\", \"lut\": %d, \"ff\": %d, \"carry\": %d, \"dsp\": %d, \"bram\": %d, \"srl\": %d, \"lutram\": %d, \"fmax_mhz\": null},\n", version, lut, ff, carry, dsp, bram, srl, lutram
  sub(/^\{/, "")
  if ($0 == "")
    next
}
file == 2 && /^  "synth": \{.*\},$/ { next }
file == 2 { print }
END {
  if (file < 2)
    printf "PASS: %d LUT, %d FF, %d CARRY4, %d DSP, %d BRAM (yosys, Xilinx 7 series)\n", lut, ff, carry, dsp, bram
}
