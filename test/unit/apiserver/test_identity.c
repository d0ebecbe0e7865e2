/* SPDX-License-Identifier: Apache-2.0 */
/* The Lease by which an API server shows that it lives. Breaks when others would take it for dead,
 * or one that is gone for alive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/apiserver.h"
#include "apiserver/identity_lease.h"
#include "codec/json.h"
#include "fixture.h"
#include "sim/env_sim.h"
#include "store/store.h"

#define HOST_1 "apiserver-fl6obw4ijfryx25ur4ugqryswq"
#define KEY "/registry/leases/kube-system/"

struct world {
	struct sim *sim;
	struct store_disk *disk;
	struct store *store;
	struct apiserver *server;
};

static void start(struct world *w, const char *hostname)
{
	struct apiserver_options options = { .env = sim_env(w->sim, "server"),
					     .hostname = str_from(hostname) };
	struct err err = { 0 };

	assert_int_equal(store_open_memory(options.env, w->disk, NULL, &w->store, &err), 0);
	options.store = w->store;
	assert_int_equal(apiserver_new(&options, &w->server, &err), 0);
	apiserver_start(w->server, NULL, NULL);
	sim_run_for(w->sim, 1000);
	assert_true(apiserver_is_ready(w->server));
}

static void stop(struct world *w)
{
	store_close(w->store);
	apiserver_free(w->server);
}

static void read_lease(struct world *w, char *renewed, size_t size, char *holder)
{
	const struct store_entry *entry = store_get(w->store, STR(KEY HOST_1));
	AUTO_JSON doc = NULL;
	yyjson_val *root;

	assert_non_null(entry);
	doc = json_parse(blob_str(entry->value), SIZE_MAX, NULL);
	root = yyjson_doc_get_root(doc);
	assert_true(str_eq_c(json_str(json_key(json_get(root, "metadata.labels"),
					       STR("apiserver.kubernetes.io/identity"))),
			     "kube-apiserver"));
	assert_true(str_eq_c(json_str(json_key(json_get(root, "metadata.labels"),
					       STR("kubernetes.io/hostname"))),
			     "host-1"));
	assert_int_equal(json_get_int(root, "spec.leaseDurationSeconds", 0), 3600);
	snprintf(renewed, size, STR_FMT, STR_ARG(json_get_str(root, "spec.renewTime")));
	snprintf(holder, size, STR_FMT, STR_ARG(json_get_str(root, "spec.holderIdentity")));
}

static void test_name(void **state)
{
	char name[IDENTITY_BYTES];

	assert_string_equal(identity_of(STR("host-1"), name), HOST_1);
}

static void test_renewal(void **state)
{
	struct world w = { .sim = sim_new(7), .disk = store_disk_new() };
	char renewed[3][100], holder[3][100];

	start(&w, "host-1");
	read_lease(&w, renewed[0], 100, holder[0]);
	assert_true(str_has_prefix(str_from(holder[0]), STR(HOST_1 "_")));
	sim_run_for(w.sim, 10500);
	read_lease(&w, renewed[1], 100, holder[1]);
	assert_string_not_equal(renewed[0], renewed[1]);
	assert_string_equal(holder[0], holder[1]);
	stop(&w);
	/* The same machine's next process takes it over, and says so. */
	start(&w, "host-1");
	read_lease(&w, renewed[2], 100, holder[2]);
	assert_string_not_equal(holder[1], holder[2]);
	stop(&w);
	/* What nobody renews goes after an hour, and not before. */
	sim_run_for(w.sim, 3000 * 1000);
	start(&w, "host-2");
	assert_non_null(store_get(w.store, STR(KEY HOST_1)));
	assert_int_equal(store_count(w.store, STR(KEY)), 2);
	sim_run_for(w.sim, 3700 * 1000);
	assert_null(store_get(w.store, STR(KEY HOST_1)));
	assert_int_equal(store_count(w.store, STR(KEY)), 1);
	stop(&w);
	/* A server without a name has none. */
	start(&w, "");
	sim_run_for(w.sim, 20000);
	assert_int_equal(store_count(w.store, STR(KEY)), 1);
	stop(&w);
	store_disk_free(w.disk);
	sim_free(w.sim);
}

static void test_expiry(void **state)
{
	static const struct {
		const char *spec;
		bool is_expired;
	} cases[] = {
		{ "{\"spec\":{\"renewTime\":\"1970-01-01T00:00:00.000000Z\","
		  "\"leaseDurationSeconds\":100}}",
		  false },
		{ "{\"spec\":{\"renewTime\":\"1970-01-01T00:00:00.000000Z\","
		  "\"leaseDurationSeconds\":99}}",
		  true },
		{ "{\"spec\":{\"leaseDurationSeconds\":3600}}", true },
		{ "{\"spec\":{\"renewTime\":\"1970-01-01T00:00:00.000000Z\"}}", true },
		{ "{}", true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_JSON doc = json_parse(str_from(cases[i].spec), SIZE_MAX, NULL);

		assert_int_equal(identity_lease_is_expired(yyjson_doc_get_root(doc),
							   100 * INT64_C(1000000000)),
				 cases[i].is_expired);
	}
}

/* What clients ask a server first; and that what is off by default upstream is neither served nor
 * told of. */
static void test_documents(void **state)
{
	static const struct step steps[] = {
		{ "GET", "/version", NULL, 200, "\"major\": \"1\"", NULL },
		{ "GET", "/version", NULL, 200,
		  "\"emulationMajor\": \"1\",\n  \"emulationMinor\": \"36\",\n  "
		  "\"minCompatibilityMajor\": "
		  "\"1\",\n  \"minCompatibilityMinor\": \"35\"",
		  NULL },
		{ "GET", "/apis/certificates.k8s.io/v1beta1/clustertrustbundles", NULL, 404,
		  "the server could not find the requested resource", NULL },
		{ "GET", "/apis/certificates.k8s.io", NULL, 200,
		  "\"versions\":[{\"groupVersion\":\"certificates.k8s.io/v1\",\"version\":\"v1\"}]",
		  NULL },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_documents),
	};

	return cmocka_run_group_tests_name("apiserver_identity", tests, NULL, NULL);
}
