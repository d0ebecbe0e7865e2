/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a large store keeps the trees of all its objects, or loses one that somebody is using. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "api/obj.h"
#include "apiserver/form_sweep.h"
#include "apiserver/limits.h"
#include "base/mem.h"
#include "sim/env_sim.h"

struct world {
	struct sim *sim;
	struct store_disk *disk;
	struct store *store;
	struct form_sweep sweep;
	int text_bytes; /* of each object that is written */
};

static void world_open(struct world *w, int text_bytes)
{
	struct err err = { 0 };

	*w = (struct world){ .sim = sim_new(3), .text_bytes = text_bytes };
	w->disk = store_disk_new();
	assert_int_equal(store_open_memory(sim_env(w->sim, "server"), w->disk, NULL, &w->store, &err), 0);
	form_sweep_start(&w->sweep, sim_env(w->sim, "server"), w->store);
}

static void world_close(struct world *w)
{
	form_sweep_stop(&w->sweep);
	store_close(w->store);
	store_disk_free(w->disk);
	sim_free(w->sim);
}

struct put {
	struct store_write write;
	struct store_op op;
	struct str text;
};

static struct blob *encode(struct store_op *op, int64_t revision, struct err *err)
{
	return blob_new(((struct put *)op->owner)->text);
}

static void done(struct store_write *write, int64_t revision, struct err *err)
{
	assert_null(err);
}

/* Written, and its tree made, as the roles of the process do with each object. */
static struct blob *put(struct world *w, int number)
{
	AUTO_FREE char *text = mem_printf("{\"metadata\":{\"name\":\"%d\"},\"data\":{\"text\":\"%*d\"}}", number,
					  w->text_bytes, number);
	AUTO_FREE char *key = mem_printf("/registry/configmaps/%d", number);
	struct put p = { .text = str_from(text) };
	struct blob *object;

	p.op = (struct store_op){ .type = STORE_PUT,
				  .key = str_from(key),
				  .expected_revision = STORE_REVISION_ANY,
				  .encode = encode,
				  .owner = &p };
	p.write = (struct store_write){ .ops = &p.op, .op_count = 1, .done = done };
	store_submit(w->store, &p.write);
	assert_true(sim_settle(w->sim, 1000));
	object = store_get(w->store, str_from(key))->value;
	assert_non_null(obj_of(object, NULL));
	return object;
}

static void test_written(void **state)
{
	/* Would break: trees pile up while much is written. */
	struct blob *first, *held;
	const struct obj *holder;
	struct world w;

	world_open(&w, 20000);
	first = put(&w, 0);
	held = put(&w, 1);
	holder = obj_ref(obj_get(held));
	for (int i = 2; (size_t)i * 20100 < FORM_SWEEP_WRITTEN_BYTES_MAX; i++)
		assert_non_null(put(&w, i)->parsed);
	assert_non_null(first->parsed);
	for (int i = 0; i < 10; i++)
		put(&w, 10000 + i);
	assert_null(first->parsed);
	assert_ptr_equal(held->parsed, holder);
	assert_true(str_eq_c(obj_get(first)->name, "0")); /* it comes back at need */
	obj_unref(holder);
	world_close(&w);
}

static void test_rounds(void **state)
{
	/* Would break: what was looked at once stays for ever, or what is used all the time is parsed all the time. */
	struct blob *idle, *used, *held;
	const struct obj *holder;
	struct world w;

	world_open(&w, 2000);
	idle = put(&w, 0);
	used = put(&w, 1);
	held = put(&w, 2);
	holder = obj_ref(obj_get(held));
	for (int i = 3; i < FORM_SWEEP_LEFT_MAX + 10; i++)
		put(&w, i); /* so many that rounds go on until they are done with */
	form_sweep_note(&w.sweep, FORM_SWEEP_NOTED_BYTES);
	for (int i = 0; i < 30; i++) {
		(void)obj_get(used);
		sim_run_for(w.sim, FORM_SWEEP_DELAY_MS / 3);
	}
	assert_null(idle->parsed);
	assert_non_null(used->parsed);
	assert_ptr_equal(held->parsed, holder);
	obj_unref(holder);
	/* Nothing more happens, not even a timer. */
	sim_run_for(w.sim, 4 * FORM_SWEEP_DELAY_MS);
	assert_false(timer_is_running(&w.sweep.timer));
	world_close(&w);
}

static void test_little(void **state)
{
	/* Would break: a small store wakes up for nothing. */
	struct world w;

	world_open(&w, 2000);
	put(&w, 0);
	assert_false(timer_is_running(&w.sweep.timer));
	world_close(&w);
}

static void test_superseded(void **state)
{
	/* Would break: the history keeps trees that nobody looks at. */
	struct blob *before;
	struct world w;

	world_open(&w, 2000);
	before = blob_ref(put(&w, 0));
	put(&w, 0);
	assert_null(before->parsed);
	blob_unref(before);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_little),
		cmocka_unit_test(test_superseded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
