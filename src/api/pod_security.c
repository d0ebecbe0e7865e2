/* SPDX-License-Identifier: Apache-2.0 */
/* Pod Security Standards: labels, and the table of checks over a pod. The checks themselves are in
 * pod_security_checks.c. */
#include "api/pod_security.h"

#include "api/pod_security_internal.h"
#include "base/num.h"

#define PREFIX "pod-security.kubernetes.io/"

static const char *const level_names[] = {
	[POD_SECURITY_PRIVILEGED] = "privileged",
	[POD_SECURITY_BASELINE] = "baseline",
	[POD_SECURITY_RESTRICTED] = "restricted",
};
static const char *const mode_names[] = {
	[POD_SECURITY_ENFORCE] = "enforce",
	[POD_SECURITY_AUDIT] = "audit",
	[POD_SECURITY_WARN] = "warn",
};

/* --- labels --- */

bool pod_security_level_read(struct str text, enum pod_security_level *ret)
{
	for (size_t i = 0; i < ARRAY_COUNT(level_names); i++)
		if (str_eq_c(text, level_names[i])) {
			*ret = (enum pod_security_level)i;
			return true;
		}
	return false;
}

bool pod_security_version_read(struct str text, int *ret_minor)
{
	uint64_t minor;

	if (str_eq_c(text, "latest")) {
		*ret_minor = POD_SECURITY_LATEST;
		return true;
	}
	if (!str_strip_prefix(&text, STR("v1.")) || (text.len > 1 && text.ptr[0] == '0') ||
	    num_parse_u64(text, 9999, "minor version", &minor, NULL) < 0)
		return false;
	*ret_minor = minor ? (int)minor : 1; /* v1.0: the first checks, as of any version */
	return true;
}

static struct str label_of(struct arena *arena, enum pod_security_mode mode, const char *suffix)
{
	return str_printf_in(arena, PREFIX "%s%s", mode_names[mode], suffix);
}

static void tell_wrong(struct field_errors *errors, struct str label, struct str value,
		       const char *detail)
{
	const struct field_path *labels = FIELD_NAME(FIELD_NAME(NULL, "metadata"), "labels");

	if (errors)
		field_invalid_str(errors, FIELD_KEY(labels, label), value, detail);
}

/* *ret is what holds without a label. */
static void read_mode(yyjson_val *labels, enum pod_security_mode mode,
		      struct pod_security_standard *ret, struct field_errors *errors)
{
	AUTO_ARENA arena = { 0 };
	struct str label;
	yyjson_val *value;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	label = label_of(&arena, mode, "");
	value = json_key(labels, label);
	if (value && !pod_security_level_read(json_str(value), &ret->level)) {
		ret->level = mode == POD_SECURITY_ENFORCE ? POD_SECURITY_RESTRICTED
							  : POD_SECURITY_PRIVILEGED;
		tell_wrong(errors, label, json_str(value),
			   "must be one of privileged, baseline, restricted");
	}
	label = label_of(&arena, mode, "-version");
	value = json_key(labels, label);
	if (value && !pod_security_version_read(json_str(value), &ret->minor))
		tell_wrong(errors, label, json_str(value), "must be \"latest\" or \"v1.x\"");
}

void pod_security_read(yyjson_val *labels, const struct pod_security_policy *defaults,
		       struct pod_security_policy *ret, struct field_errors *errors)
{
	bool has_enforce;
	AUTO_ARENA arena = { 0 };

	*ret = *defaults;
	for (int mode = 0; mode < POD_SECURITY_MODE_COUNT; mode++)
		read_mode(labels, (enum pod_security_mode)mode, &ret->modes[mode], errors);
	/* What is enforced is also warned of, unless the labels say otherwise. */
	arena_init(&arena, ARENA_DEFAULT_MAX);
	has_enforce = json_key(labels, label_of(&arena, POD_SECURITY_ENFORCE, "")) != NULL;
	if (has_enforce && !json_key(labels, label_of(&arena, POD_SECURITY_WARN, "")) &&
	    ret->modes[POD_SECURITY_ENFORCE].level > ret->modes[POD_SECURITY_WARN].level)
		ret->modes[POD_SECURITY_WARN] = ret->modes[POD_SECURITY_ENFORCE];
}

struct str pod_security_text(const struct pod_security_standard *standard, struct arena *arena)
{
	if (standard->minor == POD_SECURITY_LATEST)
		return str_printf_in(arena, "%s:latest", level_names[standard->level]);
	return str_printf_in(arena, "%s:v1.%d", level_names[standard->level], standard->minor);
}

/* --- checking --- */

static void add(struct str *list, struct arena *arena, struct str text)
{
	*list = list->len
			? str_printf_in(arena, STR_FMT ", " STR_FMT, STR_ARG(*list), STR_ARG(text))
			: text;
}

static bool applies(const struct pod_security_check *check,
		    const struct pod_security_standard *standard)
{
	int minor = standard->minor == POD_SECURITY_LATEST ? POD_SECURITY_NEVER - 1
							   : standard->minor;

	if (minor < check->from_minor || (check->to_minor && minor >= check->to_minor))
		return false;
	if (standard->level == POD_SECURITY_RESTRICTED && minor >= check->overlapped_from)
		return false; /* a restricted check says it, too */
	return check->level <= standard->level;
}

void pod_security_check(const struct pod_security_standard *standard, yyjson_val *pod,
			struct arena *arena, struct pod_security_findings *ret)
{
	struct pod_security_review review = {
		.arena = arena,
		.pod = pod,
		.spec = json_get(pod, "spec"),
		.minor = standard->minor == POD_SECURITY_LATEST ? INT32_MAX : standard->minor,
	};

	*ret = (struct pod_security_findings){ 0 };
	if (standard->level == POD_SECURITY_PRIVILEGED)
		return;
	/* Upstream tells baseline's findings before restricted's. */
	for (int level = POD_SECURITY_BASELINE; level <= POD_SECURITY_RESTRICTED; level++)
		for (const struct pod_security_check *c = pod_security_checks; c->run; c++) {
			struct str detail;

			if ((int)c->level != level || !applies(c, standard))
				continue;
			review.reason = str_from(c->reason);
			detail = c->run(&review);
			if (!detail.len)
				continue;
			add(&ret->reasons, arena, review.reason);
			add(&ret->details, arena,
			    str_printf_in(arena, STR_FMT " (" STR_FMT ")", STR_ARG(review.reason),
					  STR_ARG(detail)));
		}
}

/* --- updates --- */

static yyjson_val *container_named(yyjson_val *containers, struct str name)
{
	JSON_EACH (container, containers) {
		if (str_eq(json_get_str(container, "name"), name))
			return container;
	}
	return NULL;
}

bool pod_security_is_concerned(yyjson_val *old_pod, yyjson_val *pod)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		yyjson_val *before = json_get(json_get(old_pod, "spec"), lists[i]),
			   *after = json_get(json_get(pod, "spec"), lists[i]);

		if (yyjson_arr_size(before) != yyjson_arr_size(after))
			return true;
		JSON_EACH (container, after) {
			yyjson_val *had = container_named(before, json_get_str(container, "name"));

			if (!had ||
			    !str_eq(json_get_str(had, "image"), json_get_str(container, "image")))
				return true;
		}
	}
	return false;
}
