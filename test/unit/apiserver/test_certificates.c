/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate requests over HTTP: who asks is written in, what must not be asked for is refused,
 * approval and signing are for those who may, and decisions stay. Breaks when somebody could
 * approve for a signer that is not his, or ask in another's name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "fixture.h"

#define REQUESTS "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define CLIENT "kubernetes.io/kube-apiserver-client"
/* openssl req -new -newkey ec ... -subj /O=team/CN=jane, and /O=system:masters/CN=jane */
#define TEAM_REQUEST                                                                           \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWU1JR0FBZ0VBTUI0eERUQUxCZ05WQkFv" \
	"TUJIUmxZVzB4RFRBTEJnTlZCQU1NQkdwaGJtVXdXVEFUQmdjcQpoa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNB" \
	"QVNQMXB5d0hnaVRnRVI0dVdLR1J3d1JqUkx0NzFONEZwTUFVaHRECjk1eE8rVlMzVE9XVEtkRE1VNEpRVjVZ" \
	"NEdOUjU2bDRVOEsyUG1iOEkwYXE4MUk2UG9BQXdDZ1lJS29aSXpqMEUKQXdJRFJ3QXdSQUlnY2FyTzNWdUJB" \
	"VXRwc2Y3VkpXaFpCWGM1U1pLT000WGtsUXdEaHBTR1AvNENJRzk0eFcwWQpsWHV2UTZwdU0zaGQ3cEprcmZM" \
	"Qkp0OHVQeXZxSE03UTM3UlgKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg=="
#define MASTERS_REQUEST                                                                        \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIak1JR0tBZ0VBTUNneEZ6QVZCZ05WQkFv" \
	"TURuTjVjM1JsYlRwdFlYTjBaWEp6TVEwd0N3WURWUVFEREFScQpZVzVsTUZrd0V3WUhLb1pJemowQ0FRWUlL" \
	"b1pJemowREFRY0RRZ0FFRmJJc0xNV3FUSjBnRTBlYjZ3ei9TYWVrCmF0dk55dEg3cTR6Wng4WHpIREw4a0U2" \
	"N0JHbmM5TDVBUmhBSVNWSDM0UGRjQ1VYVFY0bjN5SVVWTDBtV1RxQUEKTUFvR0NDcUdTTTQ5QkFNQ0EwZ0FN" \
	"RVVDSVFEWWRmZ0tYS2d5N2Z6VnJ0NWVVWklIRVdvWkZ2ZzFYN0pjWmxlRwpBSFRRendJZ0RKRWFKN3BPZmRS" \
	"NG1uRktVVWZQVFNES3paR3FkbG1BdUY2WXdYVEd2VVk9Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1Qt" \
	"LS0tLQo="
/* openssl req -x509 ... -subj /CN=jane */
#define TEAM_CERTIFICATE                                                                   \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkRENDQVJ1Z0F3SUJBZ0lVVzdpZm5jRDRLTFZL" \
	"eXpsRFRKNkVGcVlRNTNZd0NnWUlLb1pJemowRUF3SXcKRHpFTk1Bc0dBMVVFQXd3RWFtRnVaVEFnRncw" \
	"eU5qRXhNekF4T0RFeU1qQmFHQTh5TVRJMk1URXdOakU0TVRJeQpNRm93RHpFTk1Bc0dBMVVFQXd3RWFt" \
	"RnVaVEJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCSHEvClVzZEd3bW8zWFB5Z3RINjNy" \
	"MFdLYTk5NlBBc0VwamNBTW1pbVh6MXlYTFZlNDB4eVNwZnBVUjNrbFF2QnlpOEsKRVdGUzJiMTh1VVdt" \
	"d3FkTFZRcWpVekJSTUIwR0ExVWREZ1FXQkJRSW80dEllV2lHOC95MVRVOStjaDNqQUNNTApsVEFmQmdO" \
	"VkhTTUVHREFXZ0JRSW80dEllV2lHOC95MVRVOStjaDNqQUNNTGxUQVBCZ05WSFJNQkFmOEVCVEFECkFR" \
	"SC9NQW9HQ0NxR1NNNDlCQU1DQTBjQU1FUUNJSHNMNzBKTThtbUk1UmRlTE1Nb2dwVEp5RHFkTm9QLzJk" \
	"Q00KSVFNNk1SWHBBaUJDU2F3ODJJYjJ2NEZLc2ZtRVpNSUl1blowT2hhNlcvaThVcGNQSDVNc1pRPT0K" \
	"LS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define SPEC(name, request, signer, more)                                        \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"request\":\"" request \
	"\",\"signerName\":\"" signer "\"" more "}}"
#define USAGES ",\"usages\":[\"client auth\"]"
#define CONDITION(name, type)                                                                 \
	"{\"metadata\":{\"name\":\"" name "\"},\"status\":{\"conditions\":[{\"type\":\"" type \
	"\",\"status\":\"True\",\"reason\":\"r\"}]}}"

