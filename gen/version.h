/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NNGEN_VERSION_H
#define NNGEN_VERSION_H
#define NNGEN_VERSION "0.1.0"
#endif
