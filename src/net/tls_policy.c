/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of cipher suites. Its order is the server's preference, whatever the order they are
 * asked for in: as Go does, those that encrypt and authenticate in one and agree on keys that are
 * forgotten come first. Suites of TLS 1.3 have names here, but are not chosen: it takes all of
 * them.
 */
#include "net/tls_policy.h"

#include "base/assert.h"
#include "base/num.h"
#include "net/openssl.h"

struct suite {
	const char *name;
	const char *openssl_name; /* NULL: of TLS 1.3 */
	bool is_insecure;
	bool is_required; /* one of these must be there for HTTP/2: RFC 9113 9.2.2 */
};

static const struct suite suites[] = {
	{ "TLS_AES_128_GCM_SHA256", NULL },
	{ "TLS_AES_256_GCM_SHA384", NULL },
	{ "TLS_CHACHA20_POLY1305_SHA256", NULL },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
	  .is_required = true },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
	  .is_required = true },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
	  "ECDHE-ECDSA-CHACHA20-POLY1305" }, /* their older names */
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA" },
	{ "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256", .is_insecure = true },
	{ "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384", .is_insecure = true },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", .is_insecure = true },
	{ "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", .is_insecure = true },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256",
	  .is_insecure = true },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256", .is_insecure = true },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256", .is_insecure = true },
	{ "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA", .is_insecure = true },
	{ "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA", .is_insecure = true },
	{ "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "ECDHE-ECDSA-RC4-SHA", .is_insecure = true },
	{ "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-RC4-SHA", .is_insecure = true },
	{ "TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA", .is_insecure = true },
};

static const struct {
	const char *name;
	int number;
} versions[] = {
	{ "VersionTLS10", TLS1_VERSION },
	{ "VersionTLS11", TLS1_1_VERSION },
	{ "VersionTLS12", TLS1_2_VERSION },
	{ "VersionTLS13", TLS1_3_VERSION },
};

static int find_version(struct str name, int *ret, struct err *err)
{
	if (name.len == 0) {
		*ret = TLS1_2_VERSION;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
		if (str_eq_c(name, versions[i].name)) {
			*ret = versions[i].number;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "unknown tls version \"" STR_FMT "\"", STR_ARG(name));
}

static bool is_named(struct str_list names, const char *name)
{
	for (size_t i = 0; i < names.count; i++) {
		if (str_eq_c(names.items[i], name))
			return true;
	}
	return false;
}

static int check_names(struct str_list names, struct err *err)
{
	for (size_t i = 0; i < names.count; i++) {
		size_t at = 0;

		while (at < ARRAY_COUNT(suites) && !str_eq_c(names.items[i], suites[at].name))
			at++;
		if (at == ARRAY_COUNT(suites))
			return err_set(err, ERR_INVALID,
				       "Cipher suite " STR_FMT " not supported or doesn't exist",
				       STR_ARG(names.items[i]));
	}
	return 0;
}

/* OpenSSL leaves out silently what it was built without. */
static bool is_known_to_openssl(SSL_CTX *context, const char *name)
{
	bool is_known = SSL_CTX_set_cipher_list(context, name) == 1;

	ERR_clear_error();
	return is_known;
}

static void choose(struct str_list names, SSL_CTX *context, struct arena *arena,
		   struct tls_policy *policy)
{
	struct str *chosen = arena_array(arena, ARRAY_COUNT(suites), sizeof(*chosen));
	struct str *insecure = arena_array(arena, ARRAY_COUNT(suites), sizeof(*insecure));
	struct str *absent = arena_array(arena, ARRAY_COUNT(suites), sizeof(*absent));
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(suites); i++) {
		if (names.count > 0 ? !is_named(names, suites[i].name) : suites[i].is_insecure)
			continue;
		if (suites[i].is_insecure)
			insecure[policy->insecure.count++] = str_from(suites[i].name);
		if (!suites[i].openssl_name)
			continue;
		if (is_known_to_openssl(context, suites[i].openssl_name))
			chosen[count++] = str_from(suites[i].openssl_name);
		else
			absent[policy->absent.count++] = str_from(suites[i].name);
	}
	policy->insecure.items = insecure;
	policy->absent.items = absent;
	policy->suites_12 = str_c_in(arena, str_join_in(arena, chosen, count, STR(":")));
}

static bool has_required(struct str_list names)
{
	for (size_t i = 0; i < ARRAY_COUNT(suites); i++) {
		if (suites[i].is_required && is_named(names, suites[i].name))
			return true;
	}
	return false;
}

int tls_policy_decode(struct str_list names, struct str version, struct arena *arena,
		      struct tls_policy *ret, struct err *err)
{
	AUTO_SSL_CONTEXT context = SSL_CTX_new(TLS_server_method());
	struct tls_policy policy = { 0 };

	ASSERT(context);
	if (check_names(names, err) < 0 || find_version(version, &policy.version_min, err) < 0)
		return -1;
	if (names.count > 0 && policy.version_min < TLS1_3_VERSION && !has_required(names))
		return err_set(err, ERR_INVALID,
			       "error configuring http2: http2: TLSConfig.CipherSuites is missing "
			       "an HTTP/2-required "
			       "AES_128_GCM_SHA256 cipher (need at least one of "
			       "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
			       "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)");
	choose(names, context, arena, &policy);
	*ret = policy;
	return 0;
}
