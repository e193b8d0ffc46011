#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints a C file that holds the named text files: embed.sh FILE... > embedded.c
echo '/* made by gen/embed.sh */'
echo 'const struct { const char *path; const char *text; } embedded_file[] = {'
for f in "$@"; do
  printf '{"%s",\n' "$f"
  sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/?/\\?/g' -e 's/^/"/' -e 's/$/\\n"/' "$f"
  echo '},'
done
echo '{0, 0}};'
