/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that the kinds of admission and those that name webhooks share. */
#ifndef CUBE_API_KINDS_ADMISSION_H
#define CUBE_API_KINDS_ADMISSION_H

#include "api/field.h"
#include "codec/json.h"

/* clientConfig: exactly one of url and service, each as upstream wants it. */
/* What is wrong with a caBundle as it stands in JSON, in Go's words; NULL: there is a certificate in
 * it. */
const char *ca_bundle_problem(struct str base64);
void webhook_client_config_validate(yyjson_mut_val *config, const struct field_path *path,
				    struct field_errors *errors);
/* admissionReviewVersions, conversionReviewVersions. */
void webhook_versions_validate(yyjson_mut_val *versions, bool one_is_known,
			       const struct field_path *path, struct field_errors *errors);
/* One of them is, or there are none: reviews can be asked for. */
bool webhook_versions_are_known(yyjson_val *versions);
/* operations, apiGroups, apiVersions and resources of a rule. */
void admission_rule_validate(yyjson_mut_val *rule, const struct field_path *path,
			     struct field_errors *errors);
/* matchConditions; features: enum admission_feature. */
void admission_conditions_validate(yyjson_mut_val *conditions, unsigned features,
				   const struct field_path *path, struct field_errors *errors);

#endif
