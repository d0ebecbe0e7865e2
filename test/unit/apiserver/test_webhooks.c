/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission webhooks over real HTTPS. Breaks when one is asked that must not be or is not that
 * must, when it is not told what it has to know, when what it says is not done, or when a write
 * that waits for it is decided against what is no longer so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/admission_match.h"
#include "apiserver/apiserver_internal.h"
#include "codec/base64.h"
#include "hook.h"

#define JSON "Content-Type: application/json\r\n"
#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define CONFIGMAPS "/api/v1/namespaces/default/configmaps"
#define ANY_RULES                                                                           \
	"\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"operations\":[\"*\"]," \
	"\"resources\":[\"configmaps\"]}]"

struct setup {
	struct audited audited;
	struct http_fixture f, second, *asks; /* who sends what is expected to be answered */
	struct hook hook;
	struct arena arena;
	char asked[512];    /* paths, in the order they were asked */
	yyjson_doc *review; /* the last one */
	struct http_exchange *waiting;
	bool is_waiting;
};

static void on_late_closed(void *arg, struct http_exchange *x)
{
	((struct setup *)arg)->waiting = NULL;
	http_abort(x);
}

static const struct http_exchange_events late_events = { .on_closed = on_late_closed };

static void respond(struct setup *s, struct http_exchange *x, const char *fields)
{
	struct str uid = json_get_str(yyjson_doc_get_root(s->review), "request.uid");

	http_respond_bytes(x, 200, STR("application/json"),
			   str_printf_in(&x->arena,
					 "{\"kind\":\"AdmissionReview\",\"apiVersion\":"
					 "\"admission.k8s.io/v1\",\"response\":{\"uid\":\"" STR_FMT
					 "\",%s}}",
					 STR_ARG(uid), fields));
}

static void respond_patch(struct setup *s, struct http_exchange *x, const char *patch)
{
	AUTO_BUF encoded = { 0 };

	buf_init(&encoded, 1u << 16);
	base64_encode(str_from(patch), &encoded);
	respond(s, x,
		str_printf_in(&x->arena,
			      "\"allowed\":true,\"patchType\":\"JSONPatch\",\"patch\":\"%s\"",
			      encoded.ptr)
			.ptr);
}

static void answer(struct hook *hook, struct http_exchange *x)
{
	static const struct {
		const char *path, *fields, *patch;
	} answers[] = {
		{ "/allow", "\"allowed\":true" },
		{ "/deny", "\"allowed\":false,\"status\":{\"message\":\"not that\"}" },
		{ "/deny-quietly", "\"allowed\":false" },
		{ "/deny-reason",
		  "\"allowed\":false,\"status\":{\"reason\":\"Forbidden\",\"code\":403}" },
		{ "/deny-200", "\"allowed\":false,\"status\":{\"message\":\"m\",\"code\":200}" },
		{ "/warn", "\"allowed\":true,\"warnings\":[\"look out\"]" },
		{ "/half", "\"allowed\":true,\"patch\":\"W10=\"" },
		{ "/no-patch", "\"allowed\":true,\"patchType\":\"JSONPatch\",\"patch\":\"e30=\"" },
		{ "/one", NULL, "[{\"op\":\"add\",\"path\":\"/data/one\",\"value\":\"1\"}]" },
		{ "/two", NULL,
		  "[{\"op\":\"test\",\"path\":\"/data/one\",\"value\":\"1\"},"
		  "{\"op\":\"add\",\"path\":\"/data/two\",\"value\":\"2\"}]" },
		{ "/number", NULL, "[{\"op\":\"add\",\"path\":\"/data/one\",\"value\":1}]" },
	};
	struct setup *s = hook->arg;
	struct err err = { 0 };

	snprintf(s->asked + strlen(s->asked), sizeof(s->asked) - strlen(s->asked), STR_FMT " ",
		 STR_ARG(x->path));
	json_free(s->review);
	s->review = json_parse(x->body, 1u << 20, &err);
	assert_non_null(s->review);
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		if (!str_eq_c(x->path, answers[i].path))
			continue;
		if (answers[i].patch)
			respond_patch(s, x, answers[i].patch);
		else
			respond(s, x, answers[i].fields);
		return;
	}
	if (str_eq_c(x->path, "/may")) { /* an authorizer */
		http_respond_bytes(
			x, 200, STR("application/json"),
			STR("{\"kind\":\"SubjectAccessReview\",\"apiVersion\":"
			    "\"authorization.k8s.io/v1\",\"status\":{\"allowed\":true}}"));
	} else if (str_eq_c(x->path, "/late")) {
		s->waiting = x;
		s->is_waiting = true;
		http_set_events(x, &late_events, s);
	} else if (str_eq_c(x->path, "/other-uid")) {
		http_respond_bytes(
			x, 200, STR("application/json"),
			STR("{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"
			    "v1\",\"response\":{\"uid\":\"x\",\"allowed\":true}}"));
	} else {
		http_respond_bytes(x, 500, STR("text/plain"), STR("broken"));
	}
}

static int open_with_plugins(void **state, struct str_list plugins)
{
	static struct setup s;

	memset(&s, 0, sizeof(s));
	audited_init(&s.audited, AUDITED_ALL);
	http_fixture_open_with(&s.f, (struct apiserver_options){ .audit = &s.audited.options,
								 .plugins_on = plugins });
	http_fixture_connect(&s.second, &s.f);
	s.asks = &s.f;
	hook_open(&s.hook, &s.f, answer, &s);
	arena_init(&s.arena, ARENA_DEFAULT_MAX);
	*state = &s;
	return 0;
}

static int open_setup(void **state)
{
	return open_with_plugins(state, (struct str_list){ 0 });
}

static int open_provisioning(void **state)
{
	static struct str on[] = { STR_INIT("NamespaceAutoProvision") };

	return open_with_plugins(state, (struct str_list){ on, 1 });
}

