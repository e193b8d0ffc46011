/* SPDX-License-Identifier: Apache-2.0
 *
 * verify.h - --verify: runs the output folder's own Makefile and keeps what it says.
 */
#ifndef NNGEN_VERIFY_H
#define NNGEN_VERIFY_H

#include "report.h"

/* Runs `make check`, `sim`, `verilate` and `hls` (what was emitted and can be run here) in the output folder; prints each PASS/FAIL line,
 * writes the counts into report.json's `verify`. A mismatch is EXIT_MISMATCH; a missing tool a warning, and the entry stays null. */
void verify(const Design *d);
/* What was made, in four lines, and what to do next. */
void summary(const Design *d, const Comparison *c);

/* Text as one word of the shell, in the arena. */
char *shell_quoted(const char *s);

#endif
