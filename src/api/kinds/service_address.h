/* SPDX-License-Identifier: Apache-2.0 */
/* clusterIPs, ipFamilies and ipFamilyPolicy of a Service, which only make sense together. */
#ifndef CUBE_API_KINDS_SERVICE_ADDRESS_H
#define CUBE_API_KINDS_SERVICE_ADDRESS_H

#include "api/rules.h"

bool service_is_headless(yyjson_mut_val *spec);
rule_check service_check_addresses; /* of the spec */
/* Against the old object: a second address and family may come and go, the first ones stay. */
void service_check_kept_addresses(struct edit *e, struct field_errors *errors);

#endif
