/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole operations on a registry over a memory store: "VERB KIND NAME SUBRESOURCE\nBODY", several
 * separated by a NUL. Each is answered exactly once, with an object or a refusal, and the server
 * lives on.
 */
#include "api/kind.h"
#include "apiserver/apiserver.h"
#include "base/assert.h"
#include "codec/json.h"
#include "sim/env_sim.h"
#include "store/store.h"

#define CALLS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct world {
	struct sim *sim;
	struct api_transport *transport;
	struct api_call calls[CALLS_MAX];
	size_t started, answered;
};

static void on_done(struct api_call *call, const struct obj *result, const struct err *err)
{
	struct world *w = call->owner;

	ASSERT(!result == (err != NULL));
	w->answered++;
}

static void run_one(struct world *w, struct str text)
{
	static const char *const verbs[] = { "create", "get", "update", "patch", "delete" };
	struct api_call *call = &w->calls[w->started];
	struct str head, body, verb, kind, word;
	AUTO_JSON doc = NULL;

	(void)str_cut(text, '\n', &head, &body);
	*call = (struct api_call){ .owner = w, .done = on_done, .namespace_ = STR("default") };
	if (!str_next_part(&head, ' ', &verb) || !str_next_part(&head, ' ', &kind))
		return;
	call->verb = API_GET;
	for (size_t i = 0; i < ARRAY_COUNT(verbs); i++)
		if (str_eq_c(verb, verbs[i]))
			call->verb = (enum api_verb)i;
	call->kind = kind_find_argument(kind);
	if (!call->kind || call->kind->flags & KIND_UNSERVED)
		return;
	if (!kind_is_namespaced(call->kind))
		call->namespace_ = STR_NONE;
	if (str_next_part(&head, ' ', &word))
		call->name = word;
	if (str_next_part(&head, ' ', &word))
		call->subresource = word;
	if (call->verb != API_CREATE && !call->name.len)
		return;
	doc = json_parse(body, 1u << 20, NULL);
	call->patch = doc && yyjson_is_arr(yyjson_doc_get_root(doc)) ? API_PATCH_JSON
		      : body.len % 2				     ? API_PATCH_MERGE
								     : API_PATCH_STRATEGIC;
	if (doc)
		call->body = json_thaw(yyjson_doc_get_root(doc));
	else if (call->verb != API_GET && call->verb != API_DELETE)
		return;
	w->started++;
	w->transport->ops->call(w->transport, call);
	sim_run_for(w->sim, 10);
	ASSERT(w->answered == w->started);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct world w = { .sim = sim_new(1) };
	struct env *env = sim_env(w.sim, "server");
	struct store_disk *disk = store_disk_new();
	struct apiserver_options options = { .env = env };
	struct apiserver *server;
	struct err err = { 0 };
	struct str rest = str_sub((const char *)bytes, len), part;

	if (store_open_memory(env, disk, NULL, &options.store, &err) < 0 ||
	    apiserver_new(&options, &server, &err) < 0)
		UNREACHABLE();
	apiserver_start(server, NULL, NULL);
	sim_run_for(w.sim, 100);
	w.transport = apiserver_transport(server, STR("system:test"));
	while (w.started < CALLS_MAX && str_next_part(&rest, '\0', &part))
		run_one(&w, part);
	store_close(options.store);
	apiserver_free(server);
	store_disk_free(disk);
	sim_free(w.sim);
	return 0;
}