static const struct row {
	const char *method, *path, *body;
	int status;
	const char *want;
} rows[] = {
	{ "POST", REQUESTS,
	  SPEC("a", TEAM_REQUEST, CLIENT,
	       USAGES ",\"username\":\"boss\",\"groups\":[\"system:masters\"]"),
	  201, "\"username\":\"jane\"" },
	{ "GET", REQUESTS "/a", NULL, 200, "\"groups\":[\"system:authenticated\",\"certifiers\"]" },
	{ "POST", REQUESTS, SPEC("b", "eA==", CLIENT, USAGES), 422,
	  "spec.request: Invalid value: \\\"eA==\\\": PEM block type must be CERTIFICATE REQUEST" },
	{ "POST", REQUESTS, SPEC("b", MASTERS_REQUEST, CLIENT, USAGES), 403,
	  "use of " CLIENT " signer with system:masters group is not allowed" },
	{ "POST", REQUESTS, SPEC("b", TEAM_REQUEST, "kubernetes.io/legacy-unknown", USAGES), 422,
	  "the legacy signerName is not allowed via this API version" },
	{ "POST", REQUESTS, SPEC("b", TEAM_REQUEST, "nowhere", USAGES), 422,
	  "must be a fully qualified domain and path of the form 'example.com/signer-name'" },
	{ "POST", REQUESTS, SPEC("b", TEAM_REQUEST, CLIENT, ""), 422,
	  "spec.usages: Required value" },
	{ "POST", REQUESTS, SPEC("b", TEAM_REQUEST, CLIENT, USAGES ",\"expirationSeconds\":599"),
	  422,
	  "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 "
	  "seconds (10 "
	  "minutes)" },
	{ "PATCH", REQUESTS "/a/approval", CONDITION("a", "Approved"), 403,
	  "user not permitted to approve requests with signerName \\\"" CLIENT "\\\"" },
	{ "PATCH", REQUESTS "/a/status", "{\"status\":{\"certificate\":\"" TEAM_CERTIFICATE "\"}}",
	  403,
	  "user not permitted to sign requests with signerName \\\"" CLIENT "\\\"" },
};

static const struct row admin_rows[] = {
	{ "PATCH", REQUESTS "/a/status", CONDITION("a", "Approved"), 422,
	  "updates may not add a condition of type \\\"Approved\\\"" },
	{ "PATCH", REQUESTS "/a/approval", CONDITION("a", "Approved"), 200,
	  "\"type\":\"Approved\"" },
	{ "PATCH", REQUESTS "/a/approval", CONDITION("a", "Denied"), 422,
	  "updates may not remove a condition of type \\\"Approved\\\"" },
	{ "PATCH", REQUESTS "/a/approval", "{\"status\":{\"certificate\":\"eA==\"}}", 200,
	  "Approved" },
	{ "PATCH", REQUESTS "/a/status", "{\"status\":{\"certificate\":\"eA==\"}}", 422,
	  "status.certificate: Invalid value: \\\"<certificate data>\\\": must contain at least "
	  "one "
	  "CERTIFICATE PEM block" },
	{ "PATCH", REQUESTS "/a/status", "{\"status\":{\"certificate\":\"" TEAM_REQUEST "\"}}", 422,
	  "only CERTIFICATE PEM blocks are allowed, found \\\"CERTIFICATE REQUEST\\\"" },
	{ "PATCH", REQUESTS "/a/status", "{\"status\":{\"certificate\":\"" TEAM_CERTIFICATE "\"}}",
	  200, "\"certificate\":\"" TEAM_CERTIFICATE "\"" },
	{ "PATCH", REQUESTS "/a/status", "{\"status\":{\"certificate\":\"eQ==\"}}", 422,
	  "status.certificate: Forbidden: updates may not modify existing certificate content" },
	{ "PATCH", REQUESTS "/a", "{\"spec\":{\"request\":\"eA==\"}}", 200, TEAM_REQUEST },
};

static void run(struct http_fixture *f, const struct row *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &list[i];
		const char *body, *type = strcmp(r->method, "PATCH") == 0
						  ? "Content-Type: application/merge-patch+json\r\n"
						  : "Content-Type: application/json\r\n";
		int status = http_fixture_do(f, r->method, r->path, type, r->body, &body);

		if (status != r->status || !strstr(body, r->want))
			fail_msg("%s %s %s\nwant %d %s\n got %d %s", r->method, r->path,
				 r->body ? r->body : "", r->status, r->want, status, body);
	}
}

static void test_requests(void **state)
{
	struct http_fixture f;
	const char
		*role = "{\"metadata\":{\"name\":\"c\"},\"rules\":[{\"verbs\":[\"create\",\"get\","
			"\"patch\"],"
			"\"apiGroups\":[\"certificates.k8s.io\"],\"resources\":[\"*\"],"
			"\"resourceNames\":[]}]}",
		*binding =
			"{\"metadata\":{\"name\":\"c\"},\"subjects\":[{\"kind\":\"Group\",\"name\":"
			"\"certifiers\"}],\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
			"\"kind\":"
			"\"ClusterRole\",\"name\":\"c\"}}";

	http_fixture_open(&f);
	assert_int_equal(http_fixture_do(&f, "POST",
					 "/apis/rbac.authorization.k8s.io/v1/clusterroles",
					 "Content-Type: application/json\r\n", role, NULL),
			 201);
	assert_int_equal(http_fixture_do(&f, "POST",
					 "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
					 "Content-Type: application/json\r\n", binding, NULL),
			 201);
	http_fixture_disconnect(&f);
	http_fixture_connect(&f, &f);
	f.user = "jane";
	f.group = "certifiers";
	run(&f, rows, sizeof(rows) / sizeof(rows[0]));
	http_fixture_disconnect(&f);
	http_fixture_connect(&f, &f);
	f.user = "admin";
	f.group = "system:masters";
	run(&f, admin_rows, sizeof(admin_rows) / sizeof(admin_rows[0]));
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_requests) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