static int close_setup(void **state)
{
	struct setup *s = *state;

	http_fixture_disconnect(&s->second);
	hook_close(&s->hook);
	json_free(s->review);
	arena_deinit(&s->arena);
	http_fixture_close(&s->f);
	audited_deinit(&s->audited);
	return 0;
}

/* fields follow a comma: ",\"failurePolicy\":\"Ignore\"" */
static const char *webhook(struct setup *s, const char *path, const char *fields)
{
	return str_printf_in(&s->arena,
			     "{\"name\":\"%s.example.com\",\"clientConfig\":{\"url\":\"https://"
			     "127.0.0.1:%u%s\",\"caBundle\":\"" STR_FMT "\"},"
			     "\"sideEffects\":\"None\",\"admissionReviewVersions\":[\"v1\"],%s}",
			     path + 1, s->hook.port, path, STR_ARG(s->hook.ca_base64), fields)
		.ptr;
}

static void configure(struct setup *s, bool is_mutating, const char *name, const char *webhooks)
{
	const char *body;
	struct str text = str_printf_in(
		&s->arena, "{\"metadata\":{\"name\":\"%s\"},\"webhooks\":[%s]}", name, webhooks);
	int status = http_fixture_do(&s->f, "POST",
				     is_mutating ? "/apis/admissionregistration.k8s.io/v1/"
						   "mutatingwebhookconfigurations"
						 : "/apis/admissionregistration.k8s.io/v1/"
						   "validatingwebhookconfigurations",
				     JSON, text.ptr, &body);

	if (status != 201)
		fail_msg("%s", body);
}

static int do_it(struct setup *s, const char *method, const char *path, const char *body,
		 const char **ret)
{
	s->asked[0] = '\0';
	return http_fixture_do(s->asks, method, path, strcmp(method, "PATCH") ? JSON : MERGE, body,
			       ret);
}

static void expect(struct setup *s, int status, const char *method, const char *path,
		   const char *body, const char *part)
{
	const char *got;
	int got_status = do_it(s, method, path, body, &got);

	if (got_status != status || (part && !strstr(got, part)))
		fail_msg("%s %s: %d instead of %d, or '%s' lacks '%s'", method, path, got_status,
			 status, got, part ? part : "");
}

static void expect_asked(struct setup *s, const char *paths)
{
	assert_string_equal(s->asked, paths);
}

static struct str asked_str(struct setup *s, const char *path)
{
	return json_get_str(yyjson_doc_get_root(s->review), path);
}

static void expect_said(struct setup *s, const char *path, const char *value)
{
	if (!str_eq_c(asked_str(s, path), value))
		fail_msg("%s is '" STR_FMT "' instead of '%s'", path, STR_ARG(asked_str(s, path)),
			 value);
}

static void test_denials(void **state)
{
	struct setup *s = *state;
	static const struct {
		const char *path;
		int status;
		const char *message;
	} cases[] = {
		{ "/deny", 400,
		  "admission webhook \\\"deny.example.com\\\" denied the request: not that\"" },
		{ "/deny-quietly", 400,
		  "admission webhook \\\"deny-quietly.example.com\\\" denied the request without "
		  "explanation\"" },
		{ "/deny-reason", 403, "denied the request: Forbidden\",\"reason\":\"Forbidden\"" },
		{ "/deny-200", 400, "denied the request: m\"" },
		{ "/other-uid", 500,
		  "failed calling webhook \\\"other-uid.example.com\\\": expected response.uid=" },
		{ "/half", 500, "may not return response.patch" },
		{ "/broken", 500,
		  "Internal error occurred: failed calling webhook \\\"broken.example.com\\\": "
		  "failed to call webhook: an error on the server (\\\"broken\\\") has prevented "
		  "the request from succeeding" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		configure(s, false, "v", webhook(s, cases[i].path, ANY_RULES));
		expect(s, cases[i].status, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}",
		       cases[i].message);
		expect(s, 404, "GET", CONFIGMAPS "/a", NULL, NULL);
		expect(s, 200, "DELETE",
		       "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v",
		       NULL, NULL);
	}
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}", NULL);
	expect_asked(s, "");
}

static void test_question(void **state)
{
	struct setup *s = *state;

	configure(s, false, "v", webhook(s, "/allow", ANY_RULES));
	expect(s, 201, "POST", CONFIGMAPS "?fieldManager=me",
	       "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}", NULL);
	expect_asked(s, "/allow ");
	expect_said(s, "kind", "AdmissionReview");
	expect_said(s, "apiVersion", "admission.k8s.io/v1");
	expect_said(s, "request.kind.kind", "ConfigMap");
	expect_said(s, "request.resource.resource", "configmaps");
	expect_said(s, "request.requestKind.version", "v1");
	expect_said(s, "request.name", "a");
	expect_said(s, "request.namespace", "default");
	expect_said(s, "request.operation", "CREATE");
	expect_said(s, "request.userInfo.username", "admin");
	expect_said(s, "request.userInfo.groups.1", "system:masters");
	expect_said(s, "request.object.data.k", "v");
	expect_said(s, "request.object.kind", "ConfigMap");
	expect_said(s, "request.object.metadata.managedFields.0.manager", "me");
	expect_said(s, "request.options.kind", "CreateOptions");
	expect_said(s, "request.options.fieldManager", "me");
	assert_true(yyjson_is_null(json_get(yyjson_doc_get_root(s->review), "request.oldObject")));
	assert_int_equal(asked_str(s, "request.object.metadata.uid").len, 36);

	expect(s, 200, "PATCH", CONFIGMAPS "/a", "{\"data\":{\"k\":\"w\"}}", NULL);
	expect_said(s, "request.operation", "UPDATE");
	expect_said(s, "request.object.data.k", "w");
	expect_said(s, "request.oldObject.data.k", "v");
	expect_said(s, "request.options.kind", "UpdateOptions");

	expect(s, 200, "DELETE", CONFIGMAPS "/a", "{\"propagationPolicy\":\"Background\"}", NULL);
	expect_asked(s, "/allow ");
	expect_said(s, "request.operation", "DELETE");
	expect_said(s, "request.oldObject.data.k", "w");
	expect_said(s, "request.options.kind", "DeleteOptions");
	expect_said(s, "request.options.propagationPolicy", "Background");
	assert_true(yyjson_is_null(json_get(yyjson_doc_get_root(s->review), "request.object")));
}

