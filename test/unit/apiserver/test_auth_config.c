/* SPDX-License-Identifier: Apache-2.0 */
/* Authentication- and AuthorizationConfiguration. Breaks when one that upstream refuses is taken,
 * or is refused in other words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/auth_config.h"
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "hook.h"

#define AUTHN(more) \
	"{'kind':'AuthenticationConfiguration','apiVersion':'apiserver.config.k8s.io/v1'" more "}"
#define AUTHZ(more)                                                                       \
	"{'kind':'AuthorizationConfiguration','apiVersion':'apiserver.config.k8s.io/v1'," \
	"'authorizers':[" more "]}"
#define ISSUER(more) "'issuer':{'url':'https://i.example','audiences':['a']" more "}"
#define USER "'claimMappings':{'username':{'claim':'sub','prefix':''}}"
#define HOOK(more)                                                                                 \
	"{'type':'Webhook','name':'w','webhook':{'timeout':'3s','subjectAccessReviewVersion':'v1'" \
	","                                                                                        \
	"'failurePolicy':'Deny','connectionInfo':{'type':'KubeConfigFile','kubeConfigFile':'/"     \
	"f'}" more "}}"

struct row {
	const char *text, *want; /* NULL: it is taken; ' stands for " */
};

static const struct row authn_rows[] = {
	{ AUTHN(""), NULL },
	{ AUTHN(",'jwt':[{" ISSUER("") "," USER "}],'anonymous':{'enabled':true,'conditions':[{"
				       "'path':'/livez'}]}"),
	  NULL },
	{ "{'kind':'AuthenticationConfiguration','apiVersion':'v1'}",
	  "kind and apiVersion are not AuthenticationConfiguration of apiserver.config.k8s.io/v1" },
	{ AUTHN(",'jwts':[]"), "strict decoding error: unknown field \"jwts\"" },
	{ AUTHN(",'jwt':[{" ISSUER("") "," USER ",'claimMapping':{}}]"),
	  "strict decoding error: unknown field \"jwt[0].claimMapping\"" },
	{ AUTHN(",'jwt':[{'issuer':{'audiences':['a']}," USER "}]"),
	  "jwt[0].issuer.url: Required value" },
	{ AUTHN(",'jwt':[{'issuer':{'url':'http://u:p@i?q#f','audiences':['a']}," USER "}]"),
	  "[jwt[0].issuer.url: Invalid value: \"http://u:p@i?q#f\": URL scheme must be https, "
	  "jwt[0].issuer.url: Invalid value: \"http://u:p@i?q#f\": URL must not contain a username "
	  "or password, jwt[0].issuer.url: Invalid value: \"http://u:p@i?q#f\": URL must not "
	  "contain a query, jwt[0].issuer.url: Invalid value: \"http://u:p@i?q#f\": URL must not "
	  "contain a fragment]" },
	{ AUTHN(",'jwt':[{'issuer':{'url':'https://i:x?q','audiences':['a']}," USER "}]"),
	  "jwt[0].issuer.url: Invalid value: \"https://i:x?q\": parse \"https://i:x?q\": invalid "
	  "port \":x\" after host" },
	{ AUTHN(",'jwt':[{'issuer':{'url':'https://[::1]:99/p:q','audiences':['a']}," USER "}]"),
	  NULL },
	{ AUTHN(",'jwt':[{'issuer':{'url':'https://own','audiences':['a']}," USER "}]"),
	  "jwt[0].issuer.url: Invalid value: \"https://own\": URL must not overlap with disallowed "
	  "issuers: [https://own]" },
	{ AUTHN(",'jwt':[{" ISSUER(",'discoveryURL':'https://i.example/'") "," USER "}]"),
	  "jwt[0].issuer.discoveryURL: Invalid value: \"https://i.example/\": discoveryURL must be "
	  "different from URL" },
	{ AUTHN(",'jwt':[{" ISSUER("") "," USER "},{" ISSUER("") "," USER "}]"),
	  "jwt[1].issuer.url: Duplicate value: \"https://i.example\"" },
	{ AUTHN(",'jwt':[{'issuer':{'url':'https://i'}," USER "}]"),
	  "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is "
	  "required" },
	{ AUTHN(",'jwt':[{'issuer':{'url':'https://i','audiences':['a','a','']}," USER "}]"),
	  "[jwt[0].issuer.audiences[1]: Duplicate value: \"a\", jwt[0].issuer.audiences[2]: "
	  "Required value, jwt[0].issuer.audienceMatchPolicy: Invalid value: \"\": "
	  "audienceMatchPolicy must be MatchAny for multiple audiences]" },
	{ AUTHN(",'jwt':[{" ISSUER(",'egressSelectorType':'etcd'") "," USER "}]"),
	  "jwt[0].issuer.egressSelectorType: Invalid value: \"etcd\": egress selector must be "
	  "either controlplane or cluster" },
	{ AUTHN(",'jwt':[{" ISSUER(",'egressSelectorType':'cluster'") "," USER "}]"),
	  "jwt[0].issuer.egressSelectorType: Invalid value: \"cluster\": egress lookup required "
	  "with egress selector type \"cluster\"" },
	{ AUTHN(",'jwt':[{" ISSUER(",'certificateAuthority':'x'") "," USER "}]"),
	  "jwt[0].issuer.certificateAuthority: Invalid value: \"<omitted>\": data does not contain "
	  "any valid RSA or ECDSA certificates" },
	{ AUTHN(",'jwt':[{" ISSUER("") ",'claimMappings':{'username':{'claim':'sub'}}}]"),
	  "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is "
	  "set. It can be set to an empty string to disable prefixing" },
	{ AUTHN(",'jwt':[{" ISSUER("") "}]"),
	  "jwt[0].claimMappings.username: Required value: claim or expression is required" },
	{ AUTHN(",'jwt':[{" ISSUER("") ",'claimMappings':{'username':{'expression':'claims.sub',"
				       "'prefix':'x'},'groups':{'claim':'a','expression':'b'}}}]"),
	  "[jwt[0].claimMappings.username.prefix: Invalid value: \"x\": may not be specified when "
	  "expression is set, jwt[0].claimMappings.groups: Invalid value: \"\": claim and "
	  "expression can't both be set]" },
	{ AUTHN(",'jwt':[{" ISSUER("") ",'claimMappings':{'username':{'claim':'sub','prefix':''},"
				       "'extra':[{'key':'foo','valueExpression':'1'},{'key':"
				       "'a.k8s.io/x','valueExpression':''}]}}]"),
	  "[jwt[0].claimMappings.extra[0].key: Invalid value: \"foo\": must be a domain-prefixed "
	  "path (such as \"acme.io/foo\"), jwt[0].claimMappings.extra[1].key: Invalid value: "
	  "\"a.k8s.io/x\": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes "
	  "use, jwt[0].claimMappings.extra[1].valueExpression: Required value]" },
	{ AUTHN(",'jwt':[{" ISSUER("") "," USER ",'claimValidationRules':[{'claim':'a','message':"
				       "'m'},{},{'expression':'true','requiredValue':'v'}]}]"),
	  "[jwt[0].claimValidationRules[0].message: Invalid value: \"m\": may not be specified "
	  "when claim is set, jwt[0].claimValidationRules[1]: Required value: claim or expression "
	  "is required, jwt[0].claimValidationRules[2].requiredValue: Invalid value: \"v\": may "
	  "not be specified when expression is set]" },
	{ AUTHN(",'jwt':[{" ISSUER("") "," USER ",'userValidationRules':[{},{'expression':'a'},{"
				       "'expression':'a'}]}]"),
	  "[jwt[0].userValidationRules[0].expression: Required value, "
	  "jwt[0].userValidationRules[2].expression: Duplicate value: \"a\"]" },
	{ AUTHN(",'anonymous':{'conditions':[{'path':'/x'}]}"),
	  "anonymous.conditions: Invalid value: enabled should be set to true when conditions are "
	  "defined" },
};

