# SPDX-License-Identifier: Apache-2.0
# Verilog of ghdl --synth with its tables, an assignment a word, read from files instead: dir/*.txt, a word a line from address 0 on. Tools take
# minutes for as many assignments as a large network has weights.
/^ *initial begin$/ { held = $0; next }
(held != "" || n > 0) && /^ *[A-Za-z0-9_]+\[[0-9]+\] = [0-9]+\047b[01]+;$/ {
  split($0, part, /[][;]|\047b/)
  word[part[2] + 0] = part[4]
  if (n++ == 0) {
    file = dir "/" NR ".txt"
    sub(/^ */, "", part[1])
    print "  initial $readmemb(\"" file "\", " part[1] ");"
  }
  held = ""
  next
}
n > 0 {
  for (i = 0; i < n; i++)
    print word[i] >file
  close(file)
  n = 0
  if (/^ *end$/)
    next
}
held != "" { print held; held = "" }
{ print }
