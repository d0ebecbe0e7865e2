/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that wait for the next call to the same place, each for a while. One that speaks or
 * closes meanwhile is dropped. */
#include "base/mem.h"
#include "net/http_client_internal.h"

#define POOL_KEEP_MS 60000

struct idle_conn {
	struct http_client *client;
	struct list link;
	struct conn *conn;
	struct timer timer;
	struct str key;
};

static void drop_idle(struct idle_conn *kept)
{
	timer_stop(&kept->timer);
	list_remove(&kept->link);
	kept->client->idle_count--;
	mem_free((void *)kept->key.ptr);
	mem_free(kept);
}

static void on_kept_too_long(struct timer *timer)
{
	struct idle_conn *kept = CONTAINER_OF(timer, struct idle_conn, timer);
	struct conn *conn = kept->conn;

	drop_idle(kept);
	conn_close(conn);
}

static size_t on_idle_read(void *arg, struct conn *conn, struct str bytes)
{
	drop_idle(arg);
	conn_close(conn); /* an answer to nothing */
	return bytes.len;
}

static void on_idle_closed(void *arg, struct conn *conn, const struct err *err)
{
	drop_idle(arg);
	conn_close(conn);
}

static const struct conn_events idle_events = { .on_read = on_idle_read, .on_closed = on_idle_closed };

void call_keep(struct http_call *call)
{
	struct http_client *c = call->client;
	struct idle_conn *kept;

	if (c->idle_count >= c->options.idle_max) {
		struct idle_conn *oldest = LIST_ENTRY(list_first(&c->idle), struct idle_conn, link);
		struct conn *conn = oldest->conn;

		drop_idle(oldest);
		conn_close(conn);
	}
	kept = NEW(struct idle_conn);
	kept->client = c;
	kept->conn = call->conn;
	kept->key = str_dup(call->key);
	list_push_back(&c->idle, &kept->link);
	c->idle_count++;
	timer_init(&kept->timer, c->env, on_kept_too_long);
	timer_start_slack(&kept->timer, POOL_KEEP_MS, POOL_KEEP_MS / 4);
	conn_set_events(call->conn, &idle_events, kept);
	call->conn = NULL;
}

/* The loop may not have run for a while: the peer's end is looked for here, so that it is not taken
 * for an answer. */
static bool is_alive(const struct conn *conn)
{
	char byte;

	return !conn_is_broken(conn) && recv(conn_fd(conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

struct conn *call_take_kept(struct http_call *call)
{
	struct http_client *c = call->client;

	for (struct list *node = c->idle.prev; node != &c->idle; node = node->prev) {
		struct idle_conn *kept = LIST_ENTRY(node, struct idle_conn, link);
		struct conn *conn = kept->conn;

		if (!str_eq(kept->key, call->key) || !is_alive(conn))
			continue;
		drop_idle(kept);
		return conn;
	}
	return NULL;
}

void http_pool_clear(struct http_client *c)
{
	struct list *node;

	while ((node = list_first(&c->idle)))
		on_kept_too_long(&LIST_ENTRY(node, struct idle_conn, link)->timer);
}
