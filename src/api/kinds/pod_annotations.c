/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations of Pods that mean something: mirrors, the cost of deletion, and the seccomp and
 * AppArmor profiles of before there were fields for them. */
#include "api/kinds/pod_annotations.h"

#include "api/kinds/pod_spec.h"
#include "base/num.h"

#define MIRROR "kubernetes.io/config.mirror"
#define DELETION_COST "controller.kubernetes.io/pod-deletion-cost"
#define APPARMOR "container.apparmor.security.beta.kubernetes.io/"
#define SECCOMP_POD "seccomp.security.alpha.kubernetes.io/pod"
#define SECCOMP "container.seccomp.security.alpha.kubernetes.io/"
#define LOCALHOST "localhost/"

static const char *const container_lists[] = { "initContainers", "containers",
					       "ephemeralContainers" };

static const struct field_path meta_path = { .name = "metadata" },
			       path = { .parent = &meta_path, .name = "annotations" },
			       spec_path = { .name = "spec" };

/* ---- profiles in annotations ---- */

static void check_seccomp(const struct scope *s, const struct field_path *at, struct str value)
{
	struct str rest = value;

	if (schema_values_have(STR("runtime/default|docker/default|unconfined"), value))
		return;
	if (str_strip_prefix(&rest, STR(LOCALHOST)))
		rule_local_path(s, at, yyjson_mut_strn(s->edit->doc, rest.ptr, rest.len));
	else
		field_invalid_str(s->errors, at, value, "must be a valid seccomp profile");
}

static bool has_container(yyjson_mut_val *spec, struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++)
		JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, container_lists[i]))
			if (str_eq(json_mut_get_str(container, "name"), name))
				return true;
	return false;
}

static void check_apparmor(const struct scope *s, const struct field_path *at, struct str container,
			   struct str value)
{
	if (!has_container(yyjson_mut_obj_get(s->edit->root, "spec"), container))
		field_invalid_str(s->errors, at, container, "container not found");
	if (value.len && !schema_values_have(STR("runtime/default|unconfined"), value) &&
	    !str_has_prefix(value, STR(LOCALHOST)))
		field_invalid_str(s->errors, at, value,
				  str_printf_in(s->errors->arena,
						"invalid AppArmor profile name: \"" STR_FMT "\"",
						STR_ARG(value))
					  .ptr);
}

/* ---- annotation and field say the same ---- */

static const struct profile {
	const char *field, *what;    /* for messages */
	const char *prefix, *of_pod; /* annotations of a container, of the pod */
	const char *defaults;	     /* values that are the runtime's default */
	bool inherits;		     /* a container has the pod's field where it has none */
} profiles[] = {
	{ "seccompProfile", "seccomp", SECCOMP, SECCOMP_POD, "runtime/default|docker/default",
	  false },
	{ "appArmorProfile", "apparmor", APPARMOR, NULL, "runtime/default", true },
};

static void check_match(struct field_errors *errors, const struct profile *p, struct str value,
			yyjson_mut_val *field, const struct field_path *at)
{
	struct str type = json_mut_get_str(field, "type"),
		   local = json_mut_get_str(field, "localhostProfile"), rest = value;
	bool is_local = str_strip_prefix(&rest, STR(LOCALHOST)), same = true;

	if (str_eq_c(type, "Unconfined"))
		same = str_eq_c(value, "unconfined");
	else if (str_eq_c(type, "RuntimeDefault"))
		same = schema_values_have(str_from(p->defaults), value);
	else if (str_eq_c(type, "Localhost"))
		same = is_local;
	if (!same)
		field_error_add(errors, FIELD_FORBIDDEN, FIELD_NAME(at, "type"),
				"%s type in annotation and field must match", p->what);
	else if (str_eq_c(type, "Localhost") && !str_eq(rest, local))
		field_error_add(errors, FIELD_FORBIDDEN, FIELD_NAME(at, "localhostProfile"),
				"%s profile in annotation and field must match", p->what);
}

static void check_container_matches(struct edit *e, const struct profile *p,
				    yyjson_mut_val *annotations, struct field_errors *errors)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *of_pod = yyjson_mut_obj_get(yyjson_mut_obj_get(spec, "securityContext"),
						    p->field);

	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++) {
		const struct field_path *list = FIELD_NAME(&spec_path, container_lists[i]);
		size_t j = 0;

		JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, container_lists[i])) {
			const struct field_path *at = FIELD_NAME(
				FIELD_NAME(FIELD_INDEX(list, j++), "securityContext"), p->field);
			yyjson_mut_val *field = yyjson_mut_obj_get(
					       yyjson_mut_obj_get(container, "securityContext"),
					       p->field),
				       *value;
			struct str name = json_mut_get_str(container, "name");

			if (!field && p->inherits)
				field = of_pod;
			value = json_mut_key(annotations, str_printf_in(e->arena, "%s" STR_FMT,
									p->prefix, STR_ARG(name)));
			if (field && value)
				check_match(errors, p, json_mut_str(value), field, at);
		}
	}
}

