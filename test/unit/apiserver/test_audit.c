/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit policies: which rule a request falls under, and what of it is kept. Breaks when a request
 * is kept at another level than the first matching rule says, or a wrong policy is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/audit.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "fixture.h"

#define RULES(rules)                                   \
	"{'kind':'Policy','apiVersion':'audit.k8s.io/" \
	"v1','omitStages':['RequestReceived'],'rules':[" rules "]}"

static const char policy_text[] = RULES(
	"{'level':'None','users':['system:kube-proxy'],'verbs':['watch'],'resources':[{'group':'','"
	"resources':["
	"'endpoints','services']}]},"
	"{'level':'None','userGroups':['system:nodes'],'resources':[{'group':'','resources':['"
	"nodes/*']}]},"
	"{'level':'None','nonResourceURLs':['/healthz*','/version']},"
	"{'level':'Metadata','resources':[{'group':'','resources':['secrets','configmaps']}]},"
	"{'level':'Request','namespaces':['kube-system'],'omitStages':['ResponseStarted'],'"
	"omitManagedFields':true},"
	"{'level':'RequestResponse','resources':[{'group':'apps'},{'group':'','resources':['*/"
	"status'],"
	"'resourceNames':['one']}]},"
	"{'level':'Metadata','resources':[{'group':'*','resources':['*/scale']}]},"
	"{'level':'Metadata','resources':[{'group':'','resources':['*']}]}");

static const struct {
	const char *user, *group, *verb, *api_group, *namespace_, *resource, *subresource, *name,
		*path;
	enum audit_level level;
} rows[] = {
	{ "system:kube-proxy", "", "watch", "", "default", "services", "", "", "", AUDIT_NONE },
	{ "system:kube-proxy", "", "list", "", "default", "services", "", "", "", AUDIT_METADATA },
	{ "jane", "", "watch", "", "default", "services", "", "", "", AUDIT_METADATA },
	{ "n", "system:nodes", "patch", "", "", "nodes", "status", "n", "", AUDIT_NONE },
	{ "n", "system:nodes", "get", "", "", "nodes", "", "n", "", AUDIT_METADATA },
	{ "jane", "", "get", "", "kube-system", "secrets", "", "x", "", AUDIT_METADATA },
	{ "jane", "", "get", "", "kube-system", "pods", "", "x", "", AUDIT_REQUEST },
	{ "jane", "", "get", "apps", "default", "deployments", "scale", "x", "",
	  AUDIT_REQUEST_RESPONSE },
	{ "jane", "", "get", "", "default", "pods", "status", "one", "", AUDIT_REQUEST_RESPONSE },
	{ "jane", "", "get", "", "default", "pods", "status", "two", "", AUDIT_METADATA },
	{ "jane", "", "get", "batch", "default", "jobs", "", "", "", AUDIT_NONE },
	{ "jane", "", "get", "x.org", "default", "things", "scale", "", "", AUDIT_METADATA },
	{ "jane", "", "get", NULL, "", "", "", "", "/healthz/etcd", AUDIT_NONE },
	{ "jane", "", "get", NULL, "", "", "", "", "/metrics", AUDIT_NONE },
	{ NULL, "", "get", "", "default", "pods", "", "", "", AUDIT_METADATA },
};

static yyjson_doc *parse(const char *text)
{
	char json[4096], *to = json;

	for (; *text; text++)
		*to++ = *text == '\'' ? '"' : *text;
	*to = '\0';
	return json_parse(str_from(json), SIZE_MAX, NULL);
}

static void test_levels(void **state)
{
	AUTO_JSON policy = parse(policy_text);
	struct err err = { 0 };

	assert_int_equal(audit_policy_check(yyjson_doc_get_root(policy), &err), 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str groups[] = { str_from(rows[i].group) };
		struct user user = { .name = str_from(rows[i].user),
				     .groups = groups,
				     .group_count = 1 };
		struct target target = { .verb = str_from(rows[i].verb),
					 .is_resource = rows[i].api_group != NULL,
					 .group = str_from(rows[i].api_group),
					 .namespace_ = str_from(rows[i].namespace_),
					 .resource = str_from(rows[i].resource),
					 .subresource = str_from(rows[i].subresource),
					 .name = str_from(rows[i].name),
					 .path = str_from(rows[i].path) };
		struct audit_wish wish;

		audit_policy_decide(yyjson_doc_get_root(policy), rows[i].user ? &user : NULL,
				    &target, &wish);
		if (wish.level != rows[i].level)
			fail_msg("row %zu: want %s, got %s", i, audit_level_name(rows[i].level),
				 audit_level_name(wish.level));
		if (wish.level == AUDIT_NONE)
			continue;
		assert_true(wish.omits[AUDIT_REQUEST_RECEIVED]);
		assert_int_equal(wish.omits[AUDIT_RESPONSE_STARTED], wish.level == AUDIT_REQUEST);
		assert_int_equal(wish.omits_managed_fields, wish.level == AUDIT_REQUEST);
	}
}

