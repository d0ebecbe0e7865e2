/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CUBE_CONTROLLERS_ROLE_AGGREGATION_H
#define CUBE_CONTROLLERS_ROLE_AGGREGATION_H

#include "api/obj.h"
#include "base/arena.h"
#include "codec/json.h"


#endif
