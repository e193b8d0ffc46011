/* SPDX-License-Identifier: Apache-2.0 */
#include <ac_int.h>
