/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in Services, Ingresses and endpoints. */
#ifndef CUBE_API_KINDS_ADDRESS_H
#define CUBE_API_KINDS_ADDRESS_H

#include "api/rules.h"

rule_check rule_plain_ip; /* an address that others can reach: not loopback, link-local, ... */
rule_check rule_interface_address; /* "10.9.8.7/24" */
rule_check rule_balancer_status;   /* a LoadBalancerStatus */

#endif
