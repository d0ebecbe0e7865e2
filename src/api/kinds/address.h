/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and networks in Services, Ingresses, endpoints, policies. Forms that were
 * taken once and are refused today stay where they are: an update may keep what the old object has.
 */
#ifndef CUBE_API_KINDS_ADDRESS_H
#define CUBE_API_KINDS_ADDRESS_H

#include "api/rules.h"

rule_check rule_plain_ip; /* an address that others can reach: not loopback, link-local, ... */
rule_check rule_interface_address; /* "10.9.8.7/24" */
rule_check rule_balancer_status;   /* a LoadBalancerStatus */

/* Reports an address that is refused, unless it is one of the strings old_list has (NULL: none);
 * false: it is not one, or is not checked any further. */
bool address_check(const struct scope *s, const struct field_path *path, struct str text,
		   yyjson_val *old_list);
bool range_check(const struct scope *s, const struct field_path *path, struct str text,
		 yyjson_val *old_list);
void address_check_special(const struct scope *s, const struct field_path *path, struct str ip);

/* Forms that are not the one everybody writes. */
void address_warn(struct notices *n, const struct field_path *path, struct str text);
void range_warn(struct notices *n, const struct field_path *path, struct str text);
void balancer_status_warn(struct edit *e, struct notices *n);

#endif