static void test_mutation(void **state)
{
	struct setup *s = *state;
	const char *both = str_printf_in(&s->arena, "%s,%s", webhook(s, "/one", ANY_RULES),
					 webhook(s, "/two", ANY_RULES))
				   .ptr;

	configure(s, true, "b", both);
	configure(s, true, "a", webhook(s, "/warn", ANY_RULES));
	configure(s, false, "v", webhook(s, "/allow", ANY_RULES));
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	       "\"data\":{\"k\":\"v\",\"one\":\"1\",\"two\":\"2\"}");
	expect_asked(s, "/warn /one /two /allow ");
	expect_said(s, "request.object.data.two", "2");
	if (!strstr(http_fixture_head(&s->f), "299 - \"look out\""))
		fail_msg("%s", http_fixture_head(&s->f));
	expect(s, 200, "GET", CONFIGMAPS "/a", NULL, "\"two\":\"2\"");
	/* an update's old object is untouched, and what webhooks add is no change the second time
	 */
	expect(s, 200, "PATCH", CONFIGMAPS "/a", "{\"data\":{\"k\":\"w\"}}", "\"k\":\"w\"");
	/* there is nothing to be changed in what goes */
	expect(s, 500, "DELETE", CONFIGMAPS "/a", NULL,
	       "attempted to modify the object, which is not supported for this operation");
}

static void test_bad_mutation(void **state)
{
	struct setup *s = *state;

	configure(s, true, "a", webhook(s, "/two", ANY_RULES ",\"failurePolicy\":\"Ignore\""));
	expect(s, 500, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	       "\"reason\":\"InternalError\"");
	expect(s, 200, "DELETE",
	       "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/a", NULL, NULL);
	configure(s, true, "a", webhook(s, "/no-patch", ANY_RULES ",\"failurePolicy\":\"Ignore\""));
	expect(s, 500, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	       "not a list of operations");
	expect(s, 200, "DELETE",
	       "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/a", NULL, NULL);
	configure(s, true, "a", webhook(s, "/number", ANY_RULES));
	expect(s, 500, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	       "\"reason\":\"InternalError\"");
}

/* Who comes early and says IfNeeded sees what those behind it changed. */
static void test_reinvocation(void **state)
{
	struct setup *s = *state;

	configure(s, true, "a",
		  webhook(s, "/allow", ANY_RULES ",\"reinvocationPolicy\":\"IfNeeded\""));
	configure(s, true, "b", webhook(s, "/warn", ANY_RULES));
	configure(s, true, "c", webhook(s, "/one", ANY_RULES));
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	       NULL);
	expect_asked(s, "/allow /warn /one /allow ");
	expect_said(s, "request.object.data.one", "1");
	expect(s, 201, "POST", CONFIGMAPS,
	       "{\"metadata\":{\"name\":\"b\"},\"data\":{\"one\":\"1\"}}", NULL);
	expect_asked(s, "/allow /warn /one "); /* nothing changed */
}

/* Policies and webhooks see what the other ones changed. */
static void test_with_policy(void **state)
{
	struct setup *s = *state;

	configure(s, true, "a",
		  webhook(s, "/one", ANY_RULES ",\"reinvocationPolicy\":\"IfNeeded\""));
	configure(s, true, "b", webhook(s, "/warn", ANY_RULES));
	expect(s, 201, "POST", "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies",
	       "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"failurePolicy\":\"Fail\","
	       "\"reinvocationPolicy\":\"IfNeeded\","
	       "\"matchConstraints\":{\"resourceRules\":[{\"apiGroups\":[\"\"],\"apiVersions\":["
	       "\"v1\"],"
	       "\"operations\":[\"CREATE\"],\"resources\":[\"configmaps\"]}]},\"mutations\":[{"
	       "\"patchType\":\"JSONPatch\","
	       "\"jsonPatch\":{\"expression\":\"[JSONPatch{op: 'add', path: '/data/seen', value: "
	       "string(size(object.data))}]\"}}]}}",
	       NULL);
	expect(s, 201, "POST",
	       "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
	       "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"policyName\":\"p\"}}", NULL);
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	       "\"one\":\"1\"");
	expect_asked(s, "/one /warn /one ");
	expect_said(s, "request.object.data.seen", "3"); /* k, seen and one */
}

/* What a webhook warns of is heard with a denial, too. */
static void test_warned_denial(void **state)
{
	struct setup *s = *state;

	configure(s, false, "a", webhook(s, "/warn", ANY_RULES));
	configure(s, false, "b", webhook(s, "/deny", ANY_RULES));
	expect(s, 400, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}", "denied the request");
	assert_non_null(strstr(http_fixture_head(&s->f), "299 - \"look out\""));
}

static void test_failure_policy(void **state)
{
	struct setup *s = *state;

	configure(s, false, "v", webhook(s, "/broken", ANY_RULES ",\"failurePolicy\":\"Ignore\""));
	configure(s, true, "m",
		  webhook(s, "/other-uid", ANY_RULES ",\"failurePolicy\":\"Ignore\""));
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}", NULL);
	expect_asked(s, "/other-uid /broken ");
}

static void expect_metric(struct setup *s, const char *line)
{
	const char *got, *at;

	assert_int_equal(do_it(s, "GET", "/metrics", NULL, &got), 200);
	at = strstr(got, line);
	if (!at || at[-1] != '\n')
		fail_msg("no %s in %s", line,
			 strstr(got, "# HELP apiserver_admission_webhook_req"));
}

