/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c - per-layer overrides from --config=FILE.json (quant.h gives the format).
 */
#include "quant.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

typedef struct {
  const char *glob;
  LayerConfig c;
  bool used, result_taken;
} Entry;

struct Config {
  int n;
  Entry *entry;
};

bool format_parse(const char *s, Format *f, bool *auto_I) {
  char *end;
  errno = 0;
  long W = strtol(s, &end, 10);
  if (end == s || *end != ',' || errno || W < 1 || W > 48)
    return false;
  s = end + 1;
  *f = (Format){(int)W, 0, true};
  if (auto_I && !strcmp(s, "auto")) {
    *auto_I = true;
    return true;
  }
  long I = strtol(s, &end, 10);
  if (end == s || *end || errno || I < -48 || I > 64)
    return false;
  if (auto_I)
    *auto_I = false;
  f->I = (int)I;
  return true;
}

static bool get_format(const char *glob, const char *key, json_t *v, Format *f) {
  if (json_is_string(v) && format_parse(json_string_value(v), f, NULL))
    return true;
  diag_error(EXIT_USAGE, NULL, "config: \"%s\": \"%s\" must be \"W,I\" with 1 <= W <= 48", diag_text(glob), key);
  return false;
}

static int get_choice(const char *glob, const char *key, json_t *v, const char *const *names) {
  for (int i = 0; names[i]; i++)
    if (json_is_string(v) && !strcmp(json_string_value(v), names[i]))
      return i;
  diag_error(EXIT_USAGE, NULL, "config: \"%s\": \"%s\" must be one of %s, %s, %s", diag_text(glob), key, names[0], names[1], names[2]);
  return -1;
}

static void set(LayerConfig *c, const char *glob, const char *key, json_t *v) {
  static const char *const rounds[] = {"trn", "rnd", "rne", NULL}, *const overflows[] = {"sat", "wrap", "error", NULL};
  Format f;
  int choice;
  if (!strcmp(key, "q")) {
    if (get_format(glob, key, v, &f)) {
      c->weight = c->bias = c->result = f;
      c->has_weight = c->has_bias = c->has_result = true;
    }
  } else if (!strcmp(key, "weights")) {
    c->has_weight = get_format(glob, key, v, &c->weight);
  } else if (!strcmp(key, "bias")) {
    c->has_bias = get_format(glob, key, v, &c->bias);
  } else if (!strcmp(key, "result")) {
    c->has_result = get_format(glob, key, v, &c->result);
  } else if (!strcmp(key, "round")) {
    if ((choice = get_choice(glob, key, v, rounds)) >= 0)
      c->round = (Round)choice, c->has_round = true;
  } else if (!strcmp(key, "overflow")) {
    if ((choice = get_choice(glob, key, v, overflows)) >= 0)
      c->overflow = (Overflow)choice, c->has_overflow = true;
  } else if (!strcmp(key, "reuse")) {
    c->reuse = (int)json_integer_value(v);
    if (!json_is_integer(v) || c->reuse < 1)
      diag_error(EXIT_USAGE, NULL, "config: \"%s\": \"reuse\" must be a whole number from 1", diag_text(glob));
  } else if (!strcmp(key, "table_bits")) {
    c->table_bits = (int)json_integer_value(v);
    if (!json_is_integer(v) || c->table_bits < 2 || c->table_bits > 16)
      diag_error(EXIT_USAGE, NULL, "config: \"%s\": \"table_bits\" must be 2 to 16", diag_text(glob));
  } else {
    diag_error(EXIT_USAGE, NULL, "config: \"%s\": unknown key \"%s\"; known: q weights bias result round overflow table_bits reuse",
               diag_text(glob), diag_text(key));
  }
}

Config *config_read(const char *path) {
  Config *c = mem_alloc(sizeof *c);
  if (!path)
    return c;
  size_t size;
  char *text = file_read(path, &size);
  if (!text) {
    diag_error(EXIT_FILES, NULL, "config: cannot read %s: %s", path, strerror(errno));
    return c;
  }
  json_error_t e;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e), *layers = root ? json_object_get(root, "layers") : NULL;
  if (!json_is_object(layers)) {
    diag_error(EXIT_USAGE, NULL, "config: %s: %s", path, root ? "needs an object \"layers\"" : mem_printf("line %d: %s", e.line, e.text));
    json_decref(root);
    return c;
  }
  const char *glob, *key;
  json_t *layer, *v;
  json_object_foreach(root, key, v) if (strcmp(key, "layers"))
      diag_error(EXIT_USAGE, NULL, "config: unknown key \"%s\"; known: layers", diag_text(key));
  c->entry = mem_array(json_object_size(layers) + 1, sizeof *c->entry);
  json_object_foreach(layers, glob, layer) {
    Entry *n = &c->entry[c->n++];
    n->glob = mem_strdup(glob);
    if (!json_is_object(layer))
      diag_error(EXIT_USAGE, NULL, "config: \"%s\" must be an object", diag_text(glob));
    /* "q" first, so that the narrower keys win whatever their order */
    if ((v = json_object_get(layer, "q")))
      set(&n->c, n->glob, "q", v);
    json_object_foreach(layer, key, v) if (strcmp(key, "q")) set(&n->c, n->glob, key, v);
  }
  json_decref(root);
  return c;
}

/* layer: NULL, or another name that counts; its results only with layer_result. */
static LayerConfig lookup(const Config *c, const char *name, const char *layer, bool layer_result) {
  LayerConfig r = {0};
  for (int i = 0; i < c->n; i++) {
    LayerConfig own = c->entry[i].c;
    const LayerConfig *e = &own;
    if (!glob_match(c->entry[i].glob, name)) {
      if (!layer || !glob_match(c->entry[i].glob, layer))
        continue;
      own.has_result &= layer_result;
    }
    c->entry[i].used = true;
    if (e->has_weight)
      r.has_weight = true, r.weight = e->weight;
    if (e->has_bias)
      r.has_bias = true, r.bias = e->bias;
    if (e->has_result)
      r.has_result = true, r.result = e->result, r.result_taken = &c->entry[i].result_taken;
    if (e->has_round)
      r.has_round = true, r.round = e->round;
    if (e->has_overflow)
      r.has_overflow = true, r.overflow = e->overflow;
    if (e->reuse)
      r.reuse = e->reuse;
    if (e->table_bits)
      r.table_bits = e->table_bits;
  }
  return r;
}

LayerConfig config_for(const Config *c, const char *name) {
  return lookup(c, name, NULL, false);
}

LayerConfig config_of(const Config *c, const Node *n) {
  return lookup(c, n->name, n->layer ? n->layer->name : NULL, !n->inner);
}

void config_warn_unused(const Config *c) {
  for (int i = 0; i < c->n; i++)
    if (!c->entry[i].used)
      diag_warn(NULL, "config: \"%s\" matches no layer and no input", diag_text(c->entry[i].glob));
    else if (c->entry[i].c.has_result && !c->entry[i].result_taken)
      diag_warn(NULL,
                "config: the format of the result has no effect for \"%s\": sums stay exact until what reads them drops bits, such as an "
                "activation; name that",
                diag_text(c->entry[i].glob));
}
