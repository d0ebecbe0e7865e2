/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service accounts' tokens from TokenRequest to the user they stand for, over HTTP. Breaks when a
 * token works that must not: tampered with, ended, for somebody else, of another key, of a pod or
 * account that is gone; or when one does not that must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/limits.h"
#include "apiserver/tokens_internal.h"
#include "base/time.h"
#include "codec/base64.h"
#include "fixture.h"

#define JSON "Content-Type: application/json\r\n"
#define ISSUER "https://kubernetes.default.svc.cluster.local"
#define ACCOUNTS "/api/v1/namespaces/default/serviceaccounts"
#define PODS "/api/v1/namespaces/default/pods"
#define WHOAMI "/apis/authentication.k8s.io/v1/selfsubjectreviews"
#define REVIEWS "/apis/authentication.k8s.io/v1/tokenreviews"

struct setup {
	struct http_fixture admin, other; /* the second connection has no certificate */
	struct arena arena;
	struct token_options options;
	struct tokens *twin; /* with the server's key: makes tokens that it would not */
	struct str key;
};

static int text_do(struct http_fixture *f, const char *method, const char *path, const char *body,
		   const char **ret)
{
	return http_fixture_do(f, method, path, JSON, body, ret);
}

static void open_setup(struct setup *s, enum x509_key_type type)
{
	static const struct str issuers[] = { STR_INIT(ISSUER), STR_INIT("https://old.example") };
	struct str public_pem;
	struct err err = { 0 };

	*s = (struct setup){ .options = { .issuers = { issuers, 2 }, .extends = true } };
	arena_init(&s->arena, ARENA_DEFAULT_MAX);
	assert_int_equal(x509_make_key(type, &s->arena, &s->key, &public_pem, &err), 0);
	s->options.signing_key_pem = s->key;
	s->options.jwks_uri = STR("https://192.0.2.1:6443/openid/v1/jwks");
	s->options.known_max = 4;
	http_fixture_open_with(&s->admin, (struct apiserver_options){ .tokens = &s->options });
	assert_int_equal(tokens_new(&s->options, s->admin.env, &s->twin, &err), 0);
	assert_int_equal(
		text_do(&s->admin, "POST", ACCOUNTS, "{\"metadata\":{\"name\":\"robot\"}}", NULL),
		201);
	s->admin.user = NULL;
	http_fixture_connect(&s->other, &s->admin);
}

static void close_setup(struct setup *s)
{
	tokens_free(s->twin);
	http_fixture_disconnect(&s->other);
	http_fixture_close(&s->admin);
	arena_deinit(&s->arena);
}

static struct str answer_at(struct setup *s, const char *body, const char *path)
{
	AUTO_JSON doc = json_parse(str_trim(str_from(body)), SIZE_MAX, NULL);

	assert_non_null(doc);
	return str_in(&s->arena, json_get_str(yyjson_doc_get_root(doc), path));
}

static struct str ask(struct setup *s, const char *spec)
{
	const char *body;
	char request[512];

	snprintf(request, sizeof(request), "{\"spec\":%s}", spec);
	if (text_do(&s->admin, "POST", ACCOUNTS "/robot/token", request, &body) != 201)
		fail_msg("%s", body);
	return answer_at(s, body, "status.token");
}

/* The status of a question asked with the token. */
static int use(struct setup *s, struct str token, const char **ret)
{
	char headers[BEARER_BYTES_MAX + 256];

	snprintf(headers, sizeof(headers), JSON "Authorization: Bearer " STR_FMT "\r\n",
		 STR_ARG(token));
	return http_fixture_do(&s->other, "POST", WHOAMI, headers, "{}", ret);
}

static void test_request(void **state)
{
	static const enum x509_key_type types[] = { X509_KEY_P256, X509_KEY_RSA2048 };

	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		struct setup s;
		const char *body;
		struct str token;

		open_setup(&s, types[i]);
		token = ask(&s, "{\"expirationSeconds\":600}");
		for (int again = 0; again < 2; again++) { /* verified, then remembered */
			assert_int_equal(use(&s, token, &body), 201);
			assert_non_null(strstr(
				body, "\"username\":\"system:serviceaccount:default:robot\""));
			assert_non_null(strstr(body, "\"groups\":[\"system:serviceaccounts\","
						     "\"system:serviceaccounts:default\","
						     "\"system:authenticated\"]"));
			assert_non_null(strstr(
				body, "\"authentication.kubernetes.io/credential-id\":[\"JTI="));
		}
		((char *)token.ptr)[token.len - 3] ^= 1;
		assert_int_equal(use(&s, token, &body), 401);
		assert_non_null(strstr(body, "\"message\":\"Unauthorized\""));
		close_setup(&s);
	}
}

