/* SPDX-License-Identifier: Apache-2.0 */
#include <sycl/sycl.hpp>
