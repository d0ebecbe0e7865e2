/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How objects begin and end over HTTP: what grace, finalizers, preconditions and a namespace that
 * is going have to say. Breaks when something is gone too early, or never.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"

#define PODS "/api/v1/namespaces/default/pods"
#define CONFIGMAPS "/api/v1/namespaces/default/configmaps"
#define POD(name, more)                                                                            \
	"{'metadata':{'name':'" name "'" more "},'spec':{'nodeName':'n','containers':[{'name':'c'" \
	",'image':'i'}]}}"
#define GRACE(seconds) "{'kind':'DeleteOptions','apiVersion':'v1','gracePeriodSeconds':" seconds "}"

static void test_grace(void **state)
{
	static const struct step steps[] = {
		{ "POST", PODS, POD("p", ",'finalizers':['example.com/f']"), 201 },
		{ "DELETE", PODS "/p", NULL, 200, "\"generation\":2" },
		/* a shorter one is taken, and is no other deletion */
		{ "DELETE", PODS "/p", GRACE("7"), 200, "\"generation\":2" },
		{ "GET", PODS "/p", NULL, 200, "\"deletionGracePeriodSeconds\":7" },
		/* a longer one is not */
		{ "DELETE", PODS "/p", GRACE("8"), 200 },
		{ "GET", PODS "/p", NULL, 200, "\"deletionGracePeriodSeconds\":7" },
		/* its node has not said yet that it is over */
		{ "PATCH", PODS "/p", "{'metadata':{'finalizers':null}}", 200 },
		{ "GET", PODS "/p", NULL, 200, "\"deletionGracePeriodSeconds\":7" },
		{ "DELETE", PODS "/p", GRACE("0"), 200 },
		{ "GET", PODS "/p", NULL, 404 },
		/* less than nothing is a second */
		{ "POST", PODS, POD("q", ""), 201 },
		{ "DELETE", PODS "/q", GRACE("-1"), 200, "\"deletionGracePeriodSeconds\":1" },
		/* nobody has to end what runs nowhere */
		{ "POST", PODS,
		  "{'metadata':{'name':'r'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
		  201 },
		{ "DELETE", PODS "/r", NULL, 200 },
		{ "GET", PODS "/r", NULL, 404 },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_going_namespace(void **state)
{
	static const struct step steps[] = {
		{ "POST", "/api/v1/namespaces",
		  "{'metadata':{'name':'n','finalizers':['example.com/f']}}", 201 },
		{ "DELETE", "/api/v1/namespaces/n", NULL, 200, "\"phase\":\"Terminating\"" },
		{ "POST", "/api/v1/namespaces/n/configmaps", "{'metadata':{'name':'c'}}", 403,
		  "unable to create new content in namespace n because it is being terminated" },
		/* it goes once its own finalizer is over, too */
		{ "PATCH", "/api/v1/namespaces/n", "{'metadata':{'finalizers':null}}", 200 },
		{ "GET", "/api/v1/namespaces/n", NULL, 200, "\"finalizers\":[\"kubernetes\"]" },
		{ "PUT", "/api/v1/namespaces/n/finalize",
		  "{'metadata':{'name':'n'},'spec':{'finalizers':[]}}", 200 },
		{ "GET", "/api/v1/namespaces/n", NULL, 404 },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_versions(void **state)
{
	static const struct step steps[] = {
		{ "POST", CONFIGMAPS, "{'metadata':{'name':'c'}}", 201 },
		/* as if none were given */
		{ "PUT", CONFIGMAPS "/c", "{'metadata':{'name':'c','resourceVersion':'0'}}", 200 },
		{ "PUT", CONFIGMAPS "/c", "{'metadata':{'name':'c','resourceVersion':'1'}}", 409 },
		{ "PATCH", CONFIGMAPS "/c?fieldValidation=Strict", "{'odd':1}", 422,
		  "}\\\": strict decoding error: unknown field \\\"odd\\\"" },
		{ "PUT", CONFIGMAPS "/c", "{'metadata':{'name':'c','resourceVersion':'x'}}", 500,
		  "invalid syntax" },
		{ "POST", PODS,
		  "{'metadata':{'name':'p'},'spec':{'serviceAccountName':'nobody','containers':[{"
		  "'name':'c','image':'i'}]}}",
		  403,
		  "error looking up service account default/nobody: serviceaccount \\\"nobody\\\" "
		  "not found" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

#define BUDGETS "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
#define BUDGET(name)                                                                             \
	"{'metadata':{'name':'" name "'},'spec':{'maxUnavailable':1,'selector':{'matchLabels':{" \
	"'a':'b'}}}}"

static void test_bindings_and_evictions(void **state)
{
	static const struct step steps[] = {
		{ "POST", PODS,
		  "{'metadata':{'name':'p','labels':{'a':'b'}},'spec':{'containers':[{'name':'c',"
		  "'image':'i'}]}}",
		  201 },
		{ "POST", PODS "/p/binding",
		  "{'metadata':{'name':'p','uid':'x'},'target':{'kind':'Node','name':'n'}}", 409,
		  "the UID of pod p in the precondition (x) does not match" },
		{ "POST", PODS "/p/binding",
		  "{'metadata':{'name':'p'},'target':{'kind':'Node','name':'n'}}", 201 },
		{ "POST", PODS "/p/binding",
		  "{'metadata':{'name':'p'},'target':{'kind':'Node','name':'m'}}", 409,
		  "pod p is already assigned to node \\\"n\\\"" },
		{ "PATCH", PODS "/p/status", "{'status':{'phase':'Running'}}", 200 },
		/* nobody has counted its pods yet */
		{ "POST", BUDGETS, BUDGET("one"), 201 },
		{ "POST", PODS "/p/eviction", "{'metadata':{'name':'p'}}", 429,
		  "The disruption budget one is still being processed by the server." },
		{ "POST", BUDGETS, BUDGET("two"), 201 },
		{ "POST", PODS "/p/eviction", "{'metadata':{'name':'p'}}", 500,
		  "This pod has more than one PodDisruptionBudget" },
		{ "DELETE", BUDGETS "/one", NULL, 200 },
		{ "DELETE", BUDGETS "/two", NULL, 200 },
		{ "POST", PODS "/p/eviction", "{'metadata':{'name':'p'}}", 201 },
		{ "GET", PODS "/p", NULL, 200, "\"deletionGracePeriodSeconds\":30" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_grace),
					    cmocka_unit_test(test_going_namespace),
					    cmocka_unit_test(test_versions),
					    cmocka_unit_test(test_bindings_and_evictions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
