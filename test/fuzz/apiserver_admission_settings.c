/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of admission's plug-ins, and the users of a webhooks' kubeconfig. The first byte
 * says of which plug-in. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/admission_settings.h"
#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static const char *const plugins[] = { "PodSecurity",
					       "EventRateLimit",
					       "PodTolerationRestriction",
					       "PodNodeSelector",
					       "ImagePolicyWebhook",
					       "MutatingAdmissionWebhook",
					       "ValidatingAdmissionWebhook",
					       "ResourceQuota" };
	struct admission_settings settings = admission_settings_none;
	struct webhook_credentials credentials;
	struct str text;
	AUTO_JSON_MUT doc = NULL;
	AUTO_JSON root = NULL;
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };

	if (!size_bytes)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	text = str_sub((const char *)bytes + 1, size_bytes - 1);
	if (webhook_credentials_parse(text, STR("/nowhere"), &arena, &credentials, &err) == 0)
		(void)webhook_credentials_find(&credentials, text);
	doc = yaml_parse(text, 1u << 20, NULL);
	if (!doc)
		return 0;
	root = json_freeze(yyjson_mut_doc_get_root(doc));
	err = (struct err){ 0 };
	if (admission_configuration_check(yyjson_doc_get_root(root), &err) < 0 && !err.msg[0])
		abort();
	err = (struct err){ 0 };
	if (admission_settings_read(str_from(plugins[bytes[0] % ARRAY_COUNT(plugins)]),
				    yyjson_doc_get_root(root), &arena, &settings, &err) < 0 &&
	    (!err.code || !err.msg[0]))
		abort();
	return 0;
}