static void test_refused_requests(void **state)
{
	static const struct {
		const char *path, *spec;
		int status;
		const char *want;
	} rows[] = {
		{ "/robot/token", "{},\"metadata\":{\"name\":\"x\"}", 422,
		  "TokenRequest.authentication.k8s.io \\\"robot\\\" is invalid: metadata.name: "
		  "Invalid value: \\\"x\\\": must match the service account name if specified" },
		{ "/robot/token", "{},\"metadata\":{\"namespace\":\"x\"}", 400,
		  "the namespace of the provided object does not match the namespace sent on the "
		  "request" },
		{ "/robot/token", "{},\"metadata\":{\"uid\":\"u\"}", 409,
		  "the UID in the token request (u) does not match the UID of the service "
		  "account" },
		{ "/robot/token", "{\"expirationSeconds\":599}", 422,
		  "TokenRequest.authentication.k8s.io \\\"\\\" is invalid: spec.expirationSeconds: "
		  "Invalid value: 599: may not specify a duration less "
		  "than 10 "
		  "minutes" },
		{ "/robot/token", "{\"expirationSeconds\":4294967297}", 422,
		  "may not specify a duration larger than 2^32 seconds" },
		{ "/nobody/token", "{}", 404, "serviceaccounts \\\"nobody\\\" not found" },
		{ "/robot/token",
		  "{\"boundObjectRef\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"}}", 400,
		  "cannot bind token to object of type v1, Kind=ConfigMap" },
		{ "/robot/token",
		  "{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"x\"}}",
		  404, "pods \\\"x\\\" not found" },
		{ "/robot/token",
		  "{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"web\"}}",
		  400,
		  "cannot bind token for serviceaccount \\\"robot\\\" to pod running with "
		  "different "
		  "serviceaccount name." },
		{ "/default/token",
		  "{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"web\","
		  "\"uid\":\"u\"}}",
		  409,
		  "the UID in the bound object reference (u) does not match the UID in record" },
	};
	struct setup s;
	const char *body;

	open_setup(&s, X509_KEY_P256);
	assert_int_equal(
		text_do(&s.admin, "POST", ACCOUNTS, "{\"metadata\":{\"name\":\"default\"}}", NULL),
		201);
	assert_int_equal(
		text_do(&s.admin, "POST", PODS,
			"{\"metadata\":{\"name\":\"web\"},\"spec\":{\"containers\":[{\"name\":"
			"\"c\",\"image\":\"i\"}]}}",
			NULL),
		201);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char path[128], request[256];

		snprintf(path, sizeof(path), ACCOUNTS "%s", rows[i].path);
		snprintf(request, sizeof(request), "{\"spec\":%s}", rows[i].spec);
		assert_int_equal(text_do(&s.admin, "POST", path, request, &body), rows[i].status);
		if (!strstr(body, rows[i].want))
			fail_msg("%s not in %s", rows[i].want, body);
	}
	close_setup(&s);
}

/* A token as the server would make it, apart from what change does to it. */
static struct str forge(struct setup *s, void (*change)(struct token_claims *c, int64_t now_s))
{
	static const struct str audience = STR_INIT(ISSUER);
	const char *body;
	struct token_claims c = { .namespace_ = STR("default"),
				  .id = STR("1"),
				  .audiences = { &audience, 1 } };
	int64_t now_s = env_wall_ns(s->admin.env) / TIME_NS_PER_SECOND;
	struct err err = { 0 };
	struct str token;

	assert_int_equal(text_do(&s->admin, "GET", ACCOUNTS "/robot", NULL, &body), 200);
	c.account = (struct token_reference){ STR("robot"), answer_at(s, body, "metadata.uid") };
	c.issued_s = c.not_before_s = now_s;
	c.expires_s = now_s + 600;
	change(&c, now_s);
	assert_int_equal(tokens_issue(s->twin, &c, &s->arena, &token, &err), 0);
	return token;
}

static void change_nothing(struct token_claims *c, int64_t now_s) {}

static void change_skewed(struct token_claims *c, int64_t now_s)
{
	c->expires_s = now_s - 30;
}

static void change_expired(struct token_claims *c, int64_t now_s)
{
	c->expires_s = now_s - 90;
}

