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

/* Domains, and how a note begins that says so. */
static const struct {
  const char *domain, *begins;
} domains[] = {{"", ""},
               {"ai.onnx", ""},
               {"ai.onnx.ml", "ai.onnx.ml;"},
               {"com.microsoft", "com.microsoft;"},
               {"qonnx.custom_op.general", "qonnx;"},
               {"onnx.brevitas", "qonnx;"},
               {"finn.custom_op.general", "qonnx;"},
               {"nngen", "nngen;"}};
enum { DOMAINS = sizeof domains / sizeof *domains };

static const char *beginning(OpId id) {
  for (int i = 2; i < DOMAINS; i++)
    if (strncmp(note[id], domains[i].begins, strlen(domains[i].begins)) == 0)
      return domains[i].begins;
  return "";
}

OpId op_find(const char *domain, const char *name) {
  /* the same operators: onnxruntime had the types of 4 and 16 bits before ONNX had them */
  if (!strcmp(domain, "com.microsoft") && (!strcmp(name, "QuantizeLinear") || !strcmp(name, "DequantizeLinear")))
    domain = "";
  for (int d = 0; d < DOMAINS; d++)
    for (int i = 1; i < OP_COUNT && strcmp(domains[d].domain, domain) == 0; i++)
      if (!strcmp(op_info[i].name, name) && !strcmp(beginning((OpId)i), domains[d].begins))
        return (OpId)i;
  return OP_UNKNOWN;
}

void op_list(FILE *f) {
  static const char *const kind[] = {"compile time", "moves elements", "linear", "piecewise linear", "table", "normalisation", "selection"};
  fprintf(f, "%-22s %-6s %-17s %s\n", "operator", "opset", "kind", "note");
  for (int i = 1; i < OP_COUNT; i++) {
    if (strcmp(beginning((OpId)i), "nngen;") == 0)
      continue;
    char line[256];
    int k = snprintf(line, sizeof line, "%-22s %-6d %-17s %s", op_info[i].name, op_info[i].since, kind[op_info[i].kind], note[i]);
    while (k > 0 && k < (int)sizeof line && line[k - 1] == ' ')
      line[--k] = 0;
    fprintf(f, "%s\n", line);
  }
}
