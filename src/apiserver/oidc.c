/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers, their keys, and fetching those: discovery first, then the key set it names. */
#include "apiserver/oidc.h"

#include "apiserver/jwks.h"
#include "apiserver/jwt.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/env.h"

#define DISCOVERY_PATH "/.well-known/openid-configuration"

struct issuer {
	struct oidc *oidc;
	struct str url, discovery_url, ca_pem;
	struct str_list algorithms;
	const struct oidc_rules *rules;
	/* what was fetched */
	struct arena arena;
	struct jwks keys;
	struct webhook_call *call;
	bool was_fetched;
	int64_t fetched_ns; /* or failed to be */
	struct err err;
	struct list waits;
};

struct oidc {
	struct registry *registry;
	struct arena arena;
	struct issuer *issuers;
	size_t count;
};

/* --- configuration --- */

static int read_issuer(struct oidc *oidc, yyjson_val *from, size_t index, struct err *err)
{
	struct issuer *issuer = &oidc->issuers[index];
	struct str path = str_printf_in(&oidc->arena, "jwt[%zu]", index);
	yyjson_val *list = json_get(from, "issuer.signingAlgs");
	struct str *algorithms = arena_array(&oidc->arena, yyjson_arr_size(list) + 1,
					     sizeof(algorithms[0]));

	issuer->oidc = oidc;
	list_init(&issuer->waits);
	arena_init(&issuer->arena, OIDC_KEYS_BYTES_MAX * 4);
	issuer->url = str_in(&oidc->arena, json_get_str(from, "issuer.url"));
	issuer->discovery_url = str_in(&oidc->arena, json_get_str(from, "issuer.discoveryURL"));
	issuer->ca_pem = str_in(&oidc->arena, json_get_str(from, "issuer.certificateAuthority"));
	issuer->algorithms.items = algorithms;
	JSON_EACH (item, list)
		algorithms[issuer->algorithms.count++] = str_in(&oidc->arena, json_str(item));
	if (!str_has_prefix(issuer->url, STR("https://")))
		return err_set(err, ERR_INVALID,
			       STR_FMT ".issuer.url: Invalid value: \"" STR_FMT
				       "\": URL scheme must be https",
			       STR_ARG(path), STR_ARG(issuer->url));
	for (size_t i = 0; i < index; i++)
		if (str_eq(oidc->issuers[i].url, issuer->url))
			return err_set(err, ERR_INVALID,
				       STR_FMT ".issuer.url: Duplicate value: \"" STR_FMT "\"",
				       STR_ARG(path), STR_ARG(issuer->url));
	if (!issuer->discovery_url.len) {
		struct str base = issuer->url;

		(void)str_strip_suffix(&base, STR("/"));
		issuer->discovery_url = str_printf_in(&oidc->arena, STR_FMT DISCOVERY_PATH,
						      STR_ARG(base));
	}
	issuer->rules = oidc_rules_new(from, path, &oidc->arena, err);
	return issuer->rules ? 0 : -1;
}

int oidc_new(struct registry *registry, yyjson_val *issuers, struct oidc **ret, struct err *err)
{
	struct oidc *oidc = NEW(struct oidc);

	if (yyjson_arr_size(issuers) > OIDC_ISSUERS_MAX) {
		mem_free(oidc);
		return err_set(err, ERR_INVALID, "jwt: Too many: at most %d", OIDC_ISSUERS_MAX);
	}
	oidc->registry = registry;
	arena_init(&oidc->arena, ARENA_DEFAULT_MAX);
	oidc->issuers = arena_array(&oidc->arena, yyjson_arr_size(issuers) + 1,
				    sizeof(oidc->issuers[0]));
	JSON_EACH (item, issuers)
		if (read_issuer(oidc, item, oidc->count++, err) < 0) {
			oidc_free(oidc);
			return -1;
		}
	*ret = oidc;
	return 0;
}