static void change_early(struct token_claims *c, int64_t now_s)
{
	c->not_before_s = now_s + 90;
}

static void change_audience(struct token_claims *c, int64_t now_s)
{
	static const struct str other = STR_INIT("vault");

	c->audiences.items = &other;
}

static void change_account_uid(struct token_claims *c, int64_t now_s)
{
	c->account.uid = STR("other");
}

static void change_account(struct token_claims *c, int64_t now_s)
{
	c->account.name = STR("nobody");
}

static void change_pod(struct token_claims *c, int64_t now_s)
{
	c->pod = (struct token_reference){ STR("gone"), STR("u") };
}

static void change_node(struct token_claims *c, int64_t now_s)
{
	c->node = (struct token_reference){ STR("gone"), STR("u") };
}

static void change_no_audience(struct token_claims *c, int64_t now_s)
{
	c->audiences.count = 0;
}

static void test_claims(void **state)
{
	static const struct {
		void (*change)(struct token_claims *c, int64_t now_s);
		const char *error; /* NULL: fine */
	} rows[] = {
		{ change_nothing, NULL },
		{ change_skewed, NULL },
		{ change_expired, "[invalid bearer token, service account token has expired]" },
		{ change_early, "[invalid bearer token, service account token is not valid yet]" },
		{ change_audience, "[invalid bearer token, token audiences [\\\"vault\\\"] is "
				   "invalid for the target "
				   "audiences [\\\"" ISSUER "\\\"]]" },
		{ change_account_uid, "does not match claim (other)]" },
		{ change_account,
		  "[invalid bearer token, service account default/nobody has been deleted]" },
		{ change_pod,
		  "[invalid bearer token, service account token has been invalidated]" },
		{ change_node,
		  "[invalid bearer token, service account token has been invalidated]" },
		{ change_no_audience,
		  "[invalid bearer token, the token has no end or no audience]" },
	};
	struct setup s;
	const char *body;

	open_setup(&s, X509_KEY_P256);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str token = forge(&s, rows[i].change);
		char review[BEARER_BYTES_MAX];

		snprintf(review, sizeof(review), "{\"spec\":{\"token\":\"" STR_FMT "\"}}",
			 STR_ARG(token));
		assert_int_equal(use(&s, token, NULL), rows[i].error ? 401 : 201);
		assert_int_equal(text_do(&s.admin, "POST", REVIEWS, review, &body), 201);
		if (!strstr(body, rows[i].error ? rows[i].error : "\"authenticated\":true"))
			fail_msg("%zu: %s", i, body);
	}
	close_setup(&s);
}

/* A review of what is no token: in the very words and fields that clients get from upstream. */
static void test_review_of_nothing(void **state)
{
	struct setup s;
	const char *body;

	open_setup(&s, X509_KEY_P256);
	assert_int_equal(text_do(&s.admin, "POST", REVIEWS,
				 "{\"spec\":{\"token\":\"x\",\"audiences\":[\"a\"]}}", &body),
			 201);
	assert_non_null(strstr(
		body,
		"\"spec\":{\"token\":\"x\",\"audiences\":[\"a\"]},\"metadata\":{},\"status\":{"
		"\"user\":{},\"error\":\"invalid bearer token\"}"));
	assert_int_equal(text_do(&s.admin, "POST", REVIEWS, "{\"spec\":{}}", &body), 400);
	assert_non_null(strstr(body, "token is required for TokenReview in authentication"));
	close_setup(&s);
}

/* Not signed, or by somebody else. */
static void test_foreign(void **state)
{
	struct token_options options;
	struct tokens *stranger;
	struct str token, key, public_pem, parts[3], rest;
	struct setup s;
	struct err err = { 0 };
	struct str none;

	open_setup(&s, X509_KEY_P256);
	token = forge(&s, change_nothing);
	rest = token;
	for (size_t i = 0; i < 3; i++)
		assert_true(str_next_part(&rest, '.', &parts[i]));
	/* {"alg":"none"} and {"alg":"HS256"} */
	none = str_printf_in(&s.arena, "eyJhbGciOiJub25lIn0." STR_FMT ".", STR_ARG(parts[1]));
	assert_int_equal(use(&s, none, NULL), 401);
	none = str_printf_in(&s.arena, "eyJhbGciOiJIUzI1NiJ9." STR_FMT "." STR_FMT,
			     STR_ARG(parts[1]), STR_ARG(parts[2]));
	assert_int_equal(use(&s, none, NULL), 401);
	assert_int_equal(x509_make_key(X509_KEY_P256, &s.arena, &key, &public_pem, &err), 0);
	options = s.options;
	options.signing_key_pem = key;
	assert_int_equal(tokens_new(&options, s.admin.env, &stranger, &err), 0);
	tokens_free(s.twin);
	s.twin = stranger;
	assert_int_equal(use(&s, forge(&s, change_nothing), NULL), 401);
	assert_int_equal(use(&s, STR("x"), NULL), 401);
	close_setup(&s);
}

