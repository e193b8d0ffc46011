/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_resize.c - float meaning of Resize and of moving blocks between channels and space.
 */
#include "op.h"
#include "resize.h"
#include "window.h"

void eval_resize(const Node *n, const double *const *in, double *const *out) {
  const Tensor *y = n->out[0];
  const double outside = attr_float(n, "extrapolation_value", 0);
  int64_t index[MAX_RANK] = {0}, at[1 << MAX_RANK], count = tensor_count(y);
  double weight[1 << MAX_RANK];
  for (int64_t o = 0; o < count; o++, window_next(y->rank, y->dim, index)) {
    const int k = resize_gather(n, index, at, weight);
    /* one tap is copied, not multiplied: lowering may run this on element numbers */
    double sum = k == 0 ? outside : k == 1 ? in[0][at[0]] : 0;
    for (int i = 0; k > 1 && i < k; i++)
      sum += weight[i] * in[0][at[i]];
    out[0][o] = sum;
  }
}

/* Walks the side that has the space: element (channel c, row h, column v) of [channels][rows][columns] against block (h % b, v % b). */
static void blocks(const Node *n, const Tensor *space, const double *in, double *out, bool to_space) {
  const int64_t b = attr_int(n, "blocksize", 1), C = space->dim[1], H = space->dim[2], V = space->dim[3];
  const bool crd = to_space && !strcmp(attr_string(n, "mode", "DCR"), "CRD");
  for (int64_t o = 0; o < space->dim[0]; o++)
    for (int64_t c = 0; c < C; c++)
      for (int64_t h = 0; h < H; h++)
        for (int64_t v = 0; v < V; v++) {
          const int64_t block = h % b * b + v % b, deep = crd ? c * b * b + block : block * C + c;
          const int64_t s = ((o * C + c) * H + h) * V + v, d = ((o * C * b * b + deep) * (H / b) + h / b) * (V / b) + v / b;
          if (to_space)
            out[s] = in[d];
          else
            out[d] = in[s];
        }
}

void eval_depth_to_space(const Node *n, const double *const *in, double *const *out) {
  blocks(n, n->out[0], in[0], out[0], true);
}
void eval_space_to_depth(const Node *n, const double *const *in, double *const *out) {
  blocks(n, n->in[0], in[0], out[0], false);
}
