/* SPDX-License-Identifier: Apache-2.0 */
/* Between config.c and config_linux.c only. */
#ifndef CUBE_CONTAINER_CONFIG_INTERNAL_H
#define CUBE_CONTAINER_CONFIG_INTERNAL_H

#include "container/config.h"

#endif