static void test_second_issuer(void **state)
{
	struct setup s;
	struct token_options options;
	struct str issuers[] = { STR("https://old.example") };
	struct err err = { 0 };

	open_setup(&s, X509_KEY_P256);
	options = s.options;
	options.issuers = (struct str_list){ issuers, 1 };
	tokens_free(s.twin);
	assert_int_equal(tokens_new(&options, s.admin.env, &s.twin, &err), 0);
	assert_int_equal(use(&s, forge(&s, change_nothing), NULL), 201);
	issuers[0] = STR("https://other.example");
	tokens_free(s.twin);
	assert_int_equal(tokens_new(&options, s.admin.env, &s.twin, &err), 0);
	assert_int_equal(use(&s, forge(&s, change_nothing), NULL), 401);
	close_setup(&s);
}

/* Deleting takes effect at once, although the signature is remembered. */
static void test_deleted(void **state)
{
	struct setup s;
	const char *body;
	struct str token, bound;

	open_setup(&s, X509_KEY_P256);
	assert_int_equal(
		text_do(&s.admin, "POST", PODS,
			"{\"metadata\":{\"name\":\"web\"},\"spec\":{\"serviceAccountName\":"
			"\"robot\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
			NULL),
		201);
	token = ask(&s, "{}");
	bound = ask(
		&s,
		"{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"web\"}}");
	assert_int_equal(use(&s, bound, &body), 201);
	assert_non_null(strstr(body, "\"authentication.kubernetes.io/pod-name\":[\"web\"]"));
	assert_int_equal(text_do(&s.admin, "DELETE", PODS "/web?gracePeriodSeconds=0", NULL, NULL),
			 200);
	assert_int_equal(use(&s, bound, NULL), 401);
	assert_int_equal(use(&s, token, NULL), 201);
	assert_int_equal(text_do(&s.admin, "DELETE", ACCOUNTS "/robot", NULL, NULL), 200);
	assert_int_equal(use(&s, token, NULL), 401);
	close_setup(&s);
}

/* One more token than are remembered: the oldest is verified again. */
static void test_known_max(void **state)
{
	struct setup s;
	struct str tokens[5];

	open_setup(&s, X509_KEY_P256);
	for (size_t i = 0; i < 5; i++) {
		tokens[i] = ask(&s, "{}");
		assert_int_equal(use(&s, tokens[i], NULL), 201);
	}
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(use(&s, tokens[i], NULL), 201);
	close_setup(&s);
}

static void test_too_long(void **state)
{
	struct setup s;
	struct arena arena;
	char *text;

	open_setup(&s, X509_KEY_P256);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	text = arena_alloc(&arena, BEARER_BYTES_MAX + 2);
	memset(text, 'a', BEARER_BYTES_MAX + 1);
	assert_true(tokens_verify(s.twin, str_sub(text, BEARER_BYTES_MAX + 1),
				  &(const struct known_token *){ 0 }, NULL) < 0);
	arena_deinit(&arena);
	close_setup(&s);
}

/* A pod's hour is a year long, but says when it should have been replaced. */
static void test_extended(void **state)
{
	struct setup s;
	const struct known_token *known;
	struct str token;
	struct err err = { 0 };

	open_setup(&s, X509_KEY_P256);
	assert_int_equal(
		text_do(&s.admin, "POST", PODS,
			"{\"metadata\":{\"name\":\"web\"},\"spec\":{\"serviceAccountName\":"
			"\"robot\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
			NULL),
		201);
	token = ask(&s, "{\"expirationSeconds\":3607,\"boundObjectRef\":{\"kind\":\"Pod\","
			"\"apiVersion\":\"v1\",\"name\":\"web\"}}");
	assert_int_equal(tokens_verify(s.twin, token, &known, &err), 0);
	assert_int_equal(known->claims.expires_s - known->claims.issued_s, 365 * 24 * 3600);
	assert_int_equal(known->claims.warn_after_s - known->claims.issued_s, 3607);
	token = ask(&s, "{\"expirationSeconds\":3607}");
	assert_int_equal(tokens_verify(s.twin, token, &known, &err), 0);
	assert_int_equal(known->claims.expires_s - known->claims.issued_s, 3607);
	assert_int_equal(known->claims.warn_after_s, 0);
	close_setup(&s);
}

