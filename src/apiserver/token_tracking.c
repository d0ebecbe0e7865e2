/* SPDX-License-Identifier: Apache-2.0 */
/* Made when it is missing, at most every half hour: servers of one cluster that disagree whether it
 * is to be there must not fight over it. */
#include "apiserver/token_tracking.h"

#include <stdio.h>
#include "apiserver/registry.h"
#include "base/log.h"
#include "base/time.h"

#define NAMESPACE STR("kube-system")
#define NAME STR("kube-apiserver-legacy-service-account-token-tracking")
#define MAKE_MS (30 * 60 * 1000)
#define DAY_BYTES (sizeof("2006-01-02") - 1)

static bool is_day(struct str text)
{
	char whole[TIME_TEXT_BYTES];
	int64_t unused;

	if (text.len != DAY_BYTES)
		return false;
	snprintf(whole, sizeof(whole), STR_FMT "T00:00:00Z", STR_ARG(text));
	return time_parse(str_from(whole), &unused, NULL) == 0;
}

static void submit(struct token_tracking *t, const struct obj *have)
{
	struct operation op = { .kind = &kind_configmap,
				.verb = have ? OPERATION_UPDATE : OPERATION_CREATE,
				.namespace_ = NAMESPACE };
	yyjson_mut_doc *doc = have ? json_thaw(have->root) : json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	char now[TIME_TEXT_BYTES];

	if (have)
		op.name = NAME;
	json_set_str(doc, json_ensure_object(doc, root, "metadata"), "name", NAME);
	time_format(env_wall_ns(t->registry->env), now);
	json_set_str(doc, json_ensure_object(doc, root, "data"), "since", str_sub(now, DAY_BYTES));
	op.body = doc;
	own_writes_submit(&t->writes, &op);
}

static void look(struct token_tracking *t)
{
	const struct obj *have = registry_get(t->registry, &kind_configmap, NAMESPACE, NAME);
	int64_t now_ns = env_mono_ns(t->registry->env);
	int64_t wait_ms = t->made_ns ? MAKE_MS - (now_ns - t->made_ns) / TIME_NS_PER_MS : 0;

	if (!list_is_empty(&t->writes.list))
		return; /* its event brings us here again */
	if (have) {
		if (!is_day(json_get_str(have->root, "data.since")))
			submit(t, have);
	} else if (wait_ms > 0) {
		timer_start_slack(&t->again, wait_ms, 1000);
	} else {
		t->made_ns = now_ns;
		submit(t, NULL);
	}
}

static void on_look(struct task *task)
{
	look(CONTAINER_OF(task, struct token_tracking, look));
}

static void on_again(struct timer *timer)
{
	look(CONTAINER_OF(timer, struct token_tracking, again));
}

static void look_soon(struct token_tracking *t)
{
	env_defer(t->registry->env, &t->look);
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	(void)event; /* what is there now is looked at */
	look_soon(CONTAINER_OF(watcher, struct token_tracking, watcher));
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	(void)watcher;
	/* never paused, so only the store's own end can end it */
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of the tokens' tracking ended: %s", err->msg);
}

void token_tracking_start(struct token_tracking *t)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	own_writes_init(&t->writes, t->registry);
	task_init(&t->look, on_look);
	timer_init(&t->again, t->registry->env, on_again);
	t->watcher = (struct store_watcher){ .event = on_event, .end = on_end };
	store_watch(t->registry->store, &t->watcher,
		    registry_key(t->registry, &arena, &kind_configmap, NAMESPACE, NAME), true,
		    store_revision(t->registry->store));
	t->is_started = true;
	look(t);
}

void token_tracking_deinit(struct token_tracking *t)
{
	if (!t->is_started)
		return;
	timer_stop(&t->again);
	env_cancel(t->registry->env, &t->look);
	own_writes_deinit(&t->writes);
	t->is_started = false;
}
