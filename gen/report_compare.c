/* SPDX-License-Identifier: Apache-2.0
 *
 * report_compare.c - --compare A.json B.json: two reports side by side.
 */
#include "report.h"
#include <jansson.h>
#include <math.h>

static json_t *load(const char *path) {
  json_error_t e;
  json_t *j = json_load_file(path, 0, &e);
  if (!j || !json_is_object(json_object_get(j, "totals")))
    diag_error(EXIT_FILES, NULL, "%s: %s", diag_text(path), j ? "not a report.json" : e.text);
  return j;
}

/* NaN where the key is missing or null. */
static double number(const json_t *j, const char *object, const char *key) {
  const json_t *v = json_object_get(object ? json_object_get(j, object) : j, key);
  return json_is_number(v) ? json_number_value(v) : NAN;
}

static void row(const char *name, double a, double b) {
  if (isnan(a) && isnan(b))
    return;
  printf("%-36.36s %14.6g %14.6g", name, a, b);
  if (a > 0 && b >= 0)
    printf(" %9.3f", b / a);
  putchar('\n');
}

static const json_t *layer_named(const json_t *layers, const char *name) {
  size_t i;
  json_t *l;
  json_array_foreach(layers, i, l) if (!strcmp(json_string_value(json_object_get(l, "name")), name)) return l;
  return NULL;
}

void report_compare(const char *path_a, const char *path_b, const Options *o) {
  static const char *const total[] = {"adders", "adder_bits", "mults",          "luts",      "ffs",
                                      "dsps",   "brams",      "latency_cycles", "ii_cycles", "depth"};
  static const char *const exact[] = {"samples",      "max_abs_err",  "rms_err",     "argmax_agreement",
                                      "float_metric", "fixed_metric", "saturations", "wraps"};
  static const char *const of_layer[] = {"W", "I", "adders", "adder_bits", "luts", "table_bits", "max_abs_err", "rms_err", "saturated"};
  json_t *a = load(path_a), *b = load(path_b);
  if (diag_errors())
    return;
  printf("%-36s %14s %14s %9s\n", "", "A", "B", "B/A");
  for (size_t i = 0; i < sizeof total / sizeof *total; i++)
    row(total[i], number(a, "totals", total[i]), number(b, "totals", total[i]));
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
    row(exact[i], number(a, "accuracy", exact[i]), number(b, "accuracy", exact[i]));
  json_t *layer;
  size_t at;
  json_array_foreach(json_object_get(a, "layers"), at, layer) {
    const char *name = json_string_value(json_object_get(layer, "name"));
    const json_t *other = name ? layer_named(json_object_get(b, "layers"), name) : NULL;
    for (size_t i = 0; i < sizeof of_layer / sizeof *of_layer; i++)
      row(mem_printf("%s.%s", name ? diag_text(name) : "?", of_layer[i]), number(layer, NULL, of_layer[i]),
          other ? number(other, NULL, of_layer[i]) : NAN);
  }
  double err_a = number(a, "accuracy", "max_abs_err"), err_b = number(b, "accuracy", "max_abs_err"),
         bound = o->max_error >= 0 ? o->max_error : err_a;
  if (err_b > bound)
    diag_error(EXIT_NUMERIC, NULL, "B's worst error %.6g exceeds %s %.6g", err_b, o->max_error >= 0 ? "--max-error" : "A's", bound);
  const json_t *metric = json_object_get(json_object_get(b, "accuracy"), "metric");
  double fall = number(a, "accuracy", "fixed_metric") - number(b, "accuracy", "fixed_metric");
  if (json_is_string(metric) && !strcmp(json_string_value(metric), "accuracy") && fall > 0.005)
    diag_error(EXIT_NUMERIC, NULL, "B's accuracy is %.2f points below A's", 100 * fall);
  json_decref(a);
  json_decref(b);
}
