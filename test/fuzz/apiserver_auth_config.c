/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of authentication and authorization, and the policies of ABAC. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/auth_config.h"
#include "apiserver/authz_abac.h"
#include "apiserver/oidc.h"
#include "codec/yaml.h"

static void check(int result, const struct err *err)
{
	if (result < 0 && (!err->code || !err->msg[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str own[] = { STR("https://kubernetes.default.svc") },
		   text = str_sub((const char *)bytes, size_bytes);
	struct str_list issuers = { own, 1 };
	struct authz_abac *abac = NULL;
	AUTO_JSON_MUT doc = NULL;
	AUTO_JSON root = NULL;
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	yyjson_val *jwt;

	check(authz_abac_new(text, &abac, &err), &err);
	authz_abac_free(abac);
	doc = yaml_parse(text, 1u << 20, NULL);
	if (!doc)
		return 0;
	root = json_freeze(yyjson_mut_doc_get_root(doc));
	err = (struct err){ 0 };
	check(authorization_config_check(yyjson_doc_get_root(root), &err), &err);
	err = (struct err){ 0 };
	if (authentication_config_check(yyjson_doc_get_root(root), &issuers, &err) < 0) {
		check(-1, &err);
		return 0;
	}
	arena_init(&arena, (size_t)64 << 20);
	jwt = yyjson_arr_get_first(json_get(yyjson_doc_get_root(root), "jwt"));
	err = (struct err){ 0 };
	if (jwt && !oidc_rules_new(jwt, STR("jwt[0]"), &arena, &err))
		check(-1, &err);
	return 0;
}