/* Breaks if the audit event or the metrics do not say what webhooks did to a request. */
static void test_notes(void **state)
{
	struct setup *s = *state;

	configure(s, true, "b", webhook(s, "/one", ANY_RULES));
	configure(s, true, "c", webhook(s, "/broken", ANY_RULES ",\"failurePolicy\":\"Ignore\""));
	configure(s, false, "v", webhook(s, "/broken", ANY_RULES ",\"failurePolicy\":\"Ignore\""));
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	       NULL);
	audited_expect(&s->audited, &s->f,
		       "\"mutation.webhook.admission.k8s.io/round_0_index_0\":"
		       "\"{\\\"configuration\\\":\\\"b\\\",\\\"webhook\\\":\\\"one.example.com\\\","
		       "\\\"mutated\\\":true}\"");
	audited_expect(&s->audited, &s->f,
		       "\"patch.webhook.admission.k8s.io/round_0_index_0\":"
		       "\"{\\\"configuration\\\":\\\"b\\\",\\\"webhook\\\":\\\"one.example.com\\\","
		       "\\\"patch\\\":[{");
	audited_expect(&s->audited, &s->f,
		       "\"mutation.webhook.admission.k8s.io/round_0_index_1\":"
		       "\"{\\\"configuration\\\":\\\"c\\\",\\\"webhook\\\":\\\"broken.example."
		       "com\\\",\\\"mutated\\\":false}\"");
	audited_expect(&s->audited, &s->f,
		       "\"failed-open.mutation.webhook.admission.k8s.io/"
		       "round_0_index_1\":\"broken.example.com\"");
	audited_expect(&s->audited, &s->f,
		       "\"failed-open.validating.webhook.admission.k8s.io/"
		       "round_0_index_0\":\"broken.example.com\"");
	expect_metric(s, "apiserver_admission_webhook_fail_open_count{name=\"broken.example.com\","
			 "type=\"admit\"} 1\n");
	expect_metric(
		s, "apiserver_admission_webhook_request_total{name=\"one.example.com\",operation="
		   "\"CREATE\",type=\"admit\",code=\"200\",rejected=\"false\"} 1\n");
	expect_metric(
		s,
		"apiserver_admission_webhook_admission_duration_seconds_count{name=\"one.example."
		"com\",operation=\"CREATE\",type=\"admit\",rejected=\"false\"} 1\n");
	configure(s, false, "x", webhook(s, "/broken", ANY_RULES));
	expect(s, 500, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"b\"},\"data\":{\"k\":\"v\"}}",
	       NULL);
	expect_metric(
		s,
		"apiserver_admission_webhook_rejection_count{name=\"broken.example.com\",operation="
		"\"CREATE\",type=\"validating\",error_type=\"calling_webhook_error\","
		"rejection_code=\"500\"} 1\n");
}

static void test_matching(void **state)
{
	struct setup *s = *state;
	const char *conditions = ANY_RULES ",\"matchConditions\":[{\"name\":\"c\",\"expression\":"
					   "\"object.metadata.name.startsWith('x')\"}]";

	configure(s, false, "v",
		  str_printf_in(&s->arena, "%s,%s",
				webhook(s, "/allow",
					ANY_RULES
					",\"objectSelector\":{\"matchLabels\":{\"ask\":\"yes\"}}"),
				webhook(s, "/warn", conditions))
			  .ptr);
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}", NULL);
	expect_asked(s, "");
	expect(s, 201, "POST", CONFIGMAPS,
	       "{\"metadata\":{\"name\":\"b\",\"labels\":{\"ask\":\"yes\"}}}", NULL);
	expect_asked(s, "/allow ");
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"x\"}}", NULL);
	expect_asked(s, "/warn ");
	expect(s, 201, "POST", "/api/v1/namespaces/default/secrets",
	       "{\"metadata\":{\"name\":\"x\"}}", NULL);
	expect_asked(s, "");
}

static void test_dry_run(void **state)
{
	struct setup *s = *state;

	configure(s, false, "v", webhook(s, "/allow", ANY_RULES));
	expect(s, 201, "POST", CONFIGMAPS "?dryRun=All", "{\"metadata\":{\"name\":\"a\"}}", NULL);
	assert_true(json_get_bool(yyjson_doc_get_root(s->review), "request.dryRun", false));
	expect_said(s, "request.options.dryRun.0", "All");
	expect(s, 404, "GET", CONFIGMAPS "/a", NULL, NULL);
}

/* No webhook can keep anybody from taking it away. */
static void test_configuration(void **state)
{
	struct setup *s = *state;
	const char *all = "\"rules\":[{\"apiGroups\":[\"*\"],\"apiVersions\":[\"*\"],"
			  "\"operations\":[\"*\"],\"resources\":[\"*\"]}]";

	configure(s, false, "v", webhook(s, "/deny", all));
	configure(s, true, "m", webhook(s, "/deny", all));
	expect(s, 400, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}", NULL);
	expect(s, 200, "DELETE",
	       "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v", NULL,
	       NULL);
	expect(s, 200, "DELETE",
	       "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/m", NULL, NULL);
	expect_asked(s, "");
}

