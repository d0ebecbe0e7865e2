/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities are text with a value, so that codec has them: expressions need them below this folder. */
#ifndef CUBE_API_QUANTITY_H
#define CUBE_API_QUANTITY_H

#include "codec/quantity.h"

#endif
