/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges and the choice of credentials. */
#include "image/auth.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "image/image.h"
#include "image/limits.h"
#include "image/reference.h"

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_space(struct str *s, const char *also)
{
	while (s->len && (s->ptr[0] == ' ' || s->ptr[0] == '\t' || (s->ptr[0] != '\0' && strchr(also, s->ptr[0]))))
		*s = str_slice(*s, 1, s->len);
}

static struct str take_token(struct str *s)
{
	size_t n = 0;
	struct str token;

	while (n < s->len && is_token_char(s->ptr[n]))
		n++;
	token = str_slice(*s, 0, n);
	*s = str_slice(*s, n, s->len);
	return token;
}

static int take_quoted(struct str *s, struct arena *arena, struct str *ret, struct err *err)
{
	char *to = arena_alloc(arena, s->len + 1);
	size_t n = 0, i = 1;

	for (; i < s->len && s->ptr[i] != '"'; i++) {
		if (s->ptr[i] == '\\' && i + 1 < s->len)
			i++;
		to[n++] = s->ptr[i];
	}
	if (i >= s->len)
		return err_set(err, ERR_PARSE, "WWW-Authenticate: unterminated string");
	*s = str_slice(*s, i + 1, s->len);
	*ret = str_sub(to, n);
	return 0;
}

static void set_param(struct auth_challenge *c, struct str name, struct str value)
{
	static const struct { struct str name; size_t offset; } params[] = {
		{ STR_INIT("realm"), offsetof(struct auth_challenge, realm) },
		{ STR_INIT("service"), offsetof(struct auth_challenge, service) },
		{ STR_INIT("scope"), offsetof(struct auth_challenge, scope) },
		{ STR_INIT("error"), offsetof(struct auth_challenge, error) },
	};

	for (size_t i = 0; i < ARRAY_COUNT(params); i++) {
		if (str_eq_nocase(name, params[i].name))
			*(struct str *)((char *)c + params[i].offset) = value;
	}
}

int auth_challenge_parse(struct str header, struct arena *arena, struct auth_challenge *ret, struct err *err)
{
	struct auth_challenge present = { 0 }, best = { 0 };
	struct str rest = header, name, value = STR_NONE;
	bool known = false, have_bearer = false, have_basic = false;

	for (int i = 0; i < AUTH_CHALLENGE_PARTS_MAX; i++) {
		skip_space(&rest, ",");
		if (rest.len == 0)
			break;
		name = take_token(&rest);
		if (name.len == 0)
			return err_set(err, ERR_PARSE, "WWW-Authenticate: unexpected character");
		skip_space(&rest, "");
		if (rest.len && rest.ptr[0] == '=') {
			rest = str_slice(rest, 1, rest.len);
			skip_space(&rest, "");
			if (rest.len && rest.ptr[0] == '"') {
				if (take_quoted(&rest, arena, &value, err) < 0)
					return -1;
			} else {
				value = str_in(arena, take_token(&rest));
			}
			set_param(&present, name, value);
		} else { /* a scheme: a new challenge begins */
			present = (struct auth_challenge){ .is_bearer = str_eq_nocase(name, STR("Bearer")) };
			known = present.is_bearer || str_eq_nocase(name, STR("Basic"));
		}
		if (!known || (have_bearer && !present.is_bearer))
			continue;
		best = present;
		have_bearer |= present.is_bearer;
		have_basic |= !present.is_bearer;
	}
	if (!have_bearer && !have_basic)
		return err_set(err, ERR_PARSE, "WWW-Authenticate: no challenge that is supported");
	*ret = best;
	return 0;
}

static int decode_auth(yyjson_val *v, struct arena *arena, struct image_auth *ret)
{
	AUTO_BUF both = { 0 };

	buf_init(&both, DOCKER_CONFIG_BYTES_MAX);
	*ret = (struct image_auth){
		.username = str_in(arena, json_str(json_key(v, STR("username")))),
		.password = str_in(arena, json_str(json_key(v, STR("password")))),
		.identity_token = str_in(arena, json_str(json_key(v, STR("identitytoken")))),
		.registry_token = str_in(arena, json_str(json_key(v, STR("registrytoken")))),
	};
	if (!json_key(v, STR("auth")))
		return 0;
	if (base64_decode(json_str(json_key(v, STR("auth"))), &both, NULL) < 0)
		return -1;
	if (both.len && !str_cut(str_in(arena, buf_str(&both)), ':', &ret->username, &ret->password))
		return -1;
	return 0;
}

/* "https://index.docker.io/v1/" and "localhost:5000/team" become what a reference's name starts with. */
static struct str auth_scope(struct str key)
{
	struct str host, path;

	if (!str_strip_prefix(&key, STR("https://")))
		str_strip_prefix(&key, STR("http://"));
	while (str_strip_suffix(&key, STR("/")))
		;
	str_cut(key, '/', &host, &path);
	if (str_eq_c(path, "v1") || str_eq_c(path, "v2"))
		key = host;
	if (str_eq_c(host, "index.docker.io") || str_eq_c(host, "registry-1.docker.io"))
		key = STR("docker.io");
	return key;
}

bool image_auth_find(struct str docker_config_json, struct str reference, struct arena *arena, struct image_auth *ret)
{
	AUTO_JSON doc = json_parse(docker_config_json, DOCKER_CONFIG_BYTES_MAX, NULL);
	struct reference r;
	size_t best_len = 0;
	yyjson_val *auths;

	if (!doc || reference_parse(reference, arena, &r, NULL) < 0)
		return false;
	auths = json_key(yyjson_doc_get_root(doc), STR("auths"));
	if (!auths) /* the older .dockercfg: the object itself */
		auths = yyjson_doc_get_root(doc);
	JSON_MEMBERS(key, value, auths) {
		struct str scope = auth_scope(json_str(key));
		struct image_auth auth;

		if (scope.len <= best_len || !yyjson_is_obj(value) || !str_has_prefix(r.name, scope) ||
		    (r.name.len > scope.len && r.name.ptr[scope.len] != '/'))
			continue;
		if (decode_auth(value, arena, &auth) < 0)
			continue;
		*ret = auth;
		best_len = scope.len;
	}
	return best_len > 0;
}