static void test_subresources(void **state)
{
	struct setup *s = *state;
	const char *rules =
		"\"rules\":[{\"apiGroups\":[\"*\"],\"apiVersions\":[\"*\"],\"operations\":[\"*\"],"
		"\"resources\":[\"deployments/scale\",\"pods/*\",\"serviceaccounts/token\","
		"\"namespaces\",\"bindings\"]}]";

	expect(s, 201, "POST", "/apis/apps/v1/namespaces/default/deployments",
	       "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":"
	       "\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"
	       "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
	       NULL);
	expect(s, 201, "POST", "/api/v1/namespaces/default/pods",
	       "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
	       "\"i\"}]}}",
	       NULL);
	configure(s, false, "v", webhook(s, "/allow", rules));
	expect(s, 200, "PATCH", "/apis/apps/v1/namespaces/default/deployments/d/scale",
	       "{\"spec\":{\"replicas\":3}}", "\"replicas\":3");
	expect_asked(s, "/allow ");
	expect_said(s, "request.kind.kind", "Scale");
	expect_said(s, "request.kind.group", "autoscaling");
	expect_said(s, "request.resource.resource", "deployments");
	expect_said(s, "request.subResource", "scale");
	assert_int_equal(
		json_get_int(yyjson_doc_get_root(s->review), "request.object.spec.replicas", 0), 3);
	assert_int_equal(
		json_get_int(yyjson_doc_get_root(s->review), "request.oldObject.spec.replicas", 0),
		1);
	expect(s, 201, "POST", "/api/v1/namespaces/default/pods/p/binding",
	       "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}",
	       NULL);
	expect_said(s, "request.kind.kind", "Binding");
	expect_said(s, "request.operation", "CREATE");
	expect_said(s, "request.object.target.name", "n");
	expect(s, 409, "POST", "/api/v1/namespaces/default/bindings",
	       "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}",
	       "pod p is already assigned");
	expect_said(s, "request.resource.resource", "bindings");
	expect_said(s, "request.subResource", "");
	expect_said(s, "request.name", "p");
	expect(s, 200, "PATCH", "/api/v1/namespaces/default/pods/p/status",
	       "{\"status\":{\"message\":\"hm\"}}", "\"message\":\"hm\"");
	expect_said(s, "request.subResource", "status");
	expect_said(s, "request.kind.kind", "Pod");
	expect(s, 201, "POST", "/api/v1/namespaces/default/pods/p/eviction",
	       "{\"metadata\":{\"name\":\"p\"}}", NULL);
	expect_asked(s, "/allow ");
	expect_said(s, "request.kind.kind", "Eviction");
	/* a namespace is within itself, from its first moment */
	expect(s, 201, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"mine\"}}", NULL);
	expect_asked(s, "/allow ");
	expect_said(s, "request.name", "mine");
	expect_said(s, "request.namespace", "mine");
}

/* Breaks if a Scale becomes an object of the version that a rule names. */
static void test_body_version(void **state)
{
	struct admission_request r = { .operation = ADMISSION_UPDATE,
				       .kind = &kind_horizontalpodautoscaler_v1,
				       .user = &(struct user){ .name = STR("u") },
				       .body_group = STR("autoscaling"),
				       .body_version = STR("v1"),
				       .body_kind = STR("HorizontalPodAutoscaler") };
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	assert_false(admission_is_converted(&r, r.kind));
	assert_true(admission_is_converted(&r, &kind_horizontalpodautoscaler));
	r.body_kind = STR("Scale");
	assert_false(admission_is_converted(&r, &kind_horizontalpodautoscaler));
	admission_request_write(&r, &kind_horizontalpodautoscaler, doc, root);
	assert_true(str_eq_c(json_mut_get_str(root, "kind.kind"), "Scale"));
	assert_true(str_eq_c(json_mut_get_str(root, "kind.version"), "v1"));
	assert_true(str_eq_c(json_mut_get_str(root, "resource.version"), "v2"));
}

/* What is never stored is asked about, too. */
static void test_reviews(void **state)
{
	struct setup *s = *state;
	const char *path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
	const char *body =
		"{\"spec\":{\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"}}}";
	const char *rules = "\"rules\":[{\"apiGroups\":[\"authorization.k8s.io\"],\"apiVersions\":"
			    "[\"*\"],\"operations\":[\"CREATE\"],\"resources\":[\"*\"]}]";

	configure(s, true, "m", webhook(s, "/warn", rules));
	configure(s, false, "a", webhook(s, "/allow", rules));
	expect(s, 201, "POST", path, body, "\"allowed\":");
	expect_asked(s, "/warn /allow ");
	assert_non_null(strstr(http_fixture_head(&s->f), "look out"));
	expect_said(s, "request.kind.kind", "SelfSubjectAccessReview");
	expect_said(s, "request.resource.resource", "selfsubjectaccessreviews");
	expect_said(s, "request.operation", "CREATE");
	expect_said(s, "request.options.kind", "CreateOptions");
	expect_said(s, "request.object.spec.nonResourceAttributes.path", "/x");
	configure(s, false, "d", webhook(s, "/deny", rules));
	expect(s, 400, "POST", path, body, "denied the request: not that");
}

static void test_collection(void **state)
{
	struct setup *s = *state;
	const char *warning;

	configure(s, false, "v",
		  webhook(s, "/deny",
			  "\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],"
			  "\"operations\":[\"DELETE\"],\"resources\":[\"configmaps\"]}],"
			  "\"objectSelector\":{\"matchLabels\":{\"keep\":\"yes\"}}"));
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}", NULL);
	expect(s, 201, "POST", CONFIGMAPS,
	       "{\"metadata\":{\"name\":\"b\",\"labels\":{\"keep\":\"yes\"}}}", NULL);
	expect(s, 400, "DELETE", CONFIGMAPS, NULL, "denied the request: not that");
	expect_said(s, "request.name", "");
	expect_said(s, "request.oldObject.metadata.name", "b");
	expect(s, 404, "GET", CONFIGMAPS "/a", NULL, NULL);
	expect(s, 200, "GET", CONFIGMAPS "/b", NULL, NULL);
	/* each warning is heard once, however many objects it came with */
	expect(s, 200, "DELETE",
	       "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v", NULL,
	       NULL);
	configure(s, false, "w",
		  webhook(s, "/warn",
			  "\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],"
			  "\"operations\":[\"DELETE\"],\"resources\":[\"configmaps\"]}]"));
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"c\"}}", NULL);
	expect(s, 200, "DELETE", CONFIGMAPS, NULL, "\"name\":\"c\"");
	warning = strstr(http_fixture_head(&s->f), "look out");
	assert_non_null(warning);
	assert_null(strstr(warning + 1, "look out"));
}

