# SPDX-License-Identifier: Apache-2.0
# sweep.tsv (tsv) as sweep.svg (svg): cells per channel over channels, a line per hidden size (sizes); sweep.py calls it
set terminal svg size 800,500 font "sans,13" background "white"
set output svg
set logscale y
set xrange [0:*]
set grid
set xlabel "channels through one cell"
set ylabel "LUT + FF per channel (estimated)"
set key outside right title "hidden"
set palette defined (0 "#2c7bb6", 1 "#d7191c")
unset colorbox
n = words(sizes)
plot for [i = 0:n - 1] tsv index i using 2:12 with linespoints pt 7 ps 0.5 lw 1.5 lc palette frac (n > 1 ? i / (n - 1.0) : 0) title word(sizes, i + 1)
