/* SPDX-License-Identifier: Apache-2.0 */
/* What claims, device classes and slices of resource.k8s.io say of devices (dra_device.c). */
#ifndef CUBE_API_KINDS_DRA_H
#define CUBE_API_KINDS_DRA_H

#include "api/kinds/limits.h"
#include "api/rules.h"

rule_check rule_device_selectors; /* a list */
rule_check rule_device_toleration;
rule_check rule_device_taint;
rule_check rule_device_config;	     /* what holds an opaque configuration */
rule_check rule_device_conditions;   /* what holds bindingConditions and bindingFailureConditions */
rule_check rule_device_key;	     /* "id" or "domain/id" */
rule_check rule_full_attribute_name; /* a text "domain/id" */
rule_check rule_pool_name;
/* A JSON object that a driver understands: there, and at most max bytes. */
void device_check_opaque(const struct scope *scope, const struct field_path *path,
			 yyjson_mut_val *v, size_t bytes_max);

#endif