/* What others write while a webhook thinks is not overwritten. */
static void test_race(void **state)
{
	struct setup *s = *state;
	const char *body,
		*marked = ANY_RULES ",\"objectSelector\":{\"matchLabels\":{\"slow\":\"yes\"}}";

	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"n\":\"1\"}}",
	       NULL);
	configure(s, false, "v", webhook(s, "/late", marked));
	s->is_waiting = false;
	http_fixture_send(&s->second, "PATCH", CONFIGMAPS "/a", MERGE,
			  "{\"metadata\":{\"labels\":{\"slow\":\"yes\"}}}");
	hook_run_until(&s->hook, &s->is_waiting);
	expect(s, 200, "PATCH", CONFIGMAPS "/a", "{\"data\":{\"n\":\"2\"}}", NULL);
	s->is_waiting = false;
	respond(s, s->waiting, "\"allowed\":true"); /* in vain: it is decided again */
	hook_run_until(&s->hook, &s->is_waiting);
	expect_said(s, "request.oldObject.data.n", "2");
	respond(s, s->waiting, "\"allowed\":true");
	http_fixture_wait(&s->second, "\"slow\":\"yes\"");
	assert_non_null(strstr(s->second.received.ptr, "\"n\":\"2\""));
	assert_int_equal(http_fixture_do(&s->f, "GET", CONFIGMAPS "/a", NULL, NULL, &body), 200);
	assert_non_null(strstr(body, "\"n\":\"2\""));
	assert_non_null(strstr(body, "\"slow\":\"yes\""));
}

#define SERVICES "/api/v1/namespaces/default/services"
#define SERVICE(name, spec)                                                                 \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"is\":\"" name "\"}},\"spec\":{" \
	"\"type\":\"NodePort\",\"ports\":[{\"port\":80}]" spec "}}"

/* Validation sees what a Service was given, and is not asked again because of what others take
 * meanwhile, unless it was the same. */
static void test_service_addresses(void **state)
{
	struct setup *s = *state;
	struct str ip, port, other;

	configure(
		s, false, "v",
		webhook(s, "/late",
			"\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"operations\":["
			"\"CREATE\"],\"resources\":[\"services\"]}],\"objectSelector\":{"
			"\"matchLabels\":{\"is\":\"slow\"}}"));
	http_fixture_send(&s->second, "POST", SERVICES, JSON, SERVICE("slow", ""));
	hook_run_until(&s->hook, &s->is_waiting);
	ip = str_in(&s->arena, asked_str(s, "request.object.spec.clusterIP"));
	assert_true(ip.len > 0);
	port = str_printf_in(&s->arena, "\"nodePort\":%lld",
			     (long long)json_get_int(yyjson_doc_get_root(s->review),
						     "request.object.spec.ports.0.nodePort", -1));
	expect(s, 201, "POST", SERVICES, SERVICE("quick", ""), NULL);
	s->hook.count = 0;
	respond(s, s->waiting, "\"allowed\":true");
	http_fixture_wait(&s->second, port.ptr);
	assert_int_equal(s->hook.count, 0);

	expect(s, 200, "DELETE", SERVICES "/slow", NULL, NULL);
	s->is_waiting = false;
	http_fixture_send(&s->second, "POST", SERVICES, JSON, SERVICE("slow", ""));
	hook_run_until(&s->hook, &s->is_waiting);
	ip = str_in(&s->arena, asked_str(s, "request.object.spec.clusterIP"));
	other = str_printf_in(&s->arena, SERVICE("other", ",\"clusterIP\":\"" STR_FMT "\""),
			      STR_ARG(ip));
	expect(s, 201, "POST", SERVICES, other.ptr, NULL);
	s->is_waiting = false;
	respond(s, s->waiting, "\"allowed\":true"); /* in vain */
	hook_run_until(&s->hook, &s->is_waiting);
	assert_false(str_eq(asked_str(s, "request.object.spec.clusterIP"), ip));
	respond(s, s->waiting, "\"allowed\":true");
	http_fixture_wait(&s->second, "\"name\":\"slow\"");
}

/* Nothing is written for somebody who went away while a webhook was thinking, and the end of the
 * server ends what waits. */
static void test_gone(void **state)
{
	struct setup *s = *state;

	configure(s, false, "v", webhook(s, "/late", ANY_RULES));
	http_fixture_send(&s->second, "POST", CONFIGMAPS, JSON, "{\"metadata\":{\"name\":\"a\"}}");
	hook_run_until(&s->hook, &s->is_waiting);
	assert_false(list_is_empty(&s->f.apiserver->registry.operations));
	http_fixture_disconnect(&s->second);
	while (!list_is_empty(&s->f.apiserver->registry.operations))
		expect(s, 200, "GET", CONFIGMAPS, NULL, NULL);
	expect(s, 404, "GET", CONFIGMAPS "/a", NULL, NULL);
	http_fixture_connect(&s->second, &s->f);
	s->is_waiting = false;
	http_fixture_send(&s->second, "POST", CONFIGMAPS, JSON, "{\"metadata\":{\"name\":\"a\"}}");
	hook_run_until(&s->hook, &s->is_waiting);
}

static void test_timeout(void **state)
{
	struct setup *s = *state;

	configure(s, false, "v", webhook(s, "/late", ANY_RULES ",\"timeoutSeconds\":1"));
	expect(s, 500, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"a\"}}",
	       "/late?timeout=1s\\\": context deadline exceeded");
}

