/* SPDX-License-Identifier: Apache-2.0
 *
 * op_table.c - op_table.def as data.
 */
#include "lower.h"
#include "op.h"

#define NONE NULL

const OpInfo op_info[OP_COUNT] = {
    {.id = OP_UNKNOWN, .name = "?"},
#define OP(id, since, min_in, max_in, max_out, kind, infer, eval, lower, note)                                                             \
  {OP_##id, #id, since, min_in, max_in, max_out, kind, infer, eval, lower},
#include "op_table.def"
#undef OP
};

static const char *const note[OP_COUNT] = {
    "",
#define OP(id, since, min_in, max_in, max_out, kind, infer, eval, lower, note) note,
#include "op_table.def"
#undef OP
};

static const char ml_domain[] = "ai.onnx.ml";

static bool is_ml(OpId id) {
  return strncmp(note[id], ml_domain, sizeof ml_domain - 1) == 0;
}

OpId op_find(const char *domain, const char *name) {
  bool ml = strcmp(domain, ml_domain) == 0;
  if (!ml && *domain && strcmp(domain, "ai.onnx") != 0)
    return OP_UNKNOWN;
  for (int i = 1; i < OP_COUNT; i++)
    if (is_ml((OpId)i) == ml && strcmp(op_info[i].name, name) == 0)
      return (OpId)i;
  return OP_UNKNOWN;
}

void op_list(FILE *f) {
  static const char *const kind[] = {"compile time", "moves elements", "linear", "piecewise linear", "table", "normalisation", "selection"};
  fprintf(f, "%-22s %-6s %-17s %s\n", "operator", "opset", "kind", "note");
  for (int i = 1; i < OP_COUNT; i++) {
    char line[256];
    int k = snprintf(line, sizeof line, "%-22s %-6d %-17s %s", op_info[i].name, op_info[i].since, kind[op_info[i].kind], note[i]);
    while (k > 0 && k < (int)sizeof line && line[k - 1] == ' ')
      line[--k] = 0;
    fprintf(f, "%s\n", line);
  }
}