static const struct row authz_rows[] = {
	{ AUTHZ("{'type':'Node','name':'n'}," HOOK("") ",{'type':'RBAC','name':'r'}"), NULL },
	{ AUTHZ(""),
	  "authorizers: Required value: at least one authorization mode must be defined" },
	{ AUTHZ("{'typ':'x'}"), "strict decoding error: unknown field \"authorizers[0].typ\"" },
	{ AUTHZ("{'name':'a'},{'type':'ABAC','name':'b'}"),
	  "[authorizers[0].type: Required value, authorizers[1].type: Unsupported value: \"ABAC\": "
	  "supported values: \"AlwaysAllow\", \"AlwaysDeny\", \"Node\", \"RBAC\", \"Webhook\"]" },
	{ AUTHZ("{'type':'RBAC','name':'a'},{'type':'RBAC','name':'b'}"),
	  "authorizers[1].type: Duplicate value: \"RBAC\"" },
	{ AUTHZ("{'type':'RBAC'},{'type':'Node','name':'A'}"),
	  "[authorizers[0].name: Required value, authorizers[1].name: Invalid value: \"A\": "
	  "authorizer name is invalid: a lowercase RFC 1123 subdomain" },
	{ AUTHZ(HOOK("") "," HOOK("")), "authorizers[1].name: Duplicate value: \"w\"" },
	{ AUTHZ("{'type':'RBAC','name':'a','webhook':{}}"),
	  "authorizers[0].webhook: Invalid value: \"non-null\": may only be specified when "
	  "type=Webhook" },
	{ AUTHZ("{'type':'Webhook','name':'a'}"),
	  "authorizers[0].webhook: Required value: required when type=Webhook" },
	{ AUTHZ("{'type':'Webhook','name':'a','webhook':{'timeout':'31s','authorizedTTL':'x'}}"),
	  "[authorizers[0].timeout: Invalid value: \"31s\": must be > 0s and <= 30s, "
	  "authorizers[0].authorizedTTL: Invalid value: \"x\": time: invalid duration, "
	  "authorizers[0].subjectAccessReviewVersion: Required value, "
	  "authorizers[0].failurePolicy: Required value, authorizers[0].connectionInfo.type: "
	  "Required value]" },
	{ AUTHZ(HOOK(",'matchConditions':[{'expression':'true'},{}]")),
	  "[authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if "
	  "match conditions are specified, authorizers[0].matchConditions[1].expression: Required "
	  "value]" },
	{ AUTHZ("{'type':'Webhook','name':'w','webhook':{'timeout':'3s',"
		"'subjectAccessReviewVersion':'v2','failurePolicy':'Deny','connectionInfo':{'type':"
		"'KubeConfigFile','kubeConfigFile':'f'}}}"),
	  "[authorizers[0].subjectAccessReviewVersion: Unsupported value: \"v2\": supported "
	  "values: \"v1\", \"v1beta1\", authorizers[0].connectionInfo.kubeConfigFile: Invalid "
	  "value: \"f\": must be an absolute path]" },
};