void oidc_free(struct oidc *oidc)
{
	if (!oidc)
		return;
	for (size_t i = 0; i < oidc->count; i++) {
		struct issuer *issuer = &oidc->issuers[i];

		webhook_call_cancel(issuer->call);
		while (list_pop_front(&issuer->waits))
			continue; /* whoever waited goes as well */
		arena_deinit(&issuer->arena);
	}
	arena_deinit(&oidc->arena);
	mem_free(oidc);
}

void oidc_take_waits(struct oidc *oidc, struct list *to)
{
	for (size_t i = 0; oidc && i < oidc->count; i++)
		review_waits_move(&oidc->issuers[i].waits, to);
}

/* --- fetching --- */

static void start(struct issuer *issuer, struct str url, webhook_done_fn *done)
{
	struct webhook_target target = { .url = url, .ca_pem = issuer->ca_pem };
	struct webhook_request request = { .target = &target,
					   .method = STR("GET"),
					   .timeout_ms = OIDC_TIMEOUT_MS,
					   .answer_bytes_max = OIDC_KEYS_BYTES_MAX };

	issuer->call = webhook_client_start(issuer->oidc->registry->webhooks, &request, done,
					    issuer);
}

static void settle(struct issuer *issuer, const struct err *err)
{
	struct list waits;

	issuer->fetched_ns = env_mono_ns(issuer->oidc->registry->env);
	issuer->was_fetched = true;
	issuer->err = err ? *err : (struct err){ 0 };
	if (err)
		log_warn("apiserver", "keys of issuer " STR_FMT ": %s", STR_ARG(issuer->url),
			 err->msg);
	list_init(&waits);
	review_waits_move(&issuer->waits, &waits);
	review_waits_end(&waits);
}

static int read_keys(struct issuer *issuer, struct str text, struct err *err)
{
	struct jwks keys;

	arena_reset(&issuer->arena);
	issuer->keys = (struct jwks){ 0 };
	if (jwks_read(text, &issuer->arena, &keys, err) < 0)
		return err_wrap(err, "keys");
	issuer->keys = keys;
	return 0;
}

static void on_keys(void *arg, const struct webhook_answer *answer, const struct err *failure)
{
	struct issuer *issuer = arg;
	struct err err = { 0 };

	issuer->call = NULL;
	if (!failure && answer->status != 200) {
		(void)err_set(&err, ERR_UNAVAILABLE, "keys: status %d", answer->status);
		failure = &err;
	} else if (!failure && read_keys(issuer, answer->body, &err) < 0) {
		failure = &err;
	}
	settle(issuer, failure);
}