#define CONFIGURATIONS "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
#define GOOD_CLIENT "\"clientConfig\":{\"url\":\"https://x/\"}"
#define GOOD_REST "\"sideEffects\":\"None\",\"admissionReviewVersions\":[\"v1\"]"
static const struct {
	const char *webhook, *message;
} bad_webhooks[] = {
	{ "\"name\":\"x\"," GOOD_CLIENT "," GOOD_REST,
	  "webhooks[0].name: Invalid value: \\\"x\\\": should be a domain with at least "
	  "three segments separated by dots" },
	{ "\"name\":\"a.b.c\"," GOOD_REST, "webhooks[0].clientConfig: Required value: "
					   "exactly one of url or service is required" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"url\":\"http://x\"}," GOOD_REST,
	  "webhooks[0].clientConfig.url: Invalid value: \\\"http\\\": 'https' is the only "
	  "allowed URL scheme; desired format: https://host[/path]" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"url\":\"https://u@x/?a=b#c\"}," GOOD_REST,
	  "user information is not permitted in the URL" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"url\":\"https://x/?a=b\"}," GOOD_REST,
	  "query parameters are not permitted in the URL" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"url\":\"https://x/#c\"}," GOOD_REST,
	  "fragments are not permitted in the URL" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"service\":{\"namespace\":\"n\"}}"
	  "," GOOD_REST,
	  "webhooks[0].clientConfig.service.name: Required value" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"service\":{\"name\":\"n\",\"namespace\":"
	  "\"n\",\"path\":\"a//b\"}}," GOOD_REST,
	  "must start with a '/'" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"service\":{\"name\":\"n\",\"namespace\":"
	  "\"n\",\"path\":\"/a//b\"}}," GOOD_REST,
	  "segment[1] may not be empty" },
	{ "\"name\":\"a.b.c\",\"clientConfig\":{\"service\":{\"name\":\"n\",\"namespace\":"
	  "\"n\",\"port\":70000}}," GOOD_REST,
	  "port is not valid: must be between 1 and 65535, inclusive" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT ",\"admissionReviewVersions\":[\"v1\"]",
	  "webhooks[0].sideEffects: Required value: must specify one of None, "
	  "NoneOnDryRun" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT
	  ",\"sideEffects\":\"Some\",\"admissionReviewVersions\":[\"v1\"]",
	  "webhooks[0].sideEffects: Unsupported value: \\\"Some\\\": supported values: "
	  "\\\"None\\\", \\\"NoneOnDryRun\\\"" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT ",\"sideEffects\":\"None\"",
	  "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, "
	  "v1beta1" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT
	  ",\"sideEffects\":\"None\",\"admissionReviewVersions\":[\"v3\"]",
	  "must include at least one of v1, v1beta1" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT "," GOOD_REST ",\"timeoutSeconds\":31",
	  "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be "
	  "between 1 and 30 seconds" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT "," GOOD_REST
	  ",\"rules\":[{\"operations\":[\"*\",\"CREATE\"],\"apiGroups\":[\"\"],"
	  "\"apiVersions\":[\"v1\"],\"resources\":[\"pods\"]}]",
	  "webhooks[0].rules[0].operations: Invalid value: [\\\"*\\\",\\\"CREATE\\\"]: if "
	  "'*' is present, must not specify other operations" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT "," GOOD_REST
	  ",\"rules\":[{\"operations\":[\"CREATE\"],\"apiGroups\":[\"\"],\"apiVersions\":["
	  "\"v1\"],\"resources\":[\"pods/*\",\"pods/log\"]}]",
	  "webhooks[0].rules[0].resources[1]: Invalid value: \\\"pods/log\\\": if 'pods/*' "
	  "is present, must not specify pods/log" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT "," GOOD_REST
	  ",\"matchConditions\":[{\"name\":\"m\",\"expression\":\"object.\"}]",
	  "webhooks[0].matchConditions[0].expression: Invalid value: \\\"object.\\\": "
	  "compilation failed: ERROR: <input>:1:" },
	{ "\"name\":\"a.b.c\"," GOOD_CLIENT "," GOOD_REST
	  ",\"matchConditions\":[{\"name\":\"m m\",\"expression\":\"true\"}]",
	  "webhooks[0].matchConditions[0].name: Invalid value: \\\"m m\\\": name part must "
	  "consist of" },
};

static void test_validation(void **state)
{
	struct setup *s = *state;
	for (size_t i = 0; i < ARRAY_COUNT(bad_webhooks); i++)
		expect(s, 422, "POST", CONFIGURATIONS,
		       str_printf_in(&s->arena,
				     "{\"metadata\":{\"name\":\"v\"},\"webhooks\":[{%s}]}",
				     bad_webhooks[i].webhook)
			       .ptr,
		       bad_webhooks[i].message);
	expect(s, 422, "POST", CONFIGURATIONS,
	       "{\"metadata\":{\"name\":\"v\"},\"webhooks\":[{\"name\":\"a.b.c\"," GOOD_CLIENT
	       "," GOOD_REST "},{\"name\":\"a.b.c\"," GOOD_CLIENT "," GOOD_REST "}]}",
	       "webhooks[1].name: Duplicate value: \\\"a.b.c\\\"");
	expect(s, 201, "POST", CONFIGURATIONS,
	       "{\"metadata\":{\"name\":\"v\"},\"webhooks\":[{\"name\":\"a.b.c\"," GOOD_CLIENT
	       "," GOOD_REST ",\"rules\":[{\"operations\":[\"*\"],\"apiGroups\":[\"\"],"
	       "\"apiVersions\":[\"v1\"],\"resources\":[\"x\"]}]}]}",
	       "\"failurePolicy\":\"Fail\"");
	expect(s, 200, "GET", CONFIGURATIONS "/v", NULL, "\"timeoutSeconds\":10");
	expect(s, 200, "GET", CONFIGURATIONS "/v", NULL, "\"scope\":\"*\"");
	expect(s, 200, "GET", CONFIGURATIONS "/v", NULL, "\"matchPolicy\":\"Equivalent\"");
	expect(s, 200, "GET", CONFIGURATIONS "/v", NULL, "\"namespaceSelector\":{}");
}

/* A namespace that is made for what is put into it is asked about too, and the first request waits
 * for that; where it is refused there is none. */
