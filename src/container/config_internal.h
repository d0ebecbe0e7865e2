/* SPDX-License-Identifier: Apache-2.0 */
/* Between config.c and config_linux.c only. */
#ifndef CUBE_CONTAINER_CONFIG_INTERNAL_H
#define CUBE_CONTAINER_CONFIG_INTERNAL_H

#include "container/config.h"

void config_put_list(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key, struct str_list list);

#endif
