/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when the roles of one process could miss, repeat or reorder changes, or lose an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "api/kind.h"
#include "apiserver/apiserver.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sim/env_sim.h"
#include "store/store.h"

struct world {
	struct sim *sim;
	struct env *env;
	struct store_disk *disk;
	struct store *store;
	struct apiserver *server;
	struct api_transport *transport;
};

static void world_open(struct world *w)
{
	struct apiserver_options options = { 0 };
	struct err err = { 0 };

	*w = (struct world){ .sim = sim_new(7) };
	w->env = sim_env(w->sim, "server");
	w->disk = store_disk_new();
	assert_int_equal(store_open_memory(w->env, w->disk, NULL, &w->store, &err), 0);
	options.env = w->env;
	options.store = w->store;
	assert_int_equal(apiserver_new(&options, &w->server, &err), 0);
	apiserver_start(w->server, NULL, NULL);
	sim_run_for(w->sim, 1000);
	assert_true(apiserver_is_ready(w->server));
	w->transport = apiserver_transport(w->server, STR("system:test"));
}

static void world_close(struct world *w)
{
	store_close(w->store);
	apiserver_free(w->server);
	store_disk_free(w->disk);
	sim_free(w->sim);
}

struct call {
	struct api_call call;
	bool done;
	enum err_code code;
	char message[ERR_MSG_BYTES];
	const struct obj *result;
};

static void on_done(struct api_call *api_call, const struct obj *result, const struct err *err)
{
	struct call *c = api_call->owner;

	assert_false(c->done);
	c->done = true;
	c->result = result ? obj_ref(result) : NULL;
	if (err) {
		c->code = err->code;
		snprintf(c->message, sizeof(c->message), "%s", err->msg);
	}
}

static yyjson_mut_doc *json(const char *text)
{
	struct err err = { 0 };
	AUTO_JSON doc = json_parse(str_from(text), SIZE_MAX, &err);

	assert_non_null(doc);
	return json_thaw(yyjson_doc_get_root(doc));
}

static void start(struct world *w, struct call *c, enum api_verb verb, const char *kind,
		  const char *name, const char *body)
{
	*c = (struct call){ 0 };
	c->call = (struct api_call){
		.verb = verb,
		.kind = kind_find_argument(str_from(kind)),
		.namespace_ = STR("default"),
		.name = str_from(name),
		.body = body ? json(body) : NULL,
		.done = on_done,
		.owner = c,
		.patch = API_PATCH_MERGE,
	};
	assert_non_null(c->call.kind);
	if (!kind_is_namespaced(c->call.kind))
		c->call.namespace_ = STR_NONE;
	w->transport->ops->call(w->transport, &c->call);
	assert_false(c->done); /* never inside the call */
}

static const struct obj *run(struct world *w, enum api_verb verb, const char *kind,
			     const char *name, const char *body)
{
	struct call c;

	start(w, &c, verb, kind, name, body);
	sim_run_for(w->sim, 100);
	assert_true(c.done);
	if (!c.result)
		print_message("%s\n", c.message);
	assert_non_null(c.result);
	return c.result;
}

struct seen {
	struct api_watch watch;
	char text[4096];
	int64_t last;
	struct world *w;
	struct call again; /* writes from inside an event */
	bool writes;
};

static void on_event(struct api_watch *watch, const struct api_event *event)
{
	static const char *const names[] = { "ADDED", "MODIFIED", "DELETED", "SYNCED", "PROGRESS" };
	struct seen *s = watch->owner;
	size_t len = strlen(s->text);

	assert_true(event->type == API_EVENT_ADDED || event->revision >= s->last);
	s->last = event->revision;
	if (event->type == API_EVENT_PROGRESS)
		return;
	if (event->type == API_EVENT_DELETED)
		assert_int_equal(event->obj->resource_version, event->revision);
	snprintf(s->text + len, sizeof(s->text) - len, "%s" STR_FMT " ", names[event->type],
		 STR_ARG(event->obj ? event->obj->name : STR("")));
	if (s->writes && event->type == API_EVENT_ADDED) {
		s->writes = false;
		start(s->w, &s->again, API_CREATE, "configmap", "",
		      "{\"metadata\":{\"name\":\"from-event\"}}");
	}
}