static void test_provisioned_namespace(void **state)
{
	struct setup *s = *state;

	configure(s, false, "namespaces",
		  webhook(s, "/allow",
			  "\"rules\":[{\"operations\":[\"CREATE\"],\"apiGroups\":[\"\"],"
			  "\"apiVersions\":[\"v1\"],\"resources\":[\"namespaces\"]}]"));
	expect(s, 201, "POST", "/api/v1/namespaces/new/configmaps",
	       "{\"metadata\":{\"name\":\"c\"}}", "\"namespace\":\"new\"");
	expect_asked(s, "/allow ");
	expect(s, 201, "POST", "/api/v1/namespaces/new/configmaps",
	       "{\"metadata\":{\"name\":\"d\"}}", NULL);
	expect_asked(s, "");
	configure(s, false, "refused",
		  webhook(s, "/deny",
			  "\"rules\":[{\"operations\":[\"CREATE\"],\"apiGroups\":[\"\"],"
			  "\"apiVersions\":[\"v1\"],\"resources\":[\"namespaces\"]}]"));
	expect(s, 404, "POST", "/api/v1/namespaces/other/configmaps",
	       "{\"metadata\":{\"name\":\"c\"}}", "namespaces \\\"other\\\" not found");
	expect(s, 404, "GET", "/api/v1/namespaces/other", NULL, NULL);
}

static void ask_outside(struct setup *s, struct review_hook_options *options)
{
	struct authz_part outside = {
		.mode = AUTHZ_MODE_WEBHOOK, .webhook = options, .version = "v1", .name = STR("w")
	};
	struct err err;

	options->target.url = str_printf_in(&s->arena, "https://127.0.0.1:%u/may",
					    (unsigned)s->hook.port);
	options->target.ca_pem = s->hook.ca.certificate_pem;
	assert_int_equal(apiserver_replace_authorizers(s->f.apiserver, &outside, 1, &err), 0);
	s->f.user = "jane"; /* of connections from now on */
	s->f.group = NULL;
	s->asks = &s->second;
}

#define MAY(verb) "authorizer.group(``).resource(`x`).check(" verb ").allowed()"
#define ON_CONFIGMAPS                                                  \
	"{'resourceRules':[{'operations':['CREATE'],'apiGroups':['']," \
	"'apiVersions':['v1'],'resources':['configmaps']}]},'failurePolicy':'Fail'"
#define CHANGES(name, condition, change)                                                         \
	{ "POST", POLICIES "mutatingadmissionpolicies",                                          \
	  "{'metadata':{'name':'" name "'},'spec':{'reinvocationPolicy':"                        \
	  "'IfNeeded','matchConditions':[{'name':'m','expression':'" condition                   \
	  "'}],'mutations':[{'patchType':'ApplyConfiguration',"                                  \
	  "'applyConfiguration':{'expression':'" change "'}}],'matchConstraints':" ON_CONFIGMAPS \
	  "}}",                                                                                  \
	  201 },                                                                                 \
	{                                                                                        \
		"POST", POLICIES "mutatingadmissionpolicybindings",                              \
			"{'metadata':{'name':'" name "'},'spec':{'policyName':'" name "'}}", 201 \
	}
#define POLICIES "/apis/admissionregistration.k8s.io/v1/"

/* A write goes on where it had to ask whether its user may do something: breaks when policies
 * change the object once more, or webhooks are asked again, after each answer. */
static void test_goes_on_where_it_asked(void **state)
{
	static const struct step begin[] = {
		CHANGES("a", "true", "Object{data: {`n`: object.data.n + `1`}}"),
		CHANGES("b", MAY("has(object.data.one) ? `late` : `early`"),
			"Object{data: {`b`: `b`}}"),
		{ "POST", POLICIES "validatingadmissionpolicies",
		  "{'metadata':{'name':'v'},'spec':{'validations':[{'expression':'" MAY(
			  "`be`") "'}],'matchConstraints':" ON_CONFIGMAPS "}}",
		  201 },
		{ "POST", POLICIES "validatingadmissionpolicybindings",
		  "{'metadata':{'name':'v'},'spec':{'policyName':'v','validationActions':['Deny']}"
		  "}",
		  201 },
	};
	struct review_hook_options options = { .yes = "allowed", .ttl_yes_ms = 60000 };
	struct setup *s = *state;

	for (size_t i = 0; i < ARRAY_COUNT(begin); i++)
		run_step(&s->f, &begin[i]);
	configure(s, true, "m", webhook(s, "/one", ANY_RULES));
	configure(s, false, "v", webhook(s, "/allow", ANY_RULES));
	ask_outside(s, &options);
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"n\":\"n\"}}",
	       "\"data\":{\"n\":\"n111\",\"b\":\"b\",\"one\":\"1\"}");
	/* the request, early, the webhook, late, validation, the other webhook */
	expect_asked(s, "/may /may /one /may /may /allow ");
	/* as if all had been known */
	expect(s, 201, "POST", CONFIGMAPS, "{\"metadata\":{\"name\":\"d\"},\"data\":{\"n\":\"n\"}}",
	       "\"data\":{\"n\":\"n111\",\"b\":\"b\",\"one\":\"1\"}");
	expect_asked(s, "/one /allow ");
	/* plug-ins, and what is created by PUT */
	expect(s, 201, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
	       "{\"metadata\":{\"name\":\"r\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":["
	       "\"pods\"],"
	       "\"verbs\":[\"get\"]}]}",
	       NULL);
	expect_asked(s, "/may /may ");
	expect(s, 201, "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/l",
	       "{\"metadata\":{\"name\":\"l\"}}", NULL);
	expect_asked(s, "/may /may ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_provisioned_namespace, open_provisioning,
						close_setup),
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setup, close_setup)
		TEST(test_goes_on_where_it_asked),
		TEST(test_denials),
		TEST(test_question),
		TEST(test_mutation),
		TEST(test_bad_mutation),
		TEST(test_reinvocation),
		TEST(test_failure_policy),
		TEST(test_notes),
		TEST(test_matching),
		TEST(test_dry_run),
		TEST(test_configuration),
		TEST(test_subresources),
		TEST(test_body_version),
		TEST(test_reviews),
		TEST(test_collection),
		TEST(test_race),
		TEST(test_service_addresses),
		TEST(test_gone),
		TEST(test_timeout),
		TEST(test_validation),
		TEST(test_with_policy),
		TEST(test_warned_denial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
