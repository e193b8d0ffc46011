/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_depth.c - how deep every FIFO is, so that branches that part and meet again can neither block each other nor lose time.
 *
 * Everything that a unit does depends on beats alone, never on when they come: the stream is a Kahn process network. One schedule that
 * keeps within the FIFOs is then enough to prove that none, whatever stalls, gets stuck (Parks 1995; Geilen and Basten 2003). That schedule
 * is made here: the stream at full speed with FIFOs without limit where branches meet, and what they held at most is their depth.
 */
#include "stream_build.h"
#include <stdlib.h>

void stream_depths(Stream *s) {
  enum { LEAST = 2, FRAMES = 5, MOST_FRAMES = 40, MOST_CYCLES = 200000 };
  bool meets = false;
  for (int i = 0; i < s->n_links; i++) {
    Link *l = s->link[i];
    l->depth = l->reader && l->reader->n_in > 1 ? 0 : LEAST;
    meets |= !l->depth;
  }
  bool runs = stream_time(s, FRAMES);
  const int under_way = runs ? (int)(s->latency / (s->interval > 1 ? s->interval : 1)) + 3 : 0,
            enough = under_way > FRAMES ? under_way : FRAMES;
  if (enough > FRAMES) /* a skip connection fills only when as many frames have come in as are under way beside it */
    runs = stream_time(s, enough);
  if (runs && meets) {
    for (int i = 0; i < s->n_links; i++)
      if (!s->link[i]->depth)
        s->link[i]->depth = s->link[i]->most_held + 1 > LEAST ? s->link[i]->most_held + 1 : LEAST;
  }
  /* the first frames pass faster or slower than all others: FIFOs and memories fill up */
  const int64_t affordable = s->interval > 0 ? MOST_CYCLES / s->interval : MOST_FRAMES,
                frames = affordable < MOST_FRAMES ? affordable : MOST_FRAMES;
  if (!runs || !stream_time(s, frames < enough ? enough : (int)frames)) {
    fprintf(stderr, "nngen: internal error: stream %s does not run to its end\n", s->name);
    abort();
  }
}