static void watch(struct world *w, struct seen *s, const char *kind, const char *labels)
{
	*s = (struct seen){ .w = w };
	s->watch = (struct api_watch){ .kind = kind_find_argument(str_from(kind)),
				       .label_selector = str_from(labels),
				       .on_event = on_event,
				       .owner = s };
	w->transport->ops->watch_start(w->transport, &s->watch);
	assert_string_equal(s->text, "");
}

static void test_calls(void **state)
{
	struct world w;
	const struct obj *a, *b;
	struct call c, d;

	world_open(&w);
	a = run(&w, API_CREATE, "configmap", "",
		"{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}");
	assert_true(a->uid.len == 36 && a->resource_version > 0);
	assert_true(str_eq_c(a->namespace_, "default"));
	start(&w, &c, API_CREATE, "configmap", "", "{\"metadata\":{\"name\":\"a\"}}");
	sim_run_for(w.sim, 100);
	assert_int_equal(c.code, ERR_EXISTS);
	assert_string_equal(c.message, "configmaps \"a\" already exists");
	b = run(&w, API_GET, "configmap", "a", NULL);
	assert_ptr_equal(a, b); /* shared, not copied */
	obj_unref(b);
	/* a patch that changes nothing writes nothing */
	b = run(&w, API_PATCH, "configmap", "a", "{\"data\":{\"k\":\"v\"}}");
	assert_int_equal(b->resource_version, a->resource_version);
	obj_unref(b);
	/* two patches in one turn both apply: the second meets the first, though it is not durable
	 * yet */
	start(&w, &c, API_PATCH, "configmap", "a", "{\"data\":{\"x\":\"1\"}}");
	start(&w, &d, API_PATCH, "configmap", "a", "{\"data\":{\"y\":\"2\"}}");
	sim_run_for(w.sim, 100);
	assert_true(d.result && str_eq_c(json_get_str(d.result->root, "data.x"), "1"));
	assert_true(str_eq_c(json_get_str(d.result->root, "data.y"), "2"));
	obj_unref(c.result);
	obj_unref(d.result);
	obj_unref(a);
	/* a delete answers with the last state */
	b = run(&w, API_DELETE, "configmap", "a", NULL);
	assert_true(str_eq_c(b->name, "a"));
	obj_unref(b);
	start(&w, &c, API_DELETE, "configmap", "a", NULL);
	sim_run_for(w.sim, 100);
	assert_int_equal(c.code, ERR_NOT_FOUND);
	world_close(&w);
}

static void test_watches(void **state)
{
	struct world w;
	struct seen all, some;

	world_open(&w);
	obj_unref(run(&w, API_CREATE, "configmap", "",
		      "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"1\"}}}"));
	watch(&w, &all, "configmaps", "");
	watch(&w, &some, "configmaps", "x=1");
	all.writes = true;
	sim_run_for(w.sim, 100);
	assert_string_equal(all.text, "ADDEDa SYNCED ADDEDfrom-event ");
	assert_string_equal(some.text, "ADDEDa SYNCED ");
	obj_unref(all.again.result);
	obj_unref(run(&w, API_CREATE, "configmap", "", "{\"metadata\":{\"name\":\"b\"}}"));
	obj_unref(
		run(&w, API_PATCH, "configmap", "b", "{\"metadata\":{\"labels\":{\"x\":\"1\"}}}"));
	obj_unref(run(&w, API_PATCH, "configmap", "b", "{\"data\":{\"k\":\"v\"}}"));
	obj_unref(run(&w, API_PATCH, "configmap", "b", "{\"metadata\":{\"labels\":{\"x\":null}}}"));
	obj_unref(run(&w, API_DELETE, "configmap", "a", NULL));
	obj_unref(run(&w, API_DELETE, "configmap", "b", NULL));
	assert_string_equal(all.text, "ADDEDa SYNCED ADDEDfrom-event ADDEDb MODIFIEDb MODIFIEDb "
				      "MODIFIEDb DELETEDa DELETEDb ");
	assert_string_equal(some.text, "ADDEDa SYNCED ADDEDb MODIFIEDb DELETEDb DELETEDa ");
	assert_int_equal(w.transport->ops->revision(w.transport), store_revision(w.store));
	assert_int_equal(some.last, all.last); /* what was not for it is told as progress */
	w.transport->ops->watch_stop(w.transport, &some.watch);
	obj_unref(run(&w, API_CREATE, "configmap", "",
		      "{\"metadata\":{\"name\":\"c\",\"labels\":{\"x\":\"1\"}}}"));
	assert_null(strstr(some.text, "ADDEDc"));
	w.transport->ops->watch_stop(w.transport, &all.watch);
	world_close(&w);
}