static void test_mounted(void **state)
{
	struct setup s;
	const char *body;

	open_setup(&s, X509_KEY_P256);
	assert_int_equal(
		text_do(&s.admin, "POST", PODS,
			"{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{\"name\":"
			"\"c\",\"image\":\"i\"}]}}",
			&body),
		201);
	assert_non_null(strstr(body, "\"projected\":{\"sources\":[{\"serviceAccountToken\":{"
				     "\"expirationSeconds\":3607,\"path\":\"token\"}}"));
	assert_non_null(strstr(body,
			       "\"readOnly\":true,\"mountPath\":\"/var/run/secrets/kubernetes.io/"
			       "serviceaccount\""));
	assert_int_equal(
		text_do(&s.admin, "POST", PODS,
			"{\"metadata\":{\"name\":\"b\"},\"spec\":{\"automountServiceAccountToken\":"
			"false,\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
			&body),
		201);
	assert_null(strstr(body, "kube-api-access"));
	assert_int_equal(
		text_do(&s.admin, "POST", ACCOUNTS,
			"{\"metadata\":{\"name\":\"strict\",\"annotations\":{\"kubernetes.io/"
			"enforce-mountable-secrets\":\"true\"}},\"secrets\":[{\"name\":\"mine\"}]}",
			NULL),
		201);
	assert_int_equal(
		text_do(&s.admin, "POST", PODS,
			"{\"metadata\":{\"name\":\"c\"},\"spec\":{\"serviceAccountName\":"
			"\"strict\","
			"\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"yours\"}}],"
			"\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
			&body),
		403);
	assert_non_null(strstr(body,
			       "volume with secret.secretName=\\\"yours\\\" is not allowed because "
			       "service account strict does not reference that secret"));
	close_setup(&s);
}

static void test_discovery(void **state)
{
	struct setup s;
	const char *body;

	open_setup(&s, X509_KEY_P256);
	assert_int_equal(text_do(&s.admin, "GET", "/.well-known/openid-configuration", NULL, &body),
			 200);
	assert_non_null(strstr(body,
			       "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://192.0.2.1:6443/"
			       "openid/v1/jwks\",\"response_types_supported\":[\"id_token\"],"
			       "\"subject_types_supported\":[\"public\"],"
			       "\"id_token_signing_alg_values_supported\":[\"ES256\"]}"));
	assert_int_equal(text_do(&s.admin, "GET", "/openid/v1/jwks", NULL, &body), 200);
	assert_non_null(strstr(body, "{\"keys\":[{\"use\":\"sig\",\"kty\":\"EC\",\"kid\":\""));
	assert_non_null(strstr(http_fixture_head(&s.admin), "application/jwk-set+json"));
	assert_int_equal(http_fixture_do(&s.other, "GET", "/openid/v1/jwks", NULL, NULL, NULL),
			 403);
	close_setup(&s);
}