static yyjson_doc *parse(const char *text)
{
	char json[4096], *to = json;

	for (; *text; text++)
		*to++ = *text == '\'' ? '"' : *text;
	*to = '\0';
	return json_parse(str_from(json), SIZE_MAX, NULL);
}

static void check(const struct row *row, int got, const struct err *err)
{
	if (!row->want ? got == 0 : got < 0 && strstr(err->msg, row->want))
		return;
	fail_msg("%s\nwant %s\n got %s", row->text, row->want ? row->want : "no complaint",
		 got < 0 ? err->msg : "no complaint");
}

static void test_authentication(void **state)
{
	struct str own[] = { STR("https://own") };
	struct str_list issuers = { own, 1 };

	for (size_t i = 0; i < ARRAY_COUNT(authn_rows); i++) {
		AUTO_JSON doc = parse(authn_rows[i].text);
		struct err err = { 0 };

		assert_non_null(doc);
		check(&authn_rows[i],
		      authentication_config_check(yyjson_doc_get_root(doc), &issuers, &err), &err);
	}
}

static void test_authorization(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(authz_rows); i++) {
		AUTO_JSON doc = parse(authz_rows[i].text);
		struct err err = { 0 };

		assert_non_null(doc);
		check(&authz_rows[i], authorization_config_check(yyjson_doc_get_root(doc), &err),
		      &err);
	}
}

/* --- configuration that changes while somebody waits --- */

struct late {
	struct http_exchange *x;
	bool was_asked;
};

static void on_gone(void *arg, struct http_exchange *x)
{
	((struct late *)arg)->x = NULL;
	http_abort(x);
}

static void never_answer(struct hook *hook, struct http_exchange *x)
{
	static const struct http_exchange_events events = { .on_closed = on_gone };
	struct late *late = hook->arg;

	late->x = x;
	late->was_asked = true;
	http_set_events(x, &events, late);
}

#define PODS "/api/v1/namespaces/default/pods"

/* Breaks if a request that waits for an authorizer that is gone waits for ever, or if nothing
 * changes. */
