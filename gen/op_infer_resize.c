/* SPDX-License-Identifier: Apache-2.0
 *
 * op_infer_resize.c - shape inference of Resize, Upsample, DepthToSpace and SpaceToDepth; which input positions a Resize reads (resize.h).
 *
 * Inference leaves the taps of all positions as an attribute; the inputs they came from go. A Resize that only copies elements becomes
 * OP_Upsample, which is of KIND_MOVE.
 */
#include "op.h"
#include "resize.h"

#include <inttypes.h>
#include <math.h>

static bool invalid(const Node *n, const char *what) {
  diag_error(EXIT_INVALID, n, "%s", what);
  return false;
}

static const char *mode_of(const Node *n) {
  return attr_string(n, "coordinate_transformation_mode", "half_pixel");
}

static bool nearest(const Node *n) {
  return !strcmp(attr_string(n, "mode", "nearest"), "nearest");
}

/* The constant input k as doubles; *v stays NULL when it is absent or empty. */
static bool numbers(const Node *n, int k, const char *what, int want, const double **v) {
  const Tensor *t = k < n->n_in ? n->in[k] : NULL;
  *v = NULL;
  if (!t || (t->rank == 1 && t->dim[0] == 0))
    return true;
  if (!t->value) {
    diag_error(EXIT_UNSUPPORTED, n, "%s ('%s') must be a constant", what, diag_text(t->name));
    return false;
  }
  if (t->rank != 1 || t->dim[0] != want) {
    diag_error(EXIT_INVALID, n, "%s ('%s') must be %d numbers", what, diag_text(t->name), want);
    return false;
  }
  *v = t->value;
  return true;
}

/* Which axes the lists are for: `axes`, or all. */
static bool listed_axes(const Node *n, int *count, int *axis) {
  const Attr *a = node_attr(n, "axes");
  const int rank = n->in[0]->rank;
  bool seen[MAX_RANK] = {false};
  *count = a ? a->n : rank;
  if (a && (a->type != ATTR_INTS || a->n > rank))
    return invalid(n, "its axes do not fit the input");
  for (int i = 0; i < *count; i++) {
    if (!norm_axis(n, a ? a->ints[i] : i, rank, &axis[i]))
      return false;
    if (seen[axis[i]])
      return invalid(n, "an axis occurs twice");
    seen[axis[i]] = true;
  }
  return true;
}

static bool one_of(const Node *n, const char *name, const char *s, int count, const char *const *known) {
  for (int i = 0; i < count; i++)
    if (!strcmp(s, known[i]))
      return true;
  diag_error(EXIT_UNSUPPORTED, n, "%s '%s' is not supported", name, diag_text(s));
  return false;
}

