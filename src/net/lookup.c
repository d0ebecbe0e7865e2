/* SPDX-License-Identifier: Apache-2.0 */
/* A look-up lives on its own: whoever asked may be gone before the thread is done. */
#include "net/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include "base/mem.h"

struct lookup {
	struct work work;
	struct task task; /* instead of work, for numeric addresses */
	lookup_fn *fn;	  /* NULL: nobody waits any more */
	void *arg;
	char *host;
	uint16_t port;
	struct address addresses[LOOKUP_ADDRESSES_MAX];
	size_t count;
	int failure;
};

static void run(struct work *work)
{
	struct lookup *l = CONTAINER_OF(work, struct lookup, work);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG },
			*list = NULL;

	l->failure = getaddrinfo(l->host, NULL, &hints, &list);
	for (struct addrinfo *at = list; at && l->count < LOOKUP_ADDRESSES_MAX; at = at->ai_next) {
		struct address *to = &l->addresses[l->count++];

		memcpy(&to->socket, at->ai_addr, at->ai_addrlen);
		to->socket_bytes = at->ai_addrlen;
		if (at->ai_family == AF_INET)
			((struct sockaddr_in *)&to->socket)->sin_port = htons(l->port);
		else
			((struct sockaddr_in6 *)&to->socket)->sin6_port = htons(l->port);
	}
	if (list)
		freeaddrinfo(list);
}

static void finish(struct lookup *l)
{
	struct err err = { 0 };

	if (!l->count)
		err_set(&err, ERR_UNAVAILABLE, "look up %s: %s", l->host, gai_strerror(l->failure));
	if (l->fn)
		l->fn(l->arg, l->addresses, l->count, &err);
	mem_free(l->host);
	mem_free(l);
}

static void on_done(struct work *work)
{
	finish(CONTAINER_OF(work, struct lookup, work));
}

static void on_numeric(struct task *task)
{
	finish(CONTAINER_OF(task, struct lookup, task));
}

struct lookup *lookup_start(struct env *env, struct str host, uint16_t port, lookup_fn *fn,
			    void *arg)
{
	struct lookup *l = NEW(struct lookup);

	l->fn = fn;
	l->arg = arg;
	l->host = str_dup_c(host);
	l->port = port;
	l->work.run = run;
	l->work.done = on_done;
	task_init(&l->task, on_numeric);
	if (host.len && address_from_ip(host, port, &l->addresses[0], NULL) == 0) {
		l->count = 1;
		env_defer(env, &l->task);
	} else {
		env_work(env, &l->work);
	}
	return l;
}

int lookup_now(struct str host, uint16_t port, struct address *ret_addresses, size_t *ret_count,
	       struct err *err)
{
	AUTO_FREE char *name = str_dup_c(host);
	struct lookup l = { .host = name, .port = port };

	run(&l.work);
	if (!l.count)
		return err_set(err, ERR_UNAVAILABLE, "look up %s: %s", name,
			       gai_strerror(l.failure));
	memcpy(ret_addresses, l.addresses, l.count * sizeof(l.addresses[0]));
	*ret_count = l.count;
	return 0;
}

void lookup_cancel(struct lookup *l)
{
	if (l)
		l->fn = NULL;
}