static void test_replaced_authorizers(void **state)
{
	struct review_hook_options options = { .yes = "allowed" };
	struct authz_part outside = { .mode = AUTHZ_MODE_WEBHOOK,
				      .webhook = &options,
				      .version = "v1",
				      .name = STR("w") },
			  all = { .mode = AUTHZ_MODE_ALWAYS_ALLOW };
	struct late late = { 0 };
	struct http_fixture f;
	struct hook hook;
	struct err err;
	const char *answer;

	http_fixture_open(&f);
	hook_open(&hook, &f, never_answer, &late);
	options.target.url = str_printf_in(&hook.arena, "https://127.0.0.1:%u/",
					   (unsigned)hook.port);
	options.target.ca_pem = hook.ca.certificate_pem;
	f.user = "jane";
	f.group = NULL;
	assert_int_equal(http_fixture_do(&f, "GET", PODS, NULL, NULL, &answer), 403);
	assert_int_equal(apiserver_replace_authorizers(f.apiserver, &outside, 1, &err), 0);
	http_fixture_send(&f, "GET", PODS, NULL, NULL);
	hook_run_until(&hook, &late.was_asked);
	assert_int_equal(apiserver_replace_authorizers(f.apiserver, &all, 1, &err), 0);
	http_fixture_wait(&f, "PodList");
	hook_close(&hook);
	http_fixture_close(&f);
}

#define KUBECONFIG(cluster, user)                                                     \
	"current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n" \
	"clusters: [{name: k, cluster: {" cluster "}}]\nusers: [{name: u, user: {" user "}}]\n"

/* Breaks when a kubeconfig's server is read as another address than upstream's clients read, or
 * when what cannot be used is passed over. */
static void test_kubeconfig_servers(void **state)
{
	static const struct {
		const char *text, *url, *problem;
	} cases[] = {
		{ KUBECONFIG("server: 'https://h:1/p'", "token: t"), "https://h:1/p" },
		{ KUBECONFIG("server: 'h:1'", ""), "http://h:1" },
		{ KUBECONFIG("server: h, insecure-skip-tls-verify: true", ""), "https://h" },
		{ KUBECONFIG("server: 'h:1/p'", ""), NULL, "must be a URL or a host:port pair" },
		{ KUBECONFIG("server: 'unix:///s'", ""), NULL,
		  "is neither an http nor an https URL" },
		{ KUBECONFIG("server: 'ftp://h'", ""), NULL, "must start with" },
		{ KUBECONFIG("server: ''", ""), NULL, "server ''" },
		{ KUBECONFIG("server: 'https://h'", "exec: {command: x}"), NULL,
		  "is not supported" },
		{ "clusters: [{name: k, cluster: {server: 'https://h'}}]\n", NULL,
		  "current-context does not lead to a context with a cluster" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct review_hook_options got = { 0 };
		AUTO_ARENA arena = { 0 };
		struct err err = { 0 };
		int status;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		status = kubeconfig_target_parse(str_from(cases[i].text), STR("/"), &arena, &got,
						 &err);
		if ((status == 0) != (cases[i].url != NULL) ||
		    (cases[i].url && !str_eq_c(got.target.url, cases[i].url)) ||
		    (cases[i].problem && !strstr(err.msg, cases[i].problem)))
			fail_msg("%s: " STR_FMT ": %s", cases[i].text, STR_ARG(got.target.url),
				 err.msg);
	}
}

static void test_replaced_anonymous(void **state)
{
	struct str livez = STR("/livez");
	struct authn_options some = { .anonymous_paths = { &livez, 1 } };
	struct http_fixture f;
	struct err err;
	const char *answer;

	http_fixture_open(&f);
	f.user = f.group = NULL;
	assert_int_equal(http_fixture_do(&f, "GET", "/version", NULL, NULL, &answer), 200);
	assert_int_equal(apiserver_replace_authn(f.apiserver, &some, &err), 0);
	assert_int_equal(http_fixture_do(&f, "GET", "/version", NULL, NULL, &answer), 401);
	assert_int_equal(http_fixture_do(&f, "GET", "/livez", NULL, NULL, &answer), 200);
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_authentication),
					    cmocka_unit_test(test_authorization),
					    cmocka_unit_test(test_replaced_authorizers),
					    cmocka_unit_test(test_kubeconfig_servers),
					    cmocka_unit_test(test_replaced_anonymous) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