#define LONG_COUNT 12
#define LONG_BYTES (300u << 10) /* a part each */

static bool has_begun(void *arg)
{
	return ((struct seen *)arg)->text[0] != '\0';
}

/* A start is told in parts; what is written meanwhile comes behind it, nothing twice or too late. */
static void test_long_start(void **state)
{
	struct world w;
	struct seen all;
	struct call change, removal;
	char *body = mem_alloc(LONG_BYTES + 100), name[16];
	char *fill = mem_alloc(LONG_BYTES);

	memset(fill, 'x', LONG_BYTES);
	world_open(&w);
	for (int i = 0; i < LONG_COUNT; i++) {
		snprintf(name, sizeof(name), "long-%c", 'a' + i);
		snprintf(body, LONG_BYTES + 100,
			 "{\"metadata\":{\"name\":\"%s\"},\"data\":{\"k\":\"%.*s\"}}", name,
			 (int)LONG_BYTES, fill);
		obj_unref(run(&w, API_CREATE, "configmap", "", body));
		snprintf(body, LONG_BYTES, "/registry/configmaps/default/%s", name);
		blob_forget(store_get(w.store, str_from(body))->value);
	}
	sim_set_work_delay(w.sim, 0);
	watch(&w, &all, "configmaps", "");
	assert_true(sim_run_until(w.sim, has_begun, &all, 1000));
	assert_string_equal(all.text, "ADDEDlong-a ");
	start(&w, &change, API_PATCH, "configmap", "long-a", "{\"data\":{\"k\":\"v\"}}");
	start(&w, &removal, API_DELETE, "configmap", "long-l", NULL);
	sim_run_for(w.sim, 100);
	assert_string_equal(all.text, "ADDEDlong-a ADDEDlong-b ADDEDlong-c ADDEDlong-d ADDEDlong-e "
				      "ADDEDlong-f ADDEDlong-g ADDEDlong-h ADDEDlong-i ADDEDlong-j "
				      "ADDEDlong-k ADDEDlong-l MODIFIEDlong-a DELETEDlong-l "
				      "SYNCED ");
	assert_int_equal(w.transport->ops->revision(w.transport), all.last);
	obj_unref(change.result);
	obj_unref(removal.result);
	/* Who stops in the middle is told no more. */
	w.transport->ops->watch_stop(w.transport, &all.watch);
	watch(&w, &all, "configmaps", "");
	assert_true(sim_run_until(w.sim, has_begun, &all, 1000));
	w.transport->ops->watch_stop(w.transport, &all.watch);
	start(&w, &removal, API_DELETE, "configmap", "long-k", NULL);
	sim_run_for(w.sim, 100);
	assert_null(strstr(all.text, "SYNCED"));
	obj_unref(removal.result);
	world_close(&w);
	mem_free(body);
	mem_free(fill);
}

static void test_bootstrap(void **state)
{
	struct world w;
	const struct obj *service, *range;

	world_open(&w);
	service = run(&w, API_GET, "service", "kubernetes", NULL);
	assert_true(str_eq_c(json_get_str(service->root, "spec.clusterIP"), "10.96.0.1"));
	obj_unref(service);
	obj_unref(run(&w, API_GET, "namespace", "kube-node-lease", NULL));
	range = run(&w, API_GET, "servicecidr", "kubernetes", NULL);
	assert_true(str_eq_c(json_get_str(range->root, "spec.cidrs.0"), "10.96.0.0/12"));
	assert_true(str_eq_c(json_get_str(range->root, "status.conditions.0.type"), "Ready"));
	obj_unref(range);
	world_close(&w);
}

/* A crash while a call is in flight: nobody is told, nothing leaks (the sanitizer says so). */
static void test_crash(void **state)
{
	struct world w;
	struct call c;

	world_open(&w);
	start(&w, &c, API_CREATE, "configmap", "", "{\"metadata\":{\"name\":\"a\"}}");
	sim_crash(w.sim, w.env);
	store_abandon(w.store);
	apiserver_free(w.server);
	store_disk_free(w.disk);
	sim_free(w.sim);
	assert_false(c.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bootstrap),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_watches),
		cmocka_unit_test(test_long_start),
		cmocka_unit_test(test_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