static void test_bad_policies(void **state)
{
	static const struct {
		const char *policy, *want;
	} bad[] = {
		{ "{}", "kind and apiVersion are not Policy of audit.k8s.io/v1" },
		{ "{'kind':'Policy','apiVersion':'audit.k8s.io/v1'}",
		  "loaded illegal policy with 0 rules" },
		{ RULES("{'level':'Some'}"),
		  "rules[0].level: Unsupported value: \"Some\": supported values: \"None\", "
		  "\"Metadata\", \"Request\", \"RequestResponse\"" },
		{ RULES("{}"), "rules[0].level: Required value" },
		{ RULES("{'level':'None'},{'level':'None','omitStages':['Never']}"),
		  "rules[1].omitStages[0]: Invalid value: \"Never\": allowed stages are "
		  "RequestReceived,ResponseStarted,ResponseComplete,Panic" },
		{ RULES("{'level':'None','nonResourceURLs':['a','/*/b','*','/c*','']}"),
		  "[rules[0].nonResourceURLs[0]: Invalid value: \"a\": non-resource URL rules must "
		  "begin with a '/' character, rules[0].nonResourceURLs[1]: Invalid value: "
		  "\"/*/b\": non-resource URL wildcards '*' must be the final character of the "
		  "rule, rules[0].nonResourceURLs[4]: Invalid value: \"\": " },
		{ RULES("{'level':'None','resources':[{'group':'apps/v1','resources':['x']}]}"),
		  "rules[0].resources.group: Invalid value: \"apps/v1\": a lowercase RFC 1123 "
		  "subdomain must consist of" },
		{ RULES("{'level':'None','resources':[{'resourceNames':['x']}]}"),
		  "rules[0].resources.resourceNames: Invalid value: [\"x\"]: using resourceNames "
		  "requires at least one resource" },
		{ RULES("{'level':'None','namespaces':['a'],'nonResourceURLs':['/']}"),
		  "rules cannot apply to both regular resources and non-resource URLs" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		AUTO_JSON policy = parse(bad[i].policy);
		struct err err = { 0 };

		assert_true(audit_policy_check(yyjson_doc_get_root(policy), &err) < 0);
		if (!strstr(err.msg, bad[i].want))
			fail_msg("want %s, got %s", bad[i].want, err.msg);
	}
}

/* --- events of a server --- */

struct setup {
	struct http_fixture f;
	struct audited audited;
};

static void open_setup(struct setup *s, struct audit_truncation truncation)
{
	memset(s, 0, sizeof(*s));
	audited_init(&s->audited, AUDITED_ALL);
	s->audited.options.log_truncation = truncation;
	http_fixture_open_with(&s->f, (struct apiserver_options){ .audit = &s->audited.options });
	s->f.user = "admin";
	s->f.group = "system:masters";
}

static void close_setup(struct setup *s)
{
	http_fixture_close(&s->f);
	audited_deinit(&s->audited);
}

static void ask(struct setup *s, int status, const char *method, const char *path, const char *body)
{
	const char *answer;
	int got = http_fixture_do(&s->f, method, path,
				  body ? "Content-Type: application/json\r\n" : NULL, body,
				  &answer);

	if (got != status)
		fail_msg("%s %s: %d %s", method, path, got, answer);
}

static void expect(struct setup *s, const char *part)
{
	audited_expect(&s->audited, &s->f, part);
}

#define NAMESPACE(labels) "{\"metadata\":{\"name\":\"n\",\"labels\":{" labels "}}}"
#define POD                                                                                   \
	"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":" \
	"\"i\"}]}}"

/* Breaks if an answer does not name its event, or the event does not say what admission found. */
static void test_annotations(void **state)
{
	struct setup s;
	const char *answer;

	open_setup(&s, (struct audit_truncation){ 0 });
	ask(&s, 201, "POST", "/api/v1/namespaces",
	    NAMESPACE("\"pod-security.kubernetes.io/enforce\":\"baseline\","
		      "\"pod-security.kubernetes.io/audit\":\"restricted\""));
	ask(&s, 201, "POST", "/api/v1/namespaces/n/serviceaccounts",
	    "{\"metadata\":{\"name\":\"default\"}}");
	ask(&s, 201, "POST", "/api/v1/namespaces/n/pods", POD);
	expect(&s, "\"pod-security.kubernetes.io/enforce-policy\":\"baseline:latest\"");
	expect(&s, "\"pod-security.kubernetes.io/audit-violations\":"
		   "\"would violate PodSecurity \\\"restricted:latest\\\": "
		   "allowPrivilegeEscalation != false");
	assert_non_null(strstr(s.audited.text.ptr, "\"authorization.k8s.io/decision\":\"allow\""));
	assert_int_equal(http_fixture_do(&s.f, "GET", "/api/v1/namespaces/n", "Audit-ID: mine\r\n",
					 NULL, &answer),
			 200);
	assert_non_null(strstr(http_fixture_head(&s.f), "Audit-Id: mine\r\n"));
	expect(&s, "\"auditID\":\"mine\"");
	ask(&s, 404, "GET", "/nowhere", NULL);
	assert_non_null(strstr(http_fixture_head(&s.f), "Audit-Id: "));
	ask(&s, 200, "GET", "/api/v1", NULL);
	expect(&s, "\"requestURI\":\"/api/v1\",\"verb\":\"get\",\"user\":");
	expect(&s, "\"stage\":\"ResponseComplete\",\"requestURI\":\"/api/v1\"");
	close_setup(&s);
}

/* Breaks if an event that is too long is kept whole, or lost though it fits without its bodies. */
static void test_truncation(void **state)
{
	char body[8192];
	struct setup s;

	open_setup(&s, (struct audit_truncation){ true, 4000, 1u << 20 });
	(void)snprintf(body, sizeof(body),
		       "{\"metadata\":{\"name\":\"long\"},\"data\":{\"k\":\"%05000d\"}}", 7);
	ask(&s, 201, "POST", "/api/v1/namespaces/default/configmaps", body);
	expect(&s, "\"audit.k8s.io/truncated\":\"true\"");
	assert_null(strstr(s.audited.text.ptr, "00000000"));
	ask(&s, 201, "POST", "/api/v1/namespaces/default/configmaps",
	    "{\"metadata\":{\"name\":\"short\"},\"data\":{\"k\":\"whole\"}}");
	expect(&s, "\"data\":{\"k\":\"whole\"}");
	/* the path alone is too long: nothing of it is kept */
	(void)snprintf(body, sizeof(body), "/api/v1/namespaces/default/configmaps/%05000d", 1);
	ask(&s, 404, "GET", body, NULL);
	ask(&s, 200, "GET", "/api/v1/namespaces/default/configmaps/short", NULL);
	expect(&s, "\"verb\":\"get\"");
	assert_null(strstr(s.audited.text.ptr, "00000000"));
	close_setup(&s);
}

/* --- modes in which answers wait --- */

static bool log_has(struct setup *s, const char *part)
{
	FILE *file = fopen(s->audited.path, "r");
	static char text[1u << 20];
	size_t len = fread(text, 1, sizeof(text) - 1, file);

	fclose(file);
	text[len] = '\0';
	return strstr(text, part) != NULL;
}

static void open_mode(struct setup *s, enum audit_mode mode, const char *path)
{
	memset(s, 0, sizeof(*s));
	audited_init(&s->audited, AUDITED_ALL);
	s->audited.log.mode = mode;
	if (path)
		s->audited.log.path = path;
	http_fixture_open_with(&s->f, (struct apiserver_options){ .audit = &s->audited.options });
	s->f.user = "admin";
	s->f.group = "system:masters";
}

/* --- batches --- */

static void open_batches(struct setup *s, struct audit_batches batches)
{
	memset(s, 0, sizeof(*s));
	audited_init(&s->audited, AUDITED_ALL);
	s->audited.log.mode = AUDIT_BATCH;
	s->audited.log.batches = batches;
	http_fixture_open_with(&s->f, (struct apiserver_options){ .audit = &s->audited.options });
	s->f.user = "admin";
	s->f.group = "system:masters";
}

#define AGES_MS (3600 * 1000)

/* Breaks if events are written one by one where they shall gather, or are kept for good. A request
 * has two: that it came, and what was answered. */
static void test_batches(void **state)
{
	struct setup s;

	open_batches(&s, (struct audit_batches){ .event_max = 4, .wait_ms = AGES_MS });
	ask(&s, 404, "GET", "/first", NULL);
	ask(&s, 200, "GET", "/version", NULL);
	assert_false(log_has(&s, "/first"));
	ask(&s, 404, "GET", "/second", NULL);
	expect(&s, "\"ResponseComplete\",\"requestURI\":\"/second\"");
	assert_true(log_has(&s, "\"ResponseComplete\",\"requestURI\":\"/first\""));
	/* What waits when the server ends is written. */
	ask(&s, 404, "GET", "/third", NULL);
	assert_false(log_has(&s, "/third"));
	http_fixture_close(&s.f);
	assert_true(log_has(&s, "\"ResponseComplete\",\"requestURI\":\"/third\""));
	audited_deinit(&s.audited);

	open_batches(&s, (struct audit_batches){ .event_max = 1000, .wait_ms = 20 });
	ask(&s, 404, "GET", "/first", NULL);
	expect(&s, "\"ResponseComplete\",\"requestURI\":\"/first\"");
	close_setup(&s);
}

/* Breaks if batches come faster than they may, or events beyond the queue are kept unseen. */
static void test_throttle(void **state)
{
	const char *metrics;
	struct setup s;

	open_batches(&s, (struct audit_batches){ .event_max = 1, .per_second = 2, .burst = 1 });
	ask(&s, 404, "GET", "/first", NULL);
	expect(&s, "\"RequestReceived\",\"requestURI\":\"/first\"");
	assert_false(log_has(&s, "\"ResponseComplete\""));
	for (int i = 0; i < 100000 && !log_has(&s, "\"ResponseComplete\""); i++)
		ask(&s, 200, "GET", "/version", NULL);
	assert_true(log_has(&s, "\"ResponseComplete\",\"requestURI\":\"/first\""));
	close_setup(&s);

	open_batches(&s, (struct audit_batches){
				 .queue_max = 3, .event_max = 1000, .wait_ms = AGES_MS });
	ask(&s, 404, "GET", "/first", NULL);
	ask(&s, 404, "GET", "/second", NULL);
	assert_int_equal(http_fixture_do(&s.f, "GET", "/metrics", NULL, NULL, &metrics), 200);
	assert_null(strstr(metrics, "apiserver_audit_error_total{plugin=\"log\"} 0\n"));
	close_setup(&s);
}

/* Breaks if rotated files are not what gzip makes, or the whole log is not in them. */
static void test_compressed(void **state)
{
	struct setup s;
	char folder[] = "/tmp/cube-audit-XXXXXX", path[64], pattern[64], text[4096];
	glob_t found;
	gzFile gz;
	int len;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/audit.log", folder);
	(void)snprintf(pattern, sizeof(pattern), "%s/*.gz", folder);
	memset(&s, 0, sizeof(s));
	audited_init(&s.audited, AUDITED_ALL);
	s.audited.log = (struct audit_log_options){
		.path = path, .mode = AUDIT_BLOCKING, .size_max = 100, .compresses = true
	};
	http_fixture_open_with(&s.f, (struct apiserver_options){ .audit = &s.audited.options });
	ask(&s, 404, "GET", "/first", NULL);
	ask(&s, 404, "GET", "/second", NULL);
	http_fixture_close(&s.f);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	gz = gzopen(found.gl_pathv[0], "rb");
	assert_non_null(gz);
	assert_false(gzdirect(gz));
	len = gzread(gz, text, sizeof(text) - 1);
	assert_true(len > 0);
	text[len] = '\0';
	assert_non_null(strstr(text, "\"requestURI\":\"/first\""));
	assert_int_equal(gzclose(gz), Z_OK);
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
	unlink(path);
	assert_int_equal(rmdir(folder), 0); /* nothing was left uncompressed */
	audited_deinit(&s.audited);
}

/* Breaks if an answer is there before the log has its event. */
static void test_blocking(void **state)
{
	char want[128], body[128];
	struct setup s;

	open_mode(&s, AUDIT_BLOCKING, NULL);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"c%d\"}}", i);
		(void)snprintf(want, sizeof(want),
			       "\"stage\":\"ResponseComplete\",\"requestURI\":"
			       "\"/api/v1/namespaces/default/configmaps/c%d\"",
			       i);
		ask(&s, 201, "POST", "/api/v1/namespaces/default/configmaps", body);
		(void)snprintf(body, sizeof(body), "/api/v1/namespaces/default/configmaps/c%d", i);
		ask(&s, 200, "GET", body, NULL);
		assert_true(log_has(&s, want));
	}
	ask(&s, 404, "GET", "/api/v1/namespaces/default/configmaps/none", NULL);
	assert_true(log_has(&s, "\"code\":404"));
	http_fixture_stream(&s.f, "/api/v1/namespaces/default/configmaps?watch=1", "c19");
	assert_true(log_has(&s, "\"stage\":\"ResponseStarted\""));
	close_setup(&s);
}