/* A Secret's token is good for as long as the Secret says. */
static void test_bootstrap(void **state)
{
	static const struct {
		const char *more, *token;
		int status;
	} rows[] = {
		{ "\"usage-bootstrap-authentication\":\"true\"", "abcdef.0123456789abcdef", 201 },
		{ "\"usage-bootstrap-authentication\":\"true\"", "abcdef.0123456789abcdee", 401 },
		{ "\"usage-bootstrap-authentication\":\"true\"", "abcdeg.0123456789abcdef", 401 },
		{ "\"usage-bootstrap-signing\":\"true\"", "abcdef.0123456789abcdef", 401 },
		{ "\"usage-bootstrap-authentication\":\"true\",\"expiration\":\"2001-01-01T00:00:"
		  "00Z\"",
		  "abcdef.0123456789abcdef", 401 },
		{ "\"usage-bootstrap-authentication\":\"true\",\"expiration\":\"soon\"",
		  "abcdef.0123456789abcdef", 401 },
		{ "\"usage-bootstrap-authentication\":\"true\",\"auth-extra-groups\":\"system:"
		  "masters\"",
		  "abcdef.0123456789abcdef", 401 },
		{ "\"usage-bootstrap-authentication\":\"true\",\"auth-extra-groups\":"
		  "\"system:bootstrappers:worker\"",
		  "abcdef.0123456789abcdef", 201 },
	};
	static const char secrets[] = "/api/v1/namespaces/kube-system/secrets";
	struct setup s;
	const char *body = "";

	open_setup(&s, X509_KEY_P256);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char secret[512];

		snprintf(
			secret, sizeof(secret),
			"{\"metadata\":{\"name\":\"bootstrap-token-abcdef\"},\"type\":"
			"\"bootstrap.kubernetes.io/token\",\"stringData\":{\"token-id\":\"abcdef\","
			"\"token-secret\":\"0123456789abcdef\",%s}}",
			rows[i].more);
		assert_int_equal(text_do(&s.admin, "POST", secrets, secret, NULL), 201);
		print_message("%zu\n", i);
		assert_int_equal(use(&s, str_from(rows[i].token), &body), rows[i].status);
		if (i == ARRAY_COUNT(rows) - 1) {
			assert_non_null(strstr(body, "\"username\":\"system:bootstrap:abcdef\""));
			assert_non_null(strstr(body, "\"groups\":[\"system:bootstrappers\","
						     "\"system:bootstrappers:worker\","
						     "\"system:authenticated\"]"));
		}
		assert_int_equal(
			text_do(&s.admin, "DELETE",
				"/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef",
				NULL, NULL),
			200);
	}
	close_setup(&s);
}

static void test_impersonation(void **state)
{
	static const char account[] = JSON
		"Impersonate-User: system:serviceaccount:default:robot\r\nImpersonate-Uid: u1\r\n";
	struct setup s;
	const char *body;
	char headers[BEARER_BYTES_MAX];

	open_setup(&s, X509_KEY_P256);
	assert_int_equal(http_fixture_do(&s.admin, "POST", WHOAMI, account, "{}", &body), 201);
	assert_non_null(strstr(body,
			       "\"uid\":\"u1\",\"groups\":[\"system:serviceaccounts\","
			       "\"system:serviceaccounts:default\",\"system:authenticated\"]"));
	snprintf(headers, sizeof(headers), "%sAuthorization: Bearer " STR_FMT "\r\n", account,
		 STR_ARG(ask(&s, "{}")));
	assert_int_equal(http_fixture_do(&s.other, "POST", WHOAMI, headers, "{}", &body), 403);
	assert_non_null(strstr(
		body, "serviceaccounts \\\"robot\\\" is forbidden: User "
		      "\\\"system:serviceaccount:default:robot\\\" cannot impersonate resource "
		      "\\\"serviceaccounts\\\" in API group \\\"\\\" in the namespace "
		      "\\\"default\\\""));
	/* Extras were dropped without a word once: who asks as somebody must be somebody in all of
	 * it. */
	assert_int_equal(
		http_fixture_do(&s.admin, "POST", WHOAMI,
				JSON
				"Impersonate-User: x\r\nImpersonate-Group: system:authenticated\r\n"
				"Impersonate-Extra-Acme.com%2fteam: a\r\n"
				"impersonate-extra-acme.com%2Fteam: b\r\n",
				"{}", &body),
		201);
	assert_non_null(strstr(body, "\"extra\":{\"acme.com/team\":[\"a\",\"b\"]}"));
	assert_non_null(strstr(body, "\"groups\":[\"system:authenticated\"]"));
	assert_int_equal(http_fixture_do(&s.admin, "POST", WHOAMI,
					 JSON "Impersonate-Extra-a: b\r\n", "{}", &body),
			 400);
	assert_non_null(strstr(body, "without impersonating a user"));
	assert_int_equal(http_fixture_do(&s.admin, "POST", WHOAMI,
					 JSON
					 "Impersonate-User: x\r\nImpersonate-Extra-a%zz: a\r\n",
					 "{}", &body),
			 400);
	close_setup(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),	  cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_claims),	  cmocka_unit_test(test_review_of_nothing),
		cmocka_unit_test(test_foreign),	  cmocka_unit_test(test_second_issuer),
		cmocka_unit_test(test_deleted),	  cmocka_unit_test(test_known_max),
		cmocka_unit_test(test_too_long),  cmocka_unit_test(test_extended),
		cmocka_unit_test(test_mounted),	  cmocka_unit_test(test_discovery),
		cmocka_unit_test(test_bootstrap), cmocka_unit_test(test_impersonation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
