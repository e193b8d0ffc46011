/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_folder.h - what the folder's own files have in common in both modes.
 */
#ifndef NNGEN_EMIT_FOLDER_H
#define NNGEN_EMIT_FOLDER_H

#include "emit.h"

/* Makefile, README.md, vendor scripts, tb/synth.*: pairs as of template_render. */
void folder_texts(Folder *f, const char *const *pairs);
/* A file's name without its folders, text of the model inside a Markdown table, "fixed<16,6>". */
const char *folder_file_name(const char *path);
const char *folder_cell(const char *text);
const char *folder_format(Format f);

#endif