/* Breaks if a full disk stops the server where the mode does not say so, or not where it does. */
static void test_log_that_fails(void **state)
{
	static const struct {
		enum audit_mode mode;
		int status;
	} cases[] = { { AUDIT_BATCH, 201 },
		      { AUDIT_BLOCKING, 201 },
		      { AUDIT_BLOCKING_STRICT, 500 } };

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct setup s;
		const char *answer;
		int status;

		open_mode(&s, cases[i].mode, "/dev/full");
		status = http_fixture_do(&s.f, "POST", "/api/v1/namespaces/default/configmaps",
					 "Content-Type: application/json\r\n",
					 "{\"metadata\":{\"name\":\"c\"}}", &answer);
		assert_int_equal(status, cases[i].status);
		if (status == 500)
			assert_string_equal(answer,
					    "Internal Server Error: "
					    "\"/api/v1/namespaces/default/configmaps\": failed to "
					    "store audit event\n");
		assert_int_equal(http_fixture_do(&s.f, "GET", "/version", NULL, NULL, &answer),
				 200);
		close_setup(&s);
	}
}

/* Breaks if a line is not what log readers know from before there was JSON. */
static void test_legacy_line(void **state)
{
	static const char event[] =
		"{'auditID':'a-1','stage':'ResponseComplete','requestURI':'/api/v1/"
		"pods?x=1','verb':"
		"'list','user':{'username':'jane','groups':['a','b']},'impersonatedUser':{'"
		"username':"
		"'joe'},'sourceIPs':['10.0.0.1','10.0.0.2'],'userAgent':'k','objectRef':{'resource'"
		":"
		"'pods'},'responseStatus':{'code':200},'requestReceivedTimestamp':"
		"'2026-01-02T03:04:05.000006Z'}";
	AUTO_JSON from = parse(event);
	AUTO_JSON none = parse("{}");
	AUTO_JSON_MUT doc = yyjson_doc_mut_copy(from, NULL);
	AUTO_JSON_MUT empty = yyjson_doc_mut_copy(none, NULL);
	AUTO_BUF line = { 0 };

	buf_init(&line, 4096);
	audit_write_line(yyjson_mut_doc_get_root(doc), &line);
	buf_put_char(&line, '\0');
	assert_string_equal(
		line.ptr,
		"2026-01-02T03:04:05.000006Z AUDIT: id=\"a-1\" stage=\"ResponseComplete\" "
		"ip=\"10.0.0.1\" method=\"list\" user=\"jane\" groups=\"\\\"a\\\",\\\"b\\\"\" "
		"as=\"joe\" asgroups=\"<lookup>\" user-agent=\"k\" namespace=\"<none>\" "
		"uri=\"/api/v1/pods?x=1\" response=\"200\"");
	buf_reset(&line);
	audit_write_line(yyjson_mut_doc_get_root(empty), &line);
	buf_put_char(&line, '\0');
	assert_string_equal(
		line.ptr, " AUDIT: id=\"\" stage=\"\" ip=\"<unknown>\" method=\"\" user=\"<none>\" "
			  "groups=\"<none>\" as=\"<self>\" asgroups=\"<lookup>\" user-agent=\"\" "
			  "namespace=\"<none>\" uri=\"\" response=\"<deferred>\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),	       cmocka_unit_test(test_bad_policies),
		cmocka_unit_test(test_annotations),    cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_batches),	       cmocka_unit_test(test_throttle),
		cmocka_unit_test(test_compressed),     cmocka_unit_test(test_blocking),
		cmocka_unit_test(test_log_that_fails), cmocka_unit_test(test_legacy_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