void pod_annotations_validate_match(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *annotations = json_mut_get(e->root, "metadata.annotations");
	bool is_windows = str_eq_c(json_mut_get_str(e->root, "spec.os.name"), "windows");

	if (!annotations)
		return;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		const struct profile *p = &profiles[i];
		yyjson_mut_val *field = json_mut_get(e->root, "spec.securityContext");
		yyjson_mut_val *value = p->of_pod ? json_mut_key(annotations, str_from(p->of_pod))
						  : NULL;

		field = yyjson_mut_obj_get(field, p->field);
		if (field && value)
			check_match(
				errors, p, json_mut_str(value), field,
				FIELD_NAME(FIELD_NAME(&spec_path, "securityContext"), p->field));
		if (!(p->inherits && is_windows))
			check_container_matches(e, p, annotations, errors);
	}
}

/* ---- an annotation without the field makes it ---- */

static yyjson_mut_val *apparmor_of(struct edit *e, struct str value)
{
	yyjson_mut_val *field = yyjson_mut_obj(e->doc);
	struct str local = value;

	if (str_eq_c(value, "unconfined"))
		json_set_str(e->doc, field, "type", STR("Unconfined"));
	else if (str_eq_c(value, "runtime/default"))
		json_set_str(e->doc, field, "type", STR("RuntimeDefault"));
	else if (!str_strip_prefix(&local, STR(LOCALHOST)) || !local.len ||
		 str_trim(local).len != local.len)
		return NULL;
	else {
		json_set_str(e->doc, field, "type", STR("Localhost"));
		json_set_str(e->doc, field, "localhostProfile", local);
	}
	return field;
}

void pod_annotations_prepare(struct edit *e)
{
	yyjson_mut_val *annotations = json_mut_get(e->root, "metadata.annotations"),
		       *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *of_pod = json_mut_get(spec, "securityContext.appArmorProfile");

	if (!annotations || str_eq_c(json_mut_get_str(spec, "os.name"), "windows"))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++) {
		JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, container_lists[i])) {
			struct str name = json_mut_get_str(container, "name");
			yyjson_mut_val *value = json_mut_key(annotations,
							     str_printf_in(e->arena,
									   APPARMOR STR_FMT,
									   STR_ARG(name))),
				       *field;

			if (!value || json_mut_get(container, "securityContext.appArmorProfile"))
				continue;
			field = apparmor_of(e, json_mut_str(value));
			if (field && !(of_pod && json_mut_equal(field, of_pod)))
				json_set(e->doc,
					 json_ensure_object(e->doc, container, "securityContext"),
					 "appArmorProfile", field);
		}
	}
}

/* ---- the checks ---- */

static void check_one(const struct scope *s, struct str key, struct str value)
{
	const struct field_path *at = FIELD_KEY(&path, key);
	struct str rest = key;
	int64_t number;

	if (str_eq_c(key, MIRROR)) {
		if (!json_mut_get_str(s->edit->root, "spec.nodeName").len)
			field_invalid_str(s->errors, at, value,
					  "must set spec.nodeName if mirror pod annotation is set");
	} else if (str_eq_c(key, DELETION_COST)) {
		/* As Go reads numbers, but without a sign or zeros in front. */
		if (num_parse_i64(value, INT32_MIN, INT32_MAX, "cost", &number, NULL) < 0 ||
		    (value.len > 1 && value.ptr[0] == '0') || value.ptr[0] == '+')
			field_invalid_str(s->errors, at, value, "must be a 32bit integer");
	} else if (str_eq_c(key, SECCOMP_POD) || str_has_prefix(key, STR(SECCOMP))) {
		/* Here upstream takes the key for a field's name. */
		check_seccomp(s, FIELD_NAME(&path, str_in(s->errors->arena, key).ptr), value);
	} else if (str_strip_prefix(&rest, STR(APPARMOR))) {
		check_apparmor(s, at, rest, value);
	}
}

void pod_annotations_validate(struct edit *e, struct field_errors *errors)
{
	struct scope scope = { .edit = e, .errors = errors };

	JSON_MUT_MEMBERS (key, value, json_mut_get(e->root, "metadata.annotations"))
		check_one(&scope, json_mut_str(key), json_mut_str(value));
}

static const char *guarded_annotation(struct str key)
{
	if (str_eq_c(key, MIRROR))
		return "mirror pod annotation";
	return str_has_prefix(key, STR(APPARMOR)) ? "AppArmor annotations" : NULL;
}

void pod_annotations_validate_update(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *now = json_mut_get(e->root, "metadata.annotations");
	yyjson_val *old = json_get(e->old, "metadata.annotations");

	JSON_MEMBERS (key, value, old) {
		const char *what = guarded_annotation(json_str(key));

		if (what && !json_mixed_equal(json_mut_key(now, json_str(key)), value))
			field_error_add(errors, FIELD_FORBIDDEN, FIELD_KEY(&path, json_str(key)),
					"may not remove or update %s", what);
	}
	JSON_MUT_MEMBERS (name, added, now) {
		const char *what = guarded_annotation(json_mut_str(name));

		if (what && added && !json_key(old, json_mut_str(name)))
			field_error_add(errors, FIELD_FORBIDDEN,
					FIELD_KEY(&path, json_mut_str(name)), "may not add %s",
					what);
	}
}
