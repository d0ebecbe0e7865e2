/* SPDX-License-Identifier: Apache-2.0 */
/* Days are compared as text, as upstream does. A doubt keeps the Secret. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "controllers/legacy_token.h"
#include "controllers/pod.h"

#define DAY_NS (24 * 3600 * TIME_NS_PER_SECOND)
#define UNUSED_NS (365 * DAY_NS) /* before it is marked, and again before it is deleted */
#define LAST_USED_LABEL "kubernetes.io/legacy-token-last-used"
#define DEPTH_MAX 16

const char *legacy_token_day(int64_t wall_ns, char to[LEGACY_TOKEN_DAY_BYTES])
{
	char text[TIME_TEXT_BYTES];

	memcpy(to, time_format(wall_ns, text), LEGACY_TOKEN_DAY_BYTES - 1);
	to[LEGACY_TOKEN_DAY_BYTES - 1] = '\0';
	return to;
}

static bool parse_day(struct str text, int64_t *ret_ns)
{
	char whole[TIME_TEXT_BYTES];

	if (text.len != LEGACY_TOKEN_DAY_BYTES - 1)
		return false;
	(void)snprintf(whole, sizeof(whole), STR_FMT "T00:00:00Z", STR_ARG(text)); /* fits */
	return time_parse(str_from(whole), ret_ns, NULL) == 0;
}

bool legacy_token_is_tracked(struct str since, int64_t now_ns)
{
	int64_t since_ns;

	/* From the day behind it on: it may have begun late on that day. */
	return parse_day(since, &since_ns) && now_ns >= since_ns + DAY_NS + UNUSED_NS;
}

enum legacy_token_plan legacy_token_plan(const struct obj *secret, bool is_listed, bool is_used,
					 int64_t now_ns)
{
	struct str last = obj_label(secret, LAST_USED_LABEL);
	struct str invalid = obj_label(secret, LEGACY_TOKEN_INVALID_LABEL);
	char limit[LEGACY_TOKEN_DAY_BYTES];
	int64_t unused;

	legacy_token_day(now_ns - UNUSED_NS, limit);
	if (obj_is_deleting(secret) || obj_created_ns(secret) >= now_ns - UNUSED_NS)
		return LEGACY_TOKEN_KEEP;
	/* Without a note it was not used since they are made. */
	if (last.len && (!parse_day(last, &unused) || str_cmp(last, str_from(limit)) >= 0))
		return LEGACY_TOKEN_KEEP;
	if (!is_listed || is_used)
		return LEGACY_TOKEN_KEEP;
	if (!parse_day(invalid, &unused))
		return LEGACY_TOKEN_MARK;
	return str_cmp(invalid, str_from(limit)) >= 0 ? LEGACY_TOKEN_KEEP : LEGACY_TOKEN_DELETE;
}

/* Members of a pod's spec that name Secrets, wherever they stand. */
static bool names_secret(struct str member, yyjson_val *value, struct str secret)
{
	static const char *const references[] = { "secretKeyRef", "secretRef",
						  "nodePublishSecretRef", "secret" };

	if (str_eq_c(member, "secretName"))
		return yyjson_is_str(value) && str_eq(json_str(value), secret);
	if (str_eq_c(member, "imagePullSecrets")) {
		JSON_EACH (item, value)
			if (str_eq(json_get_str(item, "name"), secret))
				return true;
		return false;
	}
	for (size_t i = 0; i < ARRAY_COUNT(references); i++)
		if (str_eq_c(member, references[i]) && yyjson_is_obj(value) &&
		    str_eq(json_get_str(value, "name"), secret))
			return true;
	return false;
}

static bool walk(yyjson_val *value, struct str secret, int depth)
{
	if (depth == DEPTH_MAX)
		return true; /* deeper than pods are: as good as used */
	if (yyjson_is_arr(value)) {
		JSON_EACH (item, value)
			if (walk(item, secret, depth + 1))
				return true;
		return false;
	}
	JSON_MEMBERS (key, member, value)
		if (names_secret(json_str(key), member, secret) || walk(member, secret, depth + 1))
			return true;
	return false;
}

bool legacy_token_pod_uses(const struct obj *pod, struct str secret)
{
	return walk(json_get(pod->root, "spec"), secret, 0);
}
