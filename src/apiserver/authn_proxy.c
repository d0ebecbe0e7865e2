/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that a proxy in front passes on, with the headers that say for whom. */
#include "apiserver/authn.h"
#include "apiserver/limits.h"
#include "net/url.h"
#include "net/x509.h"

/* The first of these headers that says something. */
static struct str first_of(const struct http_exchange *x, struct str_list names)
{
	struct str value;

	for (size_t i = 0; i < names.count; i++) {
		value = str_trim(http_header_get(&x->headers, names.items[i]));
		if (value.len)
			return value;
	}
	return STR_NONE;
}

static bool is_named(const struct authn_proxy *proxy, struct str name)
{
	for (size_t i = 0; i < proxy->names.count; i++)
		if (str_eq(proxy->names.items[i], name))
			return true;
	return !proxy->names.count;
}

static int take_groups(const struct authn_proxy *proxy, struct http_exchange *x, struct user *user,
		       struct err *err)
{
	struct str *groups = arena_array(&x->arena, USER_GROUPS_MAX + 1, sizeof(groups[0]));
	struct str group;

	for (size_t i = 0; i < proxy->group_headers.count; i++) {
		size_t cursor = 0;

		while (http_header_next(&x->headers, proxy->group_headers.items[i], &cursor,
					&group)) {
			if (user->group_count == USER_GROUPS_MAX)
				return err_set(err, ERR_BAD_REQUEST, "too many groups");
			if (str_trim(group).len)
				groups[user->group_count++] = str_trim(group);
		}
	}
	groups[user->group_count++] = STR("system:authenticated");
	user->groups = groups;
	return 0;
}

/* Keys are percent-encoded and have no case. */
static struct str key_of(struct http_exchange *x, struct str encoded)
{
	char *lower = arena_alloc(&x->arena, encoded.len + 1);
	struct str key;

	for (size_t i = 0; i < encoded.len; i++)
		lower[i] = (char)(encoded.ptr[i] >= 'A' && encoded.ptr[i] <= 'Z'
					  ? encoded.ptr[i] - 'A' + 'a'
					  : encoded.ptr[i]);
	if (url_decode(str_sub(lower, encoded.len), &x->arena, &key, NULL) < 0)
		return str_sub(lower, encoded.len);
	return key;
}

static int add_extra(struct http_exchange *x, struct user *user, struct str key, struct str value)
{
	struct user_extra *extras = (struct user_extra *)user->extras;
	struct user_extra *extra = NULL;
	struct str *values;

	for (size_t i = 0; i < user->extra_count; i++)
		if (str_eq(extras[i].key, key))
			extra = &extras[i];
	if (!extra && user->extra_count == USER_EXTRAS_MAX)
		return -1;
	if (!extra) {
		extra = &extras[user->extra_count++];
		*extra = (struct user_extra){ .key = key };
	}
	values = arena_array(&x->arena, extra->values.count + 1, sizeof(values[0]));
	if (extra->values.count)
		memcpy(values, extra->values.items, extra->values.count * sizeof(values[0]));
	values[extra->values.count] = value;
	extra->values = (struct str_list){ values, extra->values.count + 1 };
	return 0;
}

static int take_extras(const struct authn_proxy *proxy, struct http_exchange *x, struct user *user,
		       struct err *err)
{
	user->extras = arena_array(&x->arena, USER_EXTRAS_MAX, sizeof(struct user_extra));
	for (size_t i = 0; i < x->headers.count; i++) {
		const struct http_header *header = &x->headers.list[i];

		for (size_t j = 0; j < proxy->extra_prefixes.count; j++) {
			struct str prefix = proxy->extra_prefixes.items[j];

			if (header->name.len <= prefix.len ||
			    !str_eq_nocase(str_slice(header->name, 0, prefix.len), prefix))
				continue;
			if (add_extra(x, user,
				      key_of(x,
					     str_slice(header->name, prefix.len, header->name.len)),
				      header->value) < 0)
				return err_set(err, ERR_BAD_REQUEST, "too many extras");
		}
	}
	return 0;
}

int authn_proxy_find(const struct authn_proxy *proxy, struct http_exchange *x,
		     const struct user **ret, struct err *err)
{
	const struct tls_identity *identity = x->peer->identity;
	struct user *user;
	struct str name;

	if (!identity || !proxy)
		return 0;
	name = first_of(x, proxy->user_headers);
	if (!name.len)
		return 0;
	/* a client of the cluster's own authority may send such headers: they mean nothing */
	if (x509_verify_client(proxy->ca_pem, identity->der, err) < 0)
		return identity->verified ? 0 : -1;
	if (!is_named(proxy, identity->common_name))
		return err_set(err, ERR_UNAUTHORIZED,
			       "x509: subject with cn=" STR_FMT " is not in the allowed list",
			       STR_ARG(identity->common_name));
	user = ARENA_NEW(&x->arena, struct user);
	user->name = name;
	user->uid = first_of(x, proxy->uid_headers);
	if (take_groups(proxy, x, user, err) < 0 || take_extras(proxy, x, user, err) < 0)
		return -1;
	*ret = user;
	return 1;
}
