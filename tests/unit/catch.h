/* SPDX-License-Identifier: Apache-2.0
 *
 * catch.h - for tests of what is said to the user: messages are caught in a buffer, memory and counts are fresh for every test.
 */
#ifndef NNGEN_TEST_CATCH_H
#define NNGEN_TEST_CATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base.h"

static char *said;
static size_t said_size;
static FILE *ear;

static int setup(void **state) {
  (void)state;
  mem_release_all();
  diag_reset();
  diag_set_file("m.onnx");
  ear = open_memstream(&said, &said_size);
  diag_set_stream(ear);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  diag_set_stream(NULL);
  diag_set_json(false);
  fclose(ear);
  free(said);
  return 0;
}

__attribute__((unused)) static void again(void) {
  teardown(NULL);
  setup(NULL);
}

__attribute__((unused)) static const char *heard(void) {
  fflush(ear);
  return said;
}

#define assert_heard(text)                                                                                                                 \
  do {                                                                                                                                     \
    if (!strstr(heard(), text))                                                                                                            \
      fail_msg("not said: '%s' in '%s'", text, said);                                                                                      \
  } while (0)

#endif