static bool modes_known(const Node *n) {
  static const char *const mode[] = {"nearest", "linear"};
  static const char *const transform[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",  "align_corners",
                                          "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn"};
  static const char *const round[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"};
  static const char *const policy[] = {"stretch", "not_larger", "not_smaller"};
  return one_of(n, "mode", attr_string(n, "mode", "nearest"), 2, mode) &&
         one_of(n, "coordinate_transformation_mode", mode_of(n), 7, transform) &&
         one_of(n, "nearest_mode", attr_string(n, "nearest_mode", "round_prefer_floor"), 5, round) &&
         one_of(n, "keep_aspect_ratio_policy", attr_string(n, "keep_aspect_ratio_policy", "stretch"), 3, policy);
}

/* Sizes, where they are given, decide the scales; else scales decide the sizes. */
static bool sizes_and_scales(const Node *n, int count, const int *axis, int64_t *dim, double *scale) {
  const Tensor *x = n->in[0];
  const double *scales, *sizes;
  if (!numbers(n, 2, "its scales", count, &scales) || !numbers(n, 3, "its sizes", count, &sizes))
    return false;
  if (!scales == !sizes)
    return invalid(n, scales ? "has both scales and sizes" : "has neither scales nor sizes");
  const char *policy = attr_string(n, "keep_aspect_ratio_policy", "stretch");
  double common = 0;
  for (int i = 0; sizes && i < count; i++) {
    const double s = sizes[i] / (double)x->dim[axis[i]];
    if (i == 0 || (strcmp(policy, "not_larger") ? s > common : s < common))
      common = s;
  }
  for (int i = 0; i < count; i++) {
    const double in = (double)x->dim[axis[i]];
    const double s = scales ? scales[i] : !strcmp(policy, "stretch") ? sizes[i] / in : common;
    const double out = scales ? floor((float)in * (float)s) : !strcmp(policy, "stretch") ? sizes[i] : floor(in * s + 0.5);
    if (!(s > 0) || !(out >= 1) || !(out <= INT32_MAX)) {
      diag_error(EXIT_INVALID, n, "axis %d: %" PRId64 " elements become %g, by a scale of %g", axis[i], x->dim[axis[i]], out, s);
      return false;
    }
    dim[axis[i]] = (int64_t)out;
    scale[axis[i]] = s;
  }
  return true;
}

/* ---- positions; in float, as onnxruntime has it: which neighbour is nearest may hang on a last bit ---- */

typedef struct {
  int64_t in, out;
  double scale, first, last; /* first, last: the region, as parts of the input */
} ResizeAxis;

static float original(const char *mode, const ResizeAxis *a, int64_t pos) {
  const float scale = (float)a->scale, p = (float)pos, in = (float)a->in, out = (float)a->out;
  if (!strcmp(mode, "tf_crop_and_resize")) {
    const float first = (float)a->first, last = (float)a->last;
    return out > 1 ? first * (in - 1) + p * (last - first) * (in - 1) / (out - 1) : 0.5f * (first + last) * (in - 1);
  }
  if (scale == 1)
    return p;
  if (!strcmp(mode, "asymmetric"))
    return p / scale;
  if (!strcmp(mode, "pytorch_half_pixel"))
    return out > 1 ? (p + 0.5f) / scale - 0.5f : 0;
  if (!strcmp(mode, "tf_half_pixel_for_nn"))
    return (p + 0.5f) / scale;
  if (!strcmp(mode, "align_corners"))
    return out > 1 ? p * (in - 1) / (out - 1) : 0;
  if (!strcmp(mode, "half_pixel_symmetric"))
    return in / 2 * (1 - out / (scale * in)) + (p + 0.5f) / scale - 0.5f;
  return (p + 0.5f) / scale - 0.5f;
}

/* "simple" is what Resize 10 does; pass_upgrade names it. */
static double neighbour(const char *mode, double scale, double x) {
  if (!strcmp(mode, "floor") || (!strcmp(mode, "simple") && scale >= 1))
    return floor(x);
  if (!strcmp(mode, "ceil") || !strcmp(mode, "simple"))
    return ceil(x);
  return strcmp(mode, "round_prefer_ceil") ? ceil(x - 0.5) : floor(x + 0.5);
}

static ResizeTaps taps_at(const Node *n, const ResizeAxis *a, int64_t pos) {
  const double end = (double)(a->in - 1), x = (double)original(mode_of(n), a, pos);
  if (!strcmp(mode_of(n), "tf_crop_and_resize") && (x < 0 || x > end))
    return (ResizeTaps){0};
  if (nearest(n)) {
    const double at = neighbour(attr_string(n, "nearest_mode", "round_prefer_floor"), a->scale, x);
    return (ResizeTaps){1, {(int64_t)fmin(fmax(at, 0), end), 0}, {1, 0}};
  }
  const double at = fmin(fmax(x, 0), end), low = floor(at), part = at - low;
  return (ResizeTaps){part > 0 ? 2 : 1, {(int64_t)low, (int64_t)low + 1}, {1 - part, part}};
}

/* Three numbers a position: how many taps, the first, the weight of the second. Axis after axis. */
static void store_taps(Node *n, const ResizeAxis *axis) {
  const Tensor *y = n->out[0];
  int64_t count = 0;
  for (int i = 0; i < y->rank; i++)
    count += y->dim[i];
  double *v = mem_array(3 * (size_t)count + 1, sizeof *v), *to = v;
  for (int i = 0; i < y->rank; i++)
    for (int64_t p = 0; p < y->dim[i]; p++, to += 3) {
      const ResizeTaps t = taps_at(n, &axis[i], p);
      to[0] = t.taps;
      to[1] = (double)t.at[0];
      to[2] = t.weight[1];
    }
  attr_set_floats(n, "nngen.taps", (int)(3 * count), v);
}

ResizeTaps resize_taps(const Node *n, int axis, int64_t pos) {
  const double *v = node_attr(n, "nngen.taps")->floats;
  for (int i = 0; i < axis; i++)
    v += 3 * n->out[0]->dim[i];
  v += 3 * pos;
  const int64_t first = (int64_t)v[1];
  return (ResizeTaps){(int)v[0], {first, first + 1}, {1 - v[2], v[2]}};
}

int resize_gather(const Node *n, const int64_t *index, int64_t *at, double *weight) {
  const Tensor *x = n->in[0];
  int count = 1;
  at[0] = 0;
  weight[0] = 1;
  for (int i = 0; i < x->rank; i++) {
    const ResizeTaps t = resize_taps(n, i, index[i]);
    for (int c = t.taps * count - 1; c >= 0; c--) { /* downwards: entry c is made of entry c / taps, which is at or below it */
      const int from = c / t.taps, which = c % t.taps;
      at[c] = at[from] * x->dim[i] + t.at[which];
      weight[c] = weight[from] * t.weight[which];
    }
    count *= t.taps;
  }
  return count;
}

bool infer_resize(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int count, axis[MAX_RANK];
  int64_t dim[MAX_RANK];
  double scale[MAX_RANK];
  ResizeAxis all[MAX_RANK];
  if (!modes_known(n) || !listed_axes(n, &count, axis))
    return false;
  const bool crops = !strcmp(mode_of(n), "tf_crop_and_resize");
  const double *roi;
  for (int i = 0; i < x->rank; i++) {
    if (x->dim[i] < 1)
      return invalid(n, "input has an empty dimension");
    dim[i] = x->dim[i];
    scale[i] = 1;
    all[i] = (ResizeAxis){.in = x->dim[i], .last = 1};
  }
  if (!sizes_and_scales(n, count, axis, dim, scale))
    return false;
  if (crops) {
    if (!numbers(n, 1, "its region", 2 * count, &roi))
      return false;
    if (!roi)
      return invalid(n, "tf_crop_and_resize needs a region");
    for (int i = 0; i < count; i++) {
      if (!isfinite(roi[i]) || !isfinite(roi[i + count]))
        return invalid(n, "its region is not finite");
      all[axis[i]].first = roi[i];
      all[axis[i]].last = roi[i + count];
    }
  }
  for (int i = 0; i < x->rank; i++)
    if (scale[i] < 1 && attr_int(n, "antialias", 0) && !nearest(n)) {
      diag_error(EXIT_UNSUPPORTED, n, "antialias is not supported: export without it, or shrink by an AveragePool");
      return false;
    }
  for (int i = 0; i < x->rank; i++)
    all[i].out = dim[i], all[i].scale = scale[i];
  if ((!nearest(n) || crops) && !need_float(n, x))
    return false;
  if (!set_shape(n, n->out[0], x->dtype, x->rank, dim))
    return false;
  store_taps(n, all);
  n->n_in = 1;
  if (nearest(n) && !crops)
    n->op = OP_Upsample;
  return true;
}

/* ---- blocks ---- */

bool infer_depth_space(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  const int64_t b = attr_int(n, "blocksize", 0);
  const char *mode = attr_string(n, "mode", "DCR");
  const bool to_space = n->op == OP_DepthToSpace;
  if (x->rank != 4) {
    diag_error(EXIT_INVALID, n, "input '%s' has %d dimensions, not 4", diag_text(x->name), x->rank);
    return false;
  }
  if (b < 1 || b > INT16_MAX)
    return invalid(n, "its blocksize is missing, less than 1 or too large");
  if (to_space && strcmp(mode, "DCR") && strcmp(mode, "CRD")) {
    diag_error(EXIT_INVALID, n, "mode '%s' is neither DCR nor CRD", diag_text(mode));
    return false;
  }
  if (to_space ? x->dim[1] % (b * b) : x->dim[2] % b || x->dim[3] % b) {
    diag_error(EXIT_INVALID, n, "blocks of %" PRId64 "x%" PRId64 " do not fit the input %s", b, b, shape_text(4, x->dim));
    return false;
  }
  int64_t dim[4] = {x->dim[0], to_space ? x->dim[1] / (b * b) : x->dim[1] * b * b, to_space ? x->dim[2] * b : x->dim[2] / b,
                    to_space ? x->dim[3] * b : x->dim[3] / b};
  return set_shape(n, n->out[0], x->dtype, 4, dim);
}
