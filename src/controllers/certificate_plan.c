/* SPDX-License-Identifier: Apache-2.0 */
/* As upstream's cleaner: what was issued, denied or failed stays for an hour after that, what waits
 * for approval for a day; what was approved and waits for its signer stays. */
#include "controllers/certificate.h"

#include "base/num.h"
#include "base/time.h"

#define DECIDED_SECONDS 3600
#define PENDING_SECONDS (24 * 3600)

/* A time that is not there is never over. */
static int64_t after(struct str time, int64_t seconds)
{
	int64_t ns;

	return time_parse(time, &ns, NULL) < 0 ? INT64_MAX : ns + seconds * TIME_NS_PER_SECOND;
}

int64_t certificate_request_end_ns(yyjson_val *request, int64_t certificate_ends_ns)
{
	static const struct {
		const char *condition;
		bool when_issued;
	} decisions[] = { { "Approved", true }, { "Denied", false }, { "Failed", false } };
	bool is_issued = json_get_str(request, "status.certificate").len > 0;
	yyjson_val *conditions = json_get(request, "status.conditions");
	int64_t end_ns = INT64_MAX;

	if (!yyjson_arr_size(conditions))
		return after(json_get_str(request, "metadata.creationTimestamp"), PENDING_SECONDS);
	for (size_t i = 0; i < ARRAY_COUNT(decisions); i++) {
		yyjson_val *condition = condition_find(conditions,
						       str_from(decisions[i].condition));

		if (condition && (is_issued || !decisions[i].when_issued))
			end_ns = NUM_MIN(end_ns, after(json_get_str(condition, "lastUpdateTime"),
						       DECIDED_SECONDS));
	}
	if (is_issued && condition_find(conditions, STR("Approved")))
		end_ns = NUM_MIN(end_ns, certificate_ends_ns);
	return end_ns;
}
