/* SPDX-License-Identifier: Apache-2.0 */
/* Informers: what the cache and its indexes hold after changes, and what handlers are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "api/kind.h"
#include "client/informer.h"
#include "codec/json.h"
#include "sim/env_sim.h"
#include "unit/client/fake_transport.h"

#define POD(name, uid, revision, node)                                             \
	"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name "\",\"uid\":\"" uid \
	"\",\"resourceVersion\":\"" #revision "\"},\"spec\":{\"nodeName\":\"" node "\"}}"

static const struct kind kind_thing = { .name = STR_INIT("Thing"), .flags = KIND_NAMESPACED };

struct world {
	struct sim *sim;
	struct fake fake;
	struct client *client;
	struct informer *informer;
	struct informer_index *by_node;
	struct informer_handler handler;
	char told[256];
	size_t told_len;
};

static void changed(struct informer_handler *handler, const struct obj *old, const struct obj *new_)
{
	struct world *w = handler->owner;

	w->told_len += (size_t)snprintf(w->told + w->told_len, sizeof(w->told) - w->told_len,
					"%s" STR_FMT " ",
					!old	? "+"
					: !new_ ? "-"
						: "~",
					STR_ARG((new_ ? new_ : old)->name));
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->sim = sim_new(1);
	fake_init(&w->fake);
	w->client = client_new(sim_env(w->sim, "test"), &w->fake.transport, STR("test"));
	w->informer = client_informer(w->client, &kind_thing, NULL);
	w->by_node = informer_add_index(w->informer, index_by_node_name);
	w->handler = (struct informer_handler){ .on_change = changed, .owner = w };
	informer_add_handler(w->informer, &w->handler);
	assert_true(sim_settle(w->sim, 100));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	client_free(w->client);
	sim_free(w->sim);
	free(w);
	return 0;
}

static size_t on_node(struct world *w, const char *node)
{
	return index_lookup(w->by_node, str_from(node)).count;
}

/* An index that keeps what has moved sends pods to nodes that do not have them. */
static void indexes_follow(void **state)
{
	struct world *w = *state;

	fake_event(&w->fake, API_EVENT_ADDED, POD("a", "1", 1, "n1"), 1);
	fake_event(&w->fake, API_EVENT_ADDED, POD("b", "2", 2, "n1"), 2);
	fake_event(&w->fake, API_EVENT_ADDED, POD("c", "3", 3, "n2"), 3);
	assert_int_equal(on_node(w, "n1"), 2);
	assert_int_equal(on_node(w, "n2"), 1);
	fake_event(&w->fake, API_EVENT_MODIFIED, POD("a", "1", 4, "n2"), 4);
	assert_int_equal(on_node(w, "n1"), 1);
	assert_int_equal(on_node(w, "n2"), 2);
	fake_event(&w->fake, API_EVENT_DELETED, POD("c", "3", 5, "n2"), 5);
	assert_int_equal(on_node(w, "n2"), 1);
	assert_int_equal(informer_count(w->informer), 2);
	fake_event(&w->fake, API_EVENT_DELETED, POD("a", "1", 6, "n2"), 6);
	fake_event(&w->fake, API_EVENT_DELETED, POD("b", "2", 7, "n1"), 7);
	assert_int_equal(on_node(w, "n1") + on_node(w, "n2") + informer_count(w->informer), 0);
	assert_string_equal(w->told, "+a +b +c ~a -c -a -b ");
}

/* After a gap the transport repeats what is there: nobody should be told of what has not changed.
 */
static void repeated_state_is_no_change(void **state)
{
	struct world *w = *state;

	fake_event(&w->fake, API_EVENT_ADDED, POD("a", "1", 1, "n1"), 1);
	fake_event(&w->fake, API_EVENT_ADDED, POD("a", "1", 1, "n1"), 1);
	assert_string_equal(w->told, "+a ");
}

/* An object deleted and made again unseen is another one: its owner must hear of both. */
static void another_uid_is_another_object(void **state)
{
	struct world *w = *state;

	fake_event(&w->fake, API_EVENT_ADDED, POD("a", "1", 1, "n1"), 1);
	fake_event(&w->fake, API_EVENT_MODIFIED, POD("a", "2", 2, "n1"), 2);
	assert_string_equal(w->told, "+a -a +a ");
}

static void count_wait(struct revision_wait *wait)
{
	wait->revision = -1;
}

/* Who waits for a revision is woken when it has been reached, in whatever order waits began. */
static void revisions(void **state)
{
	struct world *w = *state;
	struct revision_wait late = { .fn = count_wait }, soon = { .fn = count_wait };

	informer_wait(w->informer, &late, 9);
	informer_wait(w->informer, &soon, 5);
	assert_false(informer_is_synced(w->informer));
	fake_event(&w->fake, API_EVENT_SYNCED, NULL, 5);
	assert_true(informer_is_synced(w->informer));
	assert_int_equal(informer_revision(w->informer), 5);
	assert_int_equal(soon.revision, -1);
	assert_int_equal(late.revision, 9);
	fake_event(&w->fake, API_EVENT_PROGRESS, NULL, 10);
	assert_int_equal(late.revision, -1);
}

/* Two roles that watch the same share one cache; a late handler is told of what is there. */
static void shared(void **state)
{
	struct world *w = *state;
	struct informer_handler late = { .on_change = changed, .owner = w };

	fake_event(&w->fake, API_EVENT_ADDED, POD("a", "1", 1, "n1"), 1);
	assert_ptr_equal(client_informer(w->client, &kind_thing, NULL), w->informer);
	assert_ptr_equal(informer_add_index(w->informer, index_by_node_name), w->by_node);
	informer_add_handler(w->informer, &late);
	assert_string_equal(w->told, "+a +a ");
	informer_remove_handler(w->informer, &late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(indexes_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(repeated_state_is_no_change, setup, teardown),
		cmocka_unit_test_setup_teardown(another_uid_is_another_object, setup, teardown),
		cmocka_unit_test_setup_teardown(revisions, setup, teardown),
		cmocka_unit_test_setup_teardown(shared, setup, teardown),
	};

	return cmocka_run_group_tests_name("client/informer", tests, NULL, NULL);
}
