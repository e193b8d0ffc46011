# SPDX-License-Identifier: Apache-2.0
# Counts the cells in the output of yosys's stat, for family. With a second file, report.json, prints that with a "synth" object in front, in place of an
# older one; without, prints one count (what=lut), or all (what=text).
FNR == 1 { file++ }
file == 1 && $2 !~ /^[0-9]+$/ { next }
file == 1 && family == "ice40" {
  if ($1 == "SB_LUT4") lut += $2
  else if ($1 ~ /^SB_DFF/) ff += $2
  else if ($1 == "SB_CARRY") carry += $2
  else if ($1 == "SB_MAC16") dsp += $2
  else if ($1 ~ /^SB_RAM40/) bram += $2
}
file == 1 && family == "ecp5" {
  if ($1 == "LUT4") lut += $2
  else if ($1 == "CCU2C") { carry += $2; lut += 2 * $2 } # a slice's two LUTs in carry mode
  else if ($1 == "TRELLIS_FF") ff += $2
  else if ($1 ~ /^MULT(18|9)X/) dsp += $2
  else if ($1 == "DP16KD" || $1 == "PDPW16KD") bram += $2
  else if ($1 == "TRELLIS_DPR16X4") lutram += $2
}
file == 1 && family != "ice40" && family != "ecp5" {
  if ($1 ~ /^LUT[1-6]$/) lut += $2
  else if ($1 ~ /^FD[A-Z]+$/) ff += $2
  else if ($1 == "CARRY4" || $1 == "CARRY8") carry += $2
  else if ($1 ~ /^DSP/) dsp += $2
  else if ($1 ~ /^RAMB/) bram += $1 ~ /36/ ? 2 * $2 : $2 # in blocks of 18 Kb
  else if ($1 ~ /^SRL/) srl += $2
  else if ($1 ~ /^RAM[0-9]/) lutram += $2
}
file == 2 && FNR == 1 {
  printf "{\n  \"synth\": {\"tool\": \"%s\", \"version\": \"%s\", \"lut\": %d, \"ff\": %d, \"carry\": %d, \"dsp\": %d, \"bram\": %d, \"srl\": %d, \"lutram\": %d, \"fmax_mhz\": %s},\n", \
    tool, version, lut, ff, carry, dsp, bram, srl, lutram, mhz
  sub(/^\{/, "")
  if ($0 == "")
    next
}
file == 2 && /^  "synth": \{.*\},$/ { next }
file == 2 { print }
END {
  if (file == 1 && what == "lut")
    print lut + 0
  else if (file == 1)
    printf "%d LUT, %d FF, %d carry cells, %d DSP, %d BRAM\n", lut, ff, carry, dsp, bram
}
