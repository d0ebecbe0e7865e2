/* SPDX-License-Identifier: Apache-2.0 */
/* Each certificate has a context of its own, as OpenSSL keeps all that a handshake needs in one. */
#include "net/tls_names.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "codec/name.h"
#include "net/limits.h"

#define NAMES_BYTES_MAX ((size_t)4 << 20)

static bool is_address(struct str name)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	return str_copy_to(name, text, sizeof(text)) == 0 &&
	       (inet_pton(AF_INET, text, &address) == 1 ||
		inet_pton(AF_INET6, text, &address) == 1);
}

static struct str lower_in(struct arena *arena, struct str name)
{
	char *lower = arena_alloc(arena, name.len + 1);

	for (size_t i = 0; i < name.len; i++)
		lower[i] = (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] - 'A' + 'a'
									   : name.ptr[i]);
	lower[name.len] = '\0';
	return str_sub(lower, name.len);
}

static int add(struct tls_names *names, struct str name, SSL_CTX *context, struct err *err)
{
	if (names->count == names->item_max)
		return err_set(err, ERR_TOO_LARGE, "more than %u names of certificates",
			       TLS_SERVER_NAMES_MAX);
	names->items[names->count++] = (struct tls_name){ lower_in(&names->arena, name), context };
	names->has_address = names->has_address || is_address(name);
	return 0;
}

/* As a name of a host that others may ask for; addresses are not asked for by name. */
static bool is_host(struct str name)
{
	if (str_eq_c(name, "*"))
		return true;
	(void)str_strip_prefix(&name, STR("*."));
	return !is_address(name) && !name_subdomain_problem(name);
}

static int add_own(struct tls_names *names, const struct tls_named_pair *pair, SSL_CTX *context,
		   struct err *err)
{
	struct tls_identity *identity;
	int result = 0;

	if (tls_identity_decode(pair->certificate_pem, &identity, err) < 0)
		return -1;
	if (is_host(identity->common_name))
		result = add(names, identity->common_name, context, err);
	for (size_t i = 0; i < identity->dns_name_count && result == 0; i++)
		result = add(names, identity->dns_names[i], context, err);
	tls_identity_free(identity);
	return result;
}

static int add_given(struct tls_names *names, const struct tls_named_pair *pair, SSL_CTX *context,
		     struct err *err)
{
	for (size_t i = 0; i < pair->names.count; i++)
		if (add(names, pair->names.items[i], context, err) < 0)
			return -1;
	return 0;
}

static int fill(struct tls_names *names, const struct tls_server_options *options, struct err *err)
{
	for (size_t i = 0; i < options->named_count; i++)
		if (add_given(names, &options->named[i], names->contexts[i], err) < 0)
			return -1;
	for (size_t i = 0; i < options->named_count; i++)
		if (!options->named[i].names.count &&
		    add_own(names, &options->named[i], names->contexts[i], err) < 0)
			return -1;
	return 0;
}

int tls_names_init(struct tls_names *names, const struct tls_server_options *options,
		   SSL_CTX *(*make)(void *arg, const struct tls_named_pair *pair, struct err *err),
		   void *arg, struct err *err)
{
	*names = (struct tls_names){ 0 };
	if (!options->named_count)
		return 0;
	arena_init(&names->arena, NAMES_BYTES_MAX);
	names->contexts = arena_array(&names->arena, options->named_count,
				      sizeof(names->contexts[0]));
	names->item_max = TLS_SERVER_NAMES_MAX;
	names->items = arena_array(&names->arena, names->item_max, sizeof(names->items[0]));
	while (names->context_count < options->named_count) {
		SSL_CTX *context = make(arg, &options->named[names->context_count], err);

		if (!context)
			break;
		names->contexts[names->context_count++] = context;
	}
	if (names->context_count == options->named_count && fill(names, options, err) == 0)
		return 0;
	tls_names_deinit(names);
	return -1;
}

void tls_names_deinit(struct tls_names *names)
{
	for (size_t i = 0; i < names->context_count; i++)
		SSL_CTX_free(names->contexts[i]);
	if (names->contexts)
		arena_deinit(&names->arena);
	*names = (struct tls_names){ 0 };
}

static SSL_CTX *find_whole(const struct tls_names *names, struct str name)
{
	for (size_t i = 0; i < names->count; i++)
		if (str_eq_nocase(names->items[i].name, name))
			return names->items[i].context;
	return NULL;
}

/* "a.example.com" by "*.example.com", "a" by "*" */
static SSL_CTX *find_wildcard(const struct tls_names *names, struct str name)
{
	size_t dot = str_find_char(name, '.', 0);
	struct str behind = dot == SIZE_MAX ? STR("") : str_slice(name, dot, name.len);

	for (size_t i = 0; i < names->count; i++) {
		struct str rest = names->items[i].name;

		if (str_strip_prefix(&rest, STR("*")) && str_eq_nocase(rest, behind))
			return names->items[i].context;
	}
	return NULL;
}

SSL_CTX *tls_names_find(const struct tls_names *names, struct str name)
{
	SSL_CTX *found;

	if (!name.len)
		return NULL;
	(void)str_strip_suffix(&name, STR(".")); /* of a whole name */
	found = find_whole(names, name);
	return found ? found : find_wildcard(names, name);
}

SSL_CTX *tls_names_find_address(const struct tls_names *names, int fd)
{
	struct sockaddr_storage own;
	socklen_t size = sizeof(own);
	char text[INET6_ADDRSTRLEN] = "";

	if (!names->has_address || getsockname(fd, (struct sockaddr *)&own, &size) < 0)
		return NULL;
	if (own.ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &((struct sockaddr_in *)&own)->sin_addr, text,
				sizeof(text));
	else if (own.ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&own)->sin6_addr, text,
				sizeof(text));
	return find_whole(names, str_from(text));
}
