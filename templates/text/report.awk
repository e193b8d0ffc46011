# SPDX-License-Identifier: Apache-2.0
# Three files in turn, told apart by `phase`: the SVGs of gnuplot and graphviz, each behind a line <!--plot ID-->, of which what a page needs is kept; report.json,
# of which synth and verify are read; report.html, which is printed with both in place.

# ---- SVG: no tool's name and version, no ids (they would clash on one page), no empty groups; dots of a colour as one path ----
phase == "drawn" && /^<!--plot [a-z0-9-]+-->/ { id = $2; sub(/-->.*/, "", id); inside = head = 0; svg = held = ""; next }
phase == "drawn" && /^<svg/ { inside = head = 1; box = "" }
phase == "drawn" && !inside { next }
phase == "drawn" && head {
  if (match($0, /viewBox="[^"]*"/))
    box = substr($0, RSTART, RLENGTH)
  if (/>/) {
    head = 0
    split(box, b, /[" ]/)
    svg = "<svg " box " style=\"max-width:" sprintf("%d", b[4] * (id == "plot-network" ? 1.35 : 1)) "px\" width=\"" b[4] "\" height=\"" b[5] "\" role=\"img\">\n"
  }
  next
}
phase == "drawn" {
  if (/<defs>/) skipping = 1
  if (skipping) { if (/<\/defs>/) skipping = 0; next }
  if (/^<desc>/ || /^<!--/ || /^[ \t]*$/ || /^-->/ || /fill="none"\/>$/ && /<rect/)
    next
  gsub(/<title>[^<]*<\/title>/, "")
  gsub(/ id="[^"]*"| class="[^"]*"| font-family="[^"]*"| stroke-linecap="butt"| stroke-linejoin="miter"| shape-rendering='crispEdges'/, "")
  gsub(/<tspan >/, "<tspan>")
  sub(/^[ \t]+/, "")
  if ($0 == "")
    next
  if (/^<use xlink:href='#gpDot'/) { # a dot: x='1' y='2' color='c'
    colour = value("color"); point[colour] = point[colour] "M" value("x") " " value("y") "h0"
    next
  }
  if (/^<use xlink:href='#gpPt/) { # transform='translate(1,2) scale(3)'
    match($0, /translate\([^)]*\)/); at = substr($0, RSTART + 10, RLENGTH - 11)
    match($0, /scale\([^)]*\)/); size = substr($0, RSTART + 6, RLENGTH - 7)
    split(at, xy, ",")
    match($0, /gpPt[0-9]+/); full = substr($0, RSTART + 4, RLENGTH - 4) == "6"
    add(flush() "<circle cx=\"" xy[1] "\" cy=\"" xy[2] "\" r=\"" sprintf("%.2f", size * (full ? 1 : 0.85)) "\" stroke=\"" value("color") "\" fill=\"" \
      (full ? value("color") : "none") "\"/>")
    next
  }
  if (/^<\/svg>/) {
    add(flush())
    drawn[id] = svg held "</svg>"; held = ""; inside = 0
    next
  }
  add(flush() $0)
}
function value(name) {
  return match($0, name "='[^']*'") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) : "black"
}
function flush(  c, s) {
  s = ""
  for (c in point)
    s = s "<path d=\"" point[c] "\" stroke=\"" c "\" stroke-width=\"2.4\" stroke-opacity=\"0.5\" stroke-linecap=\"round\"/>\n"
  for (c in point)
    delete point[c]
  return s
}
# held: an opening <g> that may turn out empty
function add(line) {
  if (line == "")
    return
  if (line == "</g>" && held != "") { held = ""; return }
  svg = svg held; held = ""
  if (line ~ /^<g [^>]*>$/) held = line "\n"
  else svg = svg line "\n"
}

# ---- report.json: one line of synth; verify as jansson indents it ----
phase == "json" && /^  "synth": \{/ { synth = 1; for (i = split("lut ff carry dsp bram", cell, " "); i; i--) found[cell[i]] = number(cell[i]); mhz = number("fmax_mhz"); tool = word("tool") ", version " word("version") }
phase == "json" && /^  "verify": \{/ { verify = 1 }
phase == "json" && verify && /^    "[a-z]+": \{/ { checked = $1; gsub(/[":]/, "", checked) }
phase == "json" && verify && /"vectors":/ { vectors[checked] = $2 + 0 }
phase == "json" && verify && /"mismatched_bits":/ { bits[checked] = $2 + 0 }
phase == "json" && verify && /^  \}/ { verify = 0 }
function number(name) { return match($0, "\"" name "\": [0-9.]+") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) : "" }
function word(name) { return match($0, "\"" name "\": \"[^\"]*\"") ? escaped(substr($0, RSTART + length(name) + 5, RLENGTH - length(name) - 6)) : "" }
function escaped(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); return s }
function count(n,  s) { # 1234567 as 1,234,567
  n = int(n) ""
  for (s = ""; length(n) > 3; n = substr(n, 1, length(n) - 3))
    s = "," substr(n, length(n) - 2) s
  return n s
}

# ---- the page ----
phase == "page" && skip_old && !/^<figcaption/ { next }
phase == "page" { skip_old = 0 }
phase == "page" && match($0, /^<figure [^>]*id="[a-z0-9-]+"/) {
  id = substr($0, RSTART, RLENGTH); sub(/.*id="/, "", id); sub(/"/, "", id)
  if (id in drawn) {
    print "<figure id=\"" id "\">"; print drawn[id]
    skip_old = 1
    next
  }
}
phase == "page" && /id="missing-(gnuplot|dot)"/ {
  any = 0
  for (id in drawn)
    any = any || ((id == "plot-network") == (/missing-dot/ ? 1 : 0))
  if (any)
    sub(/class="missing"/, "class=\"missing drawn\"")
}
phase == "page" && synth && match($0, /id="synth-[a-z]+"/) {
  id = substr($0, RSTART + 10, RLENGTH - 11)
  fill(id == "tool" ? tool : id == "mhz" ? (mhz == "" ? "" : mhz " MHz after place and route") : id == "tile" ? "synthesised: " count(found["lut"]) : id == "tileff" ? "synthesised: " count(found["ff"]) : \
    found[id] == "" ? "–" : count(found[id]))
}
phase == "page" && match($0, /id="verify-[a-z]+"/) {
  id = substr($0, RSTART + 11, RLENGTH - 12)
  if (id in vectors)
    fill(bits[id] == 0 ? count(vectors[id]) " vectors, every bit the same" : count(vectors[id]) " vectors, " count(bits[id]) " bits differ")
}
phase == "page" { print }
function fill(s) { gsub(/&/, "\\\\&", s); sub(/>[^<>]*</, ">" s "<") }
