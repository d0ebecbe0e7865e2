/* SPDX-License-Identifier: Apache-2.0 */
/* Controllers and custom objects: a namespace's end takes them along.
 * Breaks when the controllers that walk all kinds do not learn of new ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "apiserver/apiserver.h"
#include "controllers/controllers.h"
#include "api/custom.h"
#include "codec/json.h"
#include "sim/env_sim.h"
#include "store/store.h"

#define LIMIT_MS 120000
#define THING "/registry/example.com/things/doomed/a"

static const char definition[] =
	"{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
	"\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\","
	"\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},"
	"\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{"
	"\"openAPIV3Schema\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}"
	"}}]}}";

struct world {
	struct sim *sim;
	struct env *env;
	struct store_disk *disk;
	struct store *store;
	struct apiserver *apiserver;
	struct client *client, *user;
	struct controllers *controllers;
	struct str key; /* that must come or go */
	bool must_exist;
};

static void open_world(struct world *w)
{
	struct controllers_options controllers = { 0 };
	struct apiserver_options options = { 0 };
	struct err err = { 0 };

	*w = (struct world){ .sim = sim_new(1), .disk = store_disk_new() };
	w->env = sim_env(w->sim, "control");
	assert_int_equal(store_open_memory(w->env, w->disk, NULL, &w->store, &err), 0);
	options.env = w->env;
	options.store = w->store;
	assert_int_equal(apiserver_new(&options, &w->apiserver, &err), 0);
	apiserver_start(w->apiserver, NULL, NULL);
	w->client = client_new(w->env, apiserver_transport(w->apiserver, STR("controllers")),
			       STR("controllers"));
	w->user = client_new(w->env, apiserver_transport(w->apiserver, STR("user")), STR("user"));
	controllers.env = w->env;
	controllers.client = w->client;
	w->controllers = controllers_new(&controllers);
	controllers_start(w->controllers);
}

static void close_world(struct world *w)
{
	controllers_free(w->controllers);
	client_close(w->client);
	client_close(w->user);
	store_abandon(w->store);
	apiserver_free(w->apiserver);
	client_abandon(w->client);
	client_abandon(w->user);
	sim_crash(w->sim, w->env);
	store_disk_free(w->disk);
	sim_free(w->sim);
}

static bool is_so(void *arg)
{
	struct world *w = arg;

	return (store_get(w->store, w->key) != NULL) == w->must_exist;
}

static void wait_for(struct world *w, const char *key, bool must_exist)
{
	w->key = str_from(key);
	w->must_exist = must_exist;
	assert_true(sim_run_until(w->sim, is_so, w, LIMIT_MS));
}

static void create(struct world *w, const struct kind *kind, const char *namespace_,
		   const char *text)
{
	AUTO_JSON doc = json_parse(str_from(text), 1u << 20, NULL);
	struct request request = request_create(kind, str_from(namespace_),
						json_thaw(yyjson_doc_get_root(doc)));

	client_submit(w->user, &request);
}

static void test_namespace_takes_custom_objects_along(void **state)
{
	struct custom_resource *custom;
	const struct obj *namespace_;
	struct request request;
	struct world w;

	(void)state; /* the world is made anew */
	open_world(&w);
	wait_for(&w, "/registry/namespaces/default", true);
	create(&w, kind_find(STR(""), STR("v1"), STR("Namespace")), "",
	       "{\"metadata\":{\"name\":\"doomed\"}}");
	create(&w, &kind_customresourcedefinition, "", definition);
	wait_for(&w, "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.com",
		 true);
	sim_run_for(w.sim, 2000); /* established, and known to the controllers */
	custom = custom_resource_new(obj_get(store_get(w.store, w.key)->value), NULL);
	assert_non_null(custom);
	create(&w, &custom->versions[0].kind, "doomed",
	       "{\"apiVersion\":\"example.com/"
	       "v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"}}");
	wait_for(&w, THING, true);
	namespace_ = obj_get(store_get(w.store, STR("/registry/namespaces/doomed"))->value);
	request = request_delete(kind_find(STR(""), STR("v1"), STR("Namespace")), namespace_, -1,
				 "Background");
	client_submit(w.user, &request);
	wait_for(&w, THING, false);
	wait_for(&w, "/registry/namespaces/doomed", false);
	close_world(&w);
	custom_resource_unref(custom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespace_takes_custom_objects_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