static int read_discovery(const struct issuer *issuer, struct str text, struct arena *arena,
			  struct str *ret, struct err *err)
{
	AUTO_JSON doc = json_parse(text, OIDC_KEYS_BYTES_MAX, err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	struct str url = json_get_str(root, "issuer"), keys = json_get_str(root, "jwks_uri");

	if (!doc)
		return err_wrap(err, "discovery");
	if (!str_eq(url, issuer->url))
		return err_set(err, ERR_INVALID,
			       "oidc: issuer did not match the issuer returned by provider, "
			       "expected \"" STR_FMT "\" got \"" STR_FMT "\"",
			       STR_ARG(issuer->url), STR_ARG(url));
	if (!str_has_prefix(keys, STR("https://")))
		return err_set(err, ERR_INVALID, "discovery: jwks_uri is not an https URL");
	*ret = str_in(arena, keys);
	return 0;
}

static void on_discovery(void *arg, const struct webhook_answer *answer, const struct err *failure)
{
	struct issuer *issuer = arg;
	AUTO_ARENA arena = { 0 }; /* not the issuer's: keys may never come, however often we ask */
	struct err err = { 0 };
	struct str url;

	issuer->call = NULL;
	arena_init(&arena, 2 * OIDC_KEYS_BYTES_MAX);
	if (!failure && answer->status != 200) {
		(void)err_set(&err, ERR_UNAVAILABLE, "discovery: status %d", answer->status);
		failure = &err;
	} else if (!failure && read_discovery(issuer, answer->body, &arena, &url, &err) < 0) {
		failure = &err;
	}
	if (failure)
		settle(issuer, failure);
	else
		start(issuer, url, on_keys);
}

/* --- checking --- */

static bool is_allowed(const struct issuer *issuer, const char *algorithm)
{
	if (!issuer->algorithms.count)
		return true;
	for (size_t i = 0; i < issuer->algorithms.count; i++)
		if (str_eq_c(issuer->algorithms.items[i], algorithm))
			return true;
	return false;
}

static bool verifies(const struct issuer *issuer, const struct jwt *jwt)
{
	const char *algorithm = jwt_algorithm(jwt->signature.kind);

	for (size_t i = 0; i < issuer->keys.count; i++) {
		const struct jwks_key *signer = &issuer->keys.items[i];

		if (jwt->key_id.len && signer->id.len && !str_eq(jwt->key_id, signer->id))
			continue;
		if (signer->algorithm.len && !str_eq_c(signer->algorithm, algorithm))
			continue;
		if (x509_verify(signer->pem, &jwt->signature, jwt->signed_part, NULL) == 0)
			return true;
	}
	return false;
}

/* Keys change; but who sends nonsense does not make us ask for them without end. */
static bool may_fetch(const struct issuer *issuer)
{
	return !issuer->was_fetched || issuer->fetched_ns + OIDC_REFETCH_MS * TIME_NS_PER_MS <
					       env_mono_ns(issuer->oidc->registry->env);
}

static enum review_answer check(struct issuer *issuer, const struct jwt *jwt,
				struct review_wait *wait, struct arena *arena,
				const struct user **ret, struct err *err)
{
	struct env *env = issuer->oidc->registry->env;
	int64_t now_s = env_wall_ns(env) / TIME_NS_PER_SECOND;

	if (!is_allowed(issuer, jwt_algorithm(jwt->signature.kind))) {
		(void)err_set(err, ERR_UNAUTHORIZED,
			      "oidc: verify token: oidc: id token signed with unsupported "
			      "algorithm \"%s\"",
			      jwt_algorithm(jwt->signature.kind));
		return REVIEW_FAILED;
	}
	if (verifies(issuer, jwt))
		return oidc_rules_apply(issuer->rules, yyjson_doc_get_root(jwt->claims), now_s,
					arena, ret, err) < 0
			       ? REVIEW_FAILED
			       : REVIEW_ANSWERED;
	if ((issuer->call || may_fetch(issuer)) && wait) {
		if (!issuer->call)
			start(issuer, issuer->discovery_url, on_discovery);
		list_push_back(&issuer->waits, &wait->link);
		return REVIEW_LATER;
	}
	(void)err_set(err, ERR_UNAUTHORIZED, "oidc: verify token: %s",
		      issuer->err.code ? issuer->err.msg : "failed to verify signature");
	return REVIEW_FAILED;
}

enum review_answer oidc_check(struct oidc *oidc, struct str token, struct review_wait *wait,
			      struct arena *arena, const struct user **ret, struct err *err)
{
	AUTO_ARENA scratch = { 0 };
	AUTO_JSON claims = NULL;
	struct jwt jwt;

	arena_init(&scratch, ARENA_DEFAULT_MAX);
	if (jwt_decode(token, &scratch, &jwt, NULL) < 0)
		return REVIEW_FAILED;
	claims = jwt.claims;
	for (size_t i = 0; i < oidc->count; i++)
		if (str_eq(oidc->issuers[i].url, jwt_issuer(&jwt)))
			return check(&oidc->issuers[i], &jwt, wait, arena, ret, err);
	return REVIEW_FAILED;
}
