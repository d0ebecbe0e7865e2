/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and hooks of containers. */
#include "api/kinds/pod_spec.h"

static const struct rule exec_rules[] = { RULE_NEED("command", ""), { 0 } };

static void check_headers(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	JSON_MUT_EACH (header, v) {
		struct str name = json_mut_get_str(header, "name");
		const char *problem = name_http_header_problem(name);

		if (problem)
			field_invalid_str(s->errors, path, name, problem);
	}
}

static const struct rule http_rules[] = {
	RULE_NEED("path", ""),
	RULE_CALL("port", rule_port),
	RULE_ONE_OF("scheme", "HTTP|HTTPS"),
	RULE_CALL("httpHeaders", check_headers),
	{ 0 },
};

static const struct rule port_rules[] = { RULE_CALL("port", rule_port), { 0 } };

static void check_sleep(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	int64_t grace = json_mut_get_int(pod->spec, "terminationGracePeriodSeconds", 30),
		seconds = json_mut_get_int(v, "seconds", 0);

	if (seconds < 0 || seconds > grace)
		field_invalid_int(s->errors, path, seconds,
				  str_printf_in(s->errors->arena,
						"must be non-negative and less than "
						"terminationGracePeriodSeconds (%lld)",
						(long long)grace)
					  .ptr);
}

/* One table each: the first of them that is there is checked, all others are too many. */
static const struct rule handler_rules[][2] = {
	{ RULE_INSIDE("exec", exec_rules) },	  { RULE_INSIDE("httpGet", http_rules) },
	{ RULE_INSIDE("tcpSocket", port_rules) }, { RULE_INSIDE("grpc", port_rules) },
	{ RULE_CALL("sleep", check_sleep) },
};

/* without: the one of grpc and sleep that is none here. */
static void check_handler(const struct scope *s, const struct field_path *path, yyjson_mut_val *v,
			  const char *without)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(handler_rules); i++) {
		const char *name = handler_rules[i][0].field;

		if (!yyjson_mut_obj_get(v, name) || strcmp(name, without) == 0)
			continue;
		if (count++)
			field_forbidden(s->errors, FIELD_NAME(path, name),
					"may not specify more than 1 handler type");
		else
			rules_check(s, handler_rules[i], path, v);
	}
	if (!count)
		field_required(s->errors, path, "must specify a handler type");
}

static const struct rule probe_rules[] = {
	RULE_NONNEGATIVE("initialDelaySeconds"),
	RULE_NONNEGATIVE("timeoutSeconds"),
	RULE_NONNEGATIVE("periodSeconds"),
	RULE_NONNEGATIVE("successThreshold"),
	RULE_NONNEGATIVE("failureThreshold"),
	RULE_POSITIVE("terminationGracePeriodSeconds"),
	{ 0 },
};

static const struct rule once_rules[] = {
	RULE_RANGE("successThreshold", 1, 1, "must be 1"),
	{ 0 },
};

/* Startup probes likewise. */
void rule_probe_liveness(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!v)
		return;
	check_handler(s, path, v, "sleep");
	rules_check(s, probe_rules, path, v);
	rules_check(s, once_rules, path, v);
}

void rule_probe_readiness(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *grace = yyjson_mut_obj_get(v, "terminationGracePeriodSeconds");

	if (!v)
		return;
	check_handler(s, path, v, "sleep");
	rules_check(s, probe_rules, path, v);
	if (grace)
		field_invalid_int(s->errors, FIELD_NAME(path, "terminationGracePeriodSeconds"),
				  json_mut_int(grace, 0), "must not be set for readinessProbes");
}

void rule_lifecycle(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const char *const hooks[] = { "postStart", "preStop" };
	const struct pod_scope *pod = s->own;

	for (size_t i = 0; i < ARRAY_COUNT(hooks); i++) {
		yyjson_mut_val *hook = yyjson_mut_obj_get(v, hooks[i]);

		if (hook)
			check_handler(s, FIELD_NAME(path, hooks[i]), hook, "grpc");
	}
	if (json_mut_get_str(v, "stopSignal").len && !json_mut_get_str(pod->spec, "os.name").len)
		field_forbidden(s->errors, FIELD_NAME(path, "stopSignal"),
				"may not be set for containers with empty `spec.os.name`");
}
