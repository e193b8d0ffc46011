/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_report.h - what the report says of a stream.
 */
#ifndef NNGEN_STREAM_REPORT_H
#define NNGEN_STREAM_REPORT_H

#include "emit.h"
#include <jansson.h>

/* A kernel without values, for everything that reports: ports, a layer and a site a unit, in order. */
Kernel *stream_layers(const Stream *s);
/* Of the whole, then of each unit: kernel, front end, FIFOs behind it. Of memories an estimate. */
const HirCost *stream_costs(const Stream *s);
/* report.json: units and FIFOs; null without a stream. */
json_t *stream_json(const Stream *s);
/* Cycles from the network's first beat to the unit's last one of the first frame. */
int64_t stream_unit_latency(const Unit *u);

#endif
