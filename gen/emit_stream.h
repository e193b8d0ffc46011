/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_stream.h - what the parts of the streaming back end share: names, sizes, the order of a port's elements.
 */
#ifndef NNGEN_EMIT_STREAM_H
#define NNGEN_EMIT_STREAM_H

#include "emit.h"

/* An AXI-Stream port: an input or output of the network. */
typedef struct {
  const char *name; /* of its signals before "_tdata": s_axis, m_axis_logits */
  const HirPort *port;
  const Edge *edge;
  const Link *link; /* outputs: the FIFO before it */
} AxisPort;

typedef struct {
  const StreamDesign *d;
  const Stream *s;
  const char **unit; /* by number: entity TOP_<name>, signals <name>_* */
  AxisPort *in, *out;
} StreamNames;

StreamNames stream_names(const StreamDesign *d);
int stream_unit_number(const Stream *s, const Unit *u);
/* Signals of a link: <unit>_s, <unit>_s<input> where it has several, or the port's. */
const char *stream_link_name(const StreamNames *n, const Link *l);
/* The signals that lead to the links of an edge: the unit's or the port's. */
const char *stream_edge_name(const StreamNames *n, const Edge *e);
/* All readers of an edge. */
int stream_links(const Stream *s, const Edge *e, const Link **link);

/* Bits of a beat inside, and on tdata, which is whole bytes. */
int stream_beat_bits(const Edge *e);
int stream_tdata_bits(const Edge *e);
int64_t stream_frame_beats(const Edge *e);
/* Whether the kernel's highest output bit says that there is a beat. */
bool stream_has_valid_bit(const Unit *u);
/* "window", with its reuse and multipliers: "window, R = 4, 36 multipliers" */
const char *stream_unit_text(const Unit *u);
/* "(2, 3, 224)" */
const char *stream_shape(const HirPort *p);
/* Which channels a beat holds: "3 elements, channels 0 to 2" or "beat 0: channels 0 1 5, ..." */
const char *stream_order(const Edge *e);
/* Frames that the GHDL bench runs unless told otherwise. */
size_t stream_default_frames(const StreamDesign *d);

/* emit_stream_front.c: the library's entities. Files and compile order; whether TOP.vhd names types of their package; constants and the
 * instance of one unit's front end. */
void stream_library(const StreamNames *n, Folder *f, Buf *order);
bool stream_needs_package(const Stream *s);
void stream_front_constants(Buf *b, const StreamNames *n, int unit);
void stream_front(Buf *b, const StreamNames *n, int unit);

#endif
