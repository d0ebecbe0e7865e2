/* SPDX-License-Identifier: Apache-2.0 */
/* What conversion webhooks answer: any bytes are objects that fit, or are refused. */
#include <stdlib.h>
#include "apiserver/conversion_review.h"
#include "apiserver/refusal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char original_text[] = "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","
					    "\"metadata\":{\"name\":\"n\",\"uid\":\"i\","
					    "\"resourceVersion\":\"5\"},\"data\":{\"a\":\"b\"}}";
	AUTO_JSON original = json_parse(str_from(original_text), sizeof(original_text), NULL);
	struct conversion_question question = { .kind = &kind_configmap,
						.uid = STR("u"),
						.count = 1 };
	yyjson_val *object;
	AUTO_JSON doc = NULL;
	AUTO_JSON_MUT taken = NULL;
	struct err err = { 0 };

	if (!size)
		return 0;
	question.is_beta = bytes[0] & 1;
	if (conversion_answer_read(str_sub((const char *)bytes + 1, size - 1), &question, &doc,
				   &object, &err) == 0)
		taken = conversion_take(&kind_configmap, yyjson_doc_get_root(original), object,
					&err);
	if (!taken && (!err.code || !err.msg[0]))
		abort();
	if (taken &&
	    !str_eq_c(json_mut_get_str(yyjson_mut_doc_get_root(taken), "metadata.resourceVersion"),
		      "5"))
		abort(); /* metadata is not the webhook's to change */
	return 0;
}
