/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connections share: buffers, and the loop. However much there is to send and whoever shakes hands, others wait a
 * millisecond or so: a connection that has sent its part goes to the end of the waiting list, and a turn of the loop
 * spends no more than a certain cost on what stands there.
 */
#include <errno.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/conn_internal.h"

/* Costs are counted in bytes to encrypt and send, of which a millisecond does some two million. */
#define TURN_BYTES_MAX (256u << 10) /* sent by one connection before others get their turn */
#define LOOP_COST_MAX (1u << 20)    /* in one turn of the loop, of what may wait */
#define TURN_COST (4u << 10)        /* of a connection's turn, beside the bytes */

static int bio_read(BIO *bio, char *to, size_t to_bytes, size_t *ret_bytes)
{
	struct conn *c = BIO_get_data(bio);
	ssize_t n = recv(c->fd, to, to_bytes, 0);

	BIO_clear_retry_flags(bio);
	*ret_bytes = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return 1;
	if (n == 0)
		c->bio_eof = true;
	else if (errno == EAGAIN || errno == EINTR)
		BIO_set_retry_read(bio);
	return 0;
}

static int bio_write(BIO *bio, const char *from, size_t from_bytes, size_t *ret_bytes)
{
	struct conn *c = BIO_get_data(bio);
	struct conn_pool *pool = c->pool;

	BIO_clear_retry_flags(bio);
	*ret_bytes = NUM_MIN(from_bytes, (size_t)CONN_WIRE_BYTES);
	if (CONN_WIRE_BYTES - pool->wire_bytes < *ret_bytes)
		conn_send_wire(c);
	memcpy(pool->wire + pool->wire_bytes, from, *ret_bytes);
	pool->wire_bytes += *ret_bytes;
	return 1;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
	struct conn *c = BIO_get_data(bio);

	if (what == BIO_CTRL_EOF)
		return c->bio_eof;
	return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP;
}

/* As many as the turn of the loop has left. */
static void run_some(struct conn_pool *pool, struct list *links)
{
	struct list *node;

	while (pool->cost < LOOP_COST_MAX && (node = list_pop_front(links))) {
		pool->cost += TURN_COST;
		conn_turn(LIST_ENTRY(node, struct conn, dirty_link));
	}
}

static void run_dirty(struct task *task)
{
	struct conn_pool *pool = CONTAINER_OF(task, struct conn_pool, task);
	struct list dirty, begun, waiting;

	/* What becomes dirty meanwhile waits for the next turn of the loop. */
	list_init(&dirty);
	list_init(&begun);
	list_init(&waiting);
	list_splice_front(&dirty, &pool->dirty);
	list_splice_front(&begun, &pool->begun);
	list_splice_front(&waiting, &pool->waiting);
	pool->turn_number++;
	pool->cost = 0;
	run_some(pool, &dirty);
	pool->cost /= 2; /* so that a crowd with little to send does not stop those with much */
	run_some(pool, &begun);
	run_some(pool, &waiting);
	list_splice_front(&pool->dirty, &dirty);
	list_splice_front(&pool->begun, &begun);
	list_splice_front(&pool->waiting, &waiting);
	if (!list_is_empty(&pool->dirty) || !list_is_empty(&pool->begun) || !list_is_empty(&pool->waiting))
		env_defer(pool->env, &pool->task);
}

struct conn_pool *conn_pool_new(struct env *env)
{
	struct conn_pool *pool = NEW(struct conn_pool);

	pool->env = env;
	pool->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "conn");
	ASSERT(pool->bio);
	BIO_meth_set_read_ex(pool->bio, bio_read);
	BIO_meth_set_write_ex(pool->bio, bio_write);
	BIO_meth_set_ctrl(pool->bio, bio_ctrl);
	pool->read_bytes = mem_alloc(CONN_READ_BYTES);
	pool->gather = mem_alloc(CONN_RECORD_BYTES);
	pool->wire = mem_alloc(CONN_WIRE_BYTES);
	list_init(&pool->dirty);
	list_init(&pool->begun);
	list_init(&pool->waiting);
	list_init(&pool->all);
	task_init(&pool->task, run_dirty);
	return pool;
}

void conn_pool_free(struct conn_pool *pool)
{
	struct list *node;

	if (!pool)
		return;
	while ((node = list_first(&pool->all)))
		conn_close(LIST_ENTRY(node, struct conn, all_link));
	env_cancel(pool->env, &pool->task);
	BIO_meth_free(pool->bio);
	mem_free(pool->read_bytes);
	mem_free(pool->gather);
	mem_free(pool->wire);
	mem_free(pool);
}

size_t conn_bytes_left(struct conn *c)
{
	if (c->turn_number != c->pool->turn_number) {
		c->turn_number = c->pool->turn_number;
		c->turn_bytes = 0;
	}
	return TURN_BYTES_MAX - NUM_MIN(c->turn_bytes, TURN_BYTES_MAX);
}

void conn_charge(struct conn *c, size_t bytes)
{
	(void)conn_bytes_left(c); /* makes turn_bytes those of this turn */
	c->turn_bytes += (uint32_t)NUM_MIN(bytes, (size_t)TURN_BYTES_MAX);
	c->pool->cost += bytes;
}

static void wait_in(struct conn *c, struct list *where)
{
	if (c->dead || c->depth > 0 || list_is_linked(&c->dirty_link))
		return; /* a turn that is running looks at everything again before it ends */
	list_push_back(where, &c->dirty_link);
	env_defer(c->pool->env, &c->pool->task);
}

void conn_mark_dirty(struct conn *c)
{
	wait_in(c, conn_bytes_left(c) > 0 ? &c->pool->dirty : &c->pool->waiting);
}

void conn_wait(struct conn *c)
{
	/* Half of a handshake holds the most memory: it is finished before another one is begun. */
	wait_in(c, c->handshaking && c->hello_told ? &c->pool->begun : &c->pool->waiting);
}

bool conn_pool_is_busy(const struct conn_pool *pool)
{
	return pool->cost >= LOOP_COST_MAX;
}
