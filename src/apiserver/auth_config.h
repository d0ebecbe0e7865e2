/* SPDX-License-Identifier: Apache-2.0 */
/* AuthenticationConfiguration and AuthorizationConfiguration (apiserver.config.k8s.io): what is
 * wrong with one, in upstream's words. Expressions are compiled by those who use them. Pure. */
#ifndef CUBE_APISERVER_AUTH_CONFIG_H
#define CUBE_APISERVER_AUTH_CONFIG_H

#include "codec/json.h"

/* own_issuers: of service accounts' tokens, which nobody else may claim. */
int authentication_config_check(yyjson_val *root, const struct str_list *own_issuers,
				struct err *err) MUST_CHECK;
int authorization_config_check(yyjson_val *root, struct err *err) MUST_CHECK;

#endif
