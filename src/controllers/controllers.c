/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of controllers and what brings a row to life. Informers are shared through the client,
 * so a kind that ten controllers watch is cached once.
 */
#include "controllers/controllers.h"

#include "base/assert.h"
#include "base/mem.h"
#include "controllers/controller.h"

static const struct controller_type *const controller_types[] = {
	&controller_namespace,
	&controller_serviceaccount,
	&controller_root_ca,
	&controller_daemonset,
	&controller_deployment,
	&controller_replicaset,
	&controller_replication,
	&controller_endpoints,
	&controller_endpointslice,
	&controller_endpointslice_mirror,
	&controller_garbage,
	&controller_node_cidr,
	&controller_node_lifecycle,
	&controller_taint_eviction,
	&controller_pod_garbage,
	&controller_role_aggregation,
	&controller_certificate,
	&controller_quota,
	&controller_account_token,
	&controller_token_cleaner,
	&controller_bootstrap_signer,
	&controller_policy_status,
	&controller_claim_protection,
	&controller_volume_protection,
	&controller_service_cidr,
	&controller_disruption,
	&controller_legacy_token,
};

struct controllers {
	struct controllers_options options;
	struct controller *items[ARRAY_COUNT(controller_types)];
	size_t count;
};

/* The first word about a name counts, "*" when there is none. */
static bool is_chosen(const struct str_list *chosen, const char *name)
{
	bool others = chosen->count == 0;

	for (size_t i = 0; i < chosen->count; i++) {
		struct str word = chosen->items[i];

		if (str_eq_c(word, name))
			return true;
		if (word.len && word.ptr[0] == '-' && str_eq_c(str_slice(word, 1, word.len), name))
			return false;
		others |= str_eq(word, STR("*"));
	}
	return others;
}

int controllers_check_names(const struct str_list *chosen, struct err *err)
{
	for (size_t i = 0; i < chosen->count; i++) {
		struct str name = chosen->items[i];
		size_t row = 0;

		if (str_eq(name, STR("*")))
			continue;
		if (name.len && name.ptr[0] == '-')
			name = str_slice(name, 1, name.len);
		while (row < ARRAY_COUNT(controller_types) &&
		       !str_eq_c(name, controller_types[row]->name))
			row++;
		if (row == ARRAY_COUNT(controller_types))
			return err_set(err, ERR_INVALID,
				       "\"" STR_FMT "\" is not in the list of known controllers",
				       STR_ARG(name));
	}
	return 0;
}

static void change_told(struct informer_handler *handler, const struct obj *old,
			const struct obj *new_)
{
	struct controller_handler *h = CONTAINER_OF(handler, struct controller_handler, handler);

	h->watch->changed(h->controller, old, new_);
}

static enum reconcile_result reconcile(struct queue *queue, struct key key, struct err *err)
{
	struct controller *c = queue->owner;

	return c->type->reconcile(c, key, err);
}

static struct controller *controller_new(const struct controllers_options *options,
					 const struct controller_type *type)
{
	struct controller *c = mem_zalloc(type->state_bytes ? type->state_bytes
							    : sizeof(struct controller));

	c->type = type;
	c->options = options;
	c->env = options->env;
	c->client = options->client;
	c->recorder = recorder_new(c->client, str_from(type->component), STR_NONE);
	queue_init(&c->queue, c->env, type->name, reconcile, c);
	for (const struct controller_watch *w = type->watches; w->kind; w++) {
		size_t i = c->watch_count++;

		ASSERT(i < CONTROLLER_WATCHES_MAX);
		c->informers[i] = client_informer(c->client, w->kind, NULL);
		if (w->index)
			c->indexes[i] = informer_add_index(c->informers[i], w->index);
		if (w->index2)
			c->indexes2[i] = informer_add_index(c->informers[i], w->index2);
		queue_need(&c->queue, c->informers[i]);
	}
	return c;
}

static void controller_start(struct controller *c)
{
	if (c->type->start)
		c->type->start(c);
	for (size_t i = 0; i < c->watch_count; i++) {
		struct controller_handler *h = &c->handlers[i];

		if (!c->type->watches[i].changed)
			continue;
		h->handler.on_change = change_told;
		h->controller = c;
		h->watch = &c->type->watches[i];
		informer_add_handler(c->informers[i], &h->handler);
	}
	queue_start(&c->queue);
}

static void controller_free(struct controller *c)
{
	for (size_t i = 0; i < c->watch_count; i++)
		if (c->handlers[i].controller)
			informer_remove_handler(c->informers[i], &c->handlers[i].handler);
	if (c->type->stop)
		c->type->stop(c);
	client_forget_owner(c->client, c);
	queue_deinit(&c->queue, c->client);
	recorder_free(c->recorder);
	mem_free(c);
}

struct controllers *controllers_new(const struct controllers_options *options)
{
	struct controllers *cs = NEW(struct controllers);

	cs->options = *options;
	for (size_t i = 0; i < ARRAY_COUNT(controller_types); i++)
		if (is_chosen(&options->chosen, controller_types[i]->name))
			cs->items[cs->count++] = controller_new(&cs->options, controller_types[i]);
	return cs;
}

void controllers_start(struct controllers *controllers)
{
	for (size_t i = 0; i < controllers->count; i++)
		controller_start(controllers->items[i]);
}

void controllers_free(struct controllers *controllers)
{
	if (!controllers)
		return;
	for (size_t i = 0; i < controllers->count; i++)
		controller_free(controllers->items[i]);
	mem_free(controllers);
}

static const struct queue *next_queue(void *arg, size_t *cursor)
{
	const struct controllers *controllers = arg;

	return *cursor < controllers->count ? &controllers->items[(*cursor)++]->queue : NULL;
}

void controllers_write_metrics(struct controllers *controllers, struct buf *to)
{
	queues_write_metrics(next_queue, controllers, to);
}

void controllers_each(void (*fn)(void *arg, const char *name, const char *summary), void *arg)
{
	for (size_t i = 0; i < ARRAY_COUNT(controller_types); i++)
		fn(arg, controller_types[i]->name, controller_types[i]->summary);
}

void controller_submit(struct controller *controller, struct str key, struct request request)
{
	struct request tracked = request_tracked(request, &controller->queue, key);

	client_submit(controller->client, &tracked);
}

yyjson_mut_val *status_patch_new(yyjson_mut_doc **ret_doc)
{
	*ret_doc = json_new_object();
	return json_set_object(*ret_doc, yyjson_mut_doc_get_root(*ret_doc), "status");
}

void controller_submit_status(struct controller *controller, struct str key,
			      const struct kind *kind, const struct obj *obj, yyjson_mut_doc *patch)
{
	struct request r = request_patch(kind, obj, API_PATCH_MERGE, patch);

	r.subresource = STR("status");
	r.missing_is_fine = true;
	controller_submit(controller, key, r);
}
