# SPDX-License-Identifier: Apache-2.0
"""Puts the table on standard input between the marks of README.md: make table"""
import sys
table = sys.stdin.read().strip()
text = open("README.md").read()
head, rest = text.split("<!-- table -->\n")
_, tail = rest.split("<!-- /table -->\n")
open("README.md", "w").write(f"{head}<!-- table -->\n{table}\n<!-- /table -->\n{tail}")
