/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables in upstream's order of precedence: services, envFrom, env; later ones win. Values of
 * env may use all that come before them.
 */
#include "kubelet/pod_env.h"

#include "base/mem.h"
#include "codec/json.h"
#include "kubelet/limits.h"

static const struct str *find(const struct map *values, struct str name)
{
	return map_get(values, name);
}

struct str env_expand(struct str text, const struct map *values, struct arena *arena)
{
	AUTO_BUF out = { 0 };
	size_t at = 0;

	if (str_find_char(text, '$', 0) == SIZE_MAX)
		return text;
	buf_init(&out, KUBELET_ENV_BYTES_MAX);
	while (at < text.len) {
		size_t dollar = str_find_char(text, '$', at), end;
		const struct str *value;

		buf_put_str(&out, str_slice(text, at, dollar));
		if (dollar == SIZE_MAX)
			break;
		at = dollar + 1;
		if (at < text.len &&
		    text.ptr[at] == '$') { /* $$ is one $, and what follows is not looked at */
			buf_put_char(&out, '$');
			at++;
			continue;
		}
		end = at < text.len && text.ptr[at] == '(' ? str_find_char(text, ')', at)
							   : SIZE_MAX;
		if (end == SIZE_MAX) {
			buf_put_char(&out, '$');
			continue;
		}
		value = find(values, str_slice(text, at + 1, end));
		if (value)
			buf_put_str(&out, *value);
		else
			buf_put_str(&out, str_slice(text, dollar, end + 1));
		at = end + 1;
	}
	return str_in(arena, buf_str(&out));
}

static void env_set(struct env_result *r, struct arena *arena, struct str name, struct str value)
{
	struct str *kept = ARENA_NEW(arena, struct str);

	*kept = value;
	(void)map_put(&r->values, name, kept); /* an earlier one is replaced */
}

/* --- services --- */

static struct str service_prefix(struct str name, struct arena *arena)
{
	char *to = arena_alloc(arena, name.len + 1);

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		to[i] = c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	return str_sub(to, name.len);
}

static void env_add_service(struct env_result *r, struct arena *arena, const struct obj *service)
{
	struct str address = json_get_str(service->root, "spec.clusterIP");
	struct str p = service_prefix(service->name, arena);
	yyjson_val *ports = json_get(service->root, "spec.ports");
	bool first = true, is_v6 = str_find_char(address, ':', 0) != SIZE_MAX;

	env_set(r, arena, str_printf_in(arena, STR_FMT "_SERVICE_HOST", STR_ARG(p)), address);
	JSON_EACH (port, ports) {
		long long number = json_get_int(port, "port", 0);
		struct str name = json_get_str(port, "name"),
			   protocol = json_get_str(port, "protocol");
		struct str text = str_printf_in(arena, "%lld", number), upper, lower, url, base;
		char *small;

		if (str_is_empty(protocol))
			protocol = STR("TCP");
		upper = protocol;
		small = arena_alloc(arena, protocol.len + 1);
		for (size_t i = 0; i < protocol.len; i++)
			small[i] = (char)(protocol.ptr[i] | 0x20);
		lower = str_sub(small, protocol.len);
		url = str_printf_in(arena, STR_FMT "://%s" STR_FMT "%s:%lld", STR_ARG(lower),
				    is_v6 ? "[" : "", STR_ARG(address), is_v6 ? "]" : "", number);
		base = str_printf_in(arena, STR_FMT "_PORT_%lld_" STR_FMT, STR_ARG(p), number,
				     STR_ARG(upper));
		if (first) {
			env_set(r, arena, str_printf_in(arena, STR_FMT "_SERVICE_PORT", STR_ARG(p)),
				text);
			env_set(r, arena, str_printf_in(arena, STR_FMT "_PORT", STR_ARG(p)), url);
		}
		first = false;
		if (!str_is_empty(name))
			env_set(r, arena,
				str_printf_in(arena, STR_FMT "_SERVICE_PORT_" STR_FMT, STR_ARG(p),
					      STR_ARG(service_prefix(name, arena))),
				text);
		env_set(r, arena, base, url);
		env_set(r, arena, str_printf_in(arena, STR_FMT "_PROTO", STR_ARG(base)), lower);
		env_set(r, arena, str_printf_in(arena, STR_FMT "_PORT", STR_ARG(base)), text);
		env_set(r, arena, str_printf_in(arena, STR_FMT "_ADDR", STR_ARG(base)), address);
	}
}

static void env_add_services(struct env_result *r, struct arena *arena, const struct env_input *in)
{
	bool links = json_get_bool(in->spec->json, "enableServiceLinks", true);

	INFORMER_SET_FOR_EACH (service, in->services) {
		struct str address = json_get_str(service->root, "spec.clusterIP");
		bool master = str_eq(service->namespace_, STR("default")) &&
			      str_eq(service->name, STR("kubernetes"));

		if (str_is_empty(address) || str_eq(address, STR("None")))
			continue;
		if (master || (links && str_eq(service->namespace_, in->spec->namespace_)))
			env_add_service(r, arena, service);
	}
}

/* --- ConfigMaps and Secrets --- */

static const struct obj *lookup(const struct env_input *in, bool is_secret, struct str name)
{
	return is_secret ? in->sources->secret(in->sources->arg, in->spec->namespace_, name)
			 : in->sources->config_map(in->sources->arg, in->spec->namespace_, name);
}

static int object_value(yyjson_val *value, bool is_secret, struct arena *arena, struct str *ret,
			struct err *err)
{
	if (!is_secret) {
		*ret = json_str(value);
		return 0;
	}
	return bytes_decode(json_str(value), arena, ret, err);
}

static int missing(bool is_secret, struct str name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found",
		       is_secret ? "secret" : "configmap", STR_ARG(name));
}

static int env_add_from(struct env_result *r, struct arena *arena, const struct env_input *in,
			yyjson_val *from, struct err *err)
{
	bool is_secret = json_get(from, "secretRef") != NULL;
	yyjson_val *ref = json_get(from, is_secret ? "secretRef" : "configMapRef");
	struct str prefix = json_get_str(from, "prefix"), name = json_get_str(ref, "name");
	const struct obj *obj = lookup(in, is_secret, name);

	if (!obj)
		return json_get_bool(ref, "optional", false) ? 0 : missing(is_secret, name, err);
	JSON_MEMBERS (key, value, json_get(obj->root, "data")) {
		struct str text;

		if (object_value(value, is_secret, arena, &text, err) < 0)
			return err_wrap(err, "key " STR_FMT, STR_ARG(json_str(key)));
		env_set(r, arena,
			str_printf_in(arena, STR_FMT STR_FMT, STR_ARG(prefix),
				      STR_ARG(json_str(key))),
			text);
	}
	return 0;
}

/* *ret_skip: an optional reference that leads nowhere. */
static int key_value(const struct env_input *in, yyjson_val *ref, bool is_secret,
		     struct arena *arena, struct str *ret, bool *ret_skip, struct err *err)
{
	struct str name = json_get_str(ref, "name"), key = json_get_str(ref, "key");
	bool optional = json_get_bool(ref, "optional", false);
	const struct obj *obj = lookup(in, is_secret, name);
	yyjson_val *value;

	if (!obj && !optional)
		return missing(is_secret, name, err);
	value = obj ? json_key(json_get(obj->root, "data"), key) : NULL;
	if (!value && obj && !is_secret &&
	    (value = json_key(json_get(obj->root, "binaryData"), key)))
		return bytes_decode(json_str(value), arena, ret, err);
	if (!value && !optional)
		return err_set(err, ERR_NOT_FOUND,
			       "couldn't find key " STR_FMT " in %s " STR_FMT "/" STR_FMT,
			       STR_ARG(key), is_secret ? "Secret" : "ConfigMap",
			       STR_ARG(in->spec->namespace_), STR_ARG(name));
	*ret_skip = !value;
	return value ? object_value(value, is_secret, arena, ret, err) : 0;
}

static int env_add_one(struct env_result *r, struct arena *arena, const struct env_input *in,
		       yyjson_val *item, struct err *err)
{
	yyjson_val *from = json_get(item, "valueFrom"), *ref;
	struct str value = json_get_str(item, "value");
	bool skip = false;
	int rc = 0;

	if (!from)
		value = env_expand(value, &r->values, arena);
	else if ((ref = json_get(from, "configMapKeyRef")))
		rc = key_value(in, ref, false, arena, &value, &skip, err);
	else if ((ref = json_get(from, "secretKeyRef")))
		rc = key_value(in, ref, true, arena, &value, &skip, err);
	else if ((ref = json_get(from, "fieldRef")))
		rc = downward_field(in->spec, in->sources, json_get_str(ref, "fieldPath"), arena,
				    &value, err);
	else if ((ref = json_get(from, "resourceFieldRef")))
		rc = downward_resource(in->spec, in->container, in->sources, ref, arena, &value,
				       err);
	if (rc == 0 && !skip)
		env_set(r, arena, json_get_str(item, "name"), value);
	return rc;
}

static int env_collect(const struct env_input *in, struct arena *arena, struct env_result *r,
		       struct err *err)
{
	env_add_services(r, arena, in);
	JSON_EACH (from, json_get(in->container->json, "envFrom"))
		if (env_add_from(r, arena, in, from, err) < 0)
			return -1;
	JSON_EACH (item, json_get(in->container->json, "env"))
		if (env_add_one(r, arena, in, item, err) < 0)
			return -1;
	return 0;
}

int env_build(const struct env_input *in, struct arena *arena, struct env_result *ret,
	      struct err *err)
{
	size_t cursor = 0, bytes = 0;
	struct str name;
	void *value;

	*ret = (struct env_result){ .count = 0 };
	map_init(&ret->values);
	if (env_collect(in, arena, ret, err) < 0) {
		map_deinit(&ret->values);
		return -1;
	}
	ret->list = arena_array(arena, ret->values.count + 1, sizeof(*ret->list));
	while (map_next(&ret->values, &cursor, &name, &value)) {
		const struct str *text = value;

		bytes += name.len + text->len + 2;
		if (bytes > KUBELET_ENV_BYTES_MAX) {
			map_deinit(&ret->values);
			return err_set(err, ERR_TOO_LARGE,
				       "environment of container " STR_FMT
				       " is larger than %u bytes",
				       STR_ARG(in->container->name), KUBELET_ENV_BYTES_MAX);
		}
		ret->list[ret->count++] = str_printf_in(arena, STR_FMT "=" STR_FMT, STR_ARG(name),
							STR_ARG(*text));
	}
	return 0;
}

void env_result_deinit(struct env_result *r)
{
	map_deinit(&r->values);
}
