/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store over a real etcd, which the test starts in a network namespace of its own: revisions,
 * preconditions, chains of writes, other writers, what is missed while it is away. Skipped where
 * there is no etcd or no root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"
#include "loop/loop.h"
#include "probe.h"

#define ETCD_PATH "/usr/bin/etcd"
#define ETCDCTL_PATH "/usr/bin/etcdctl"
#define LIMIT_MS 20000
#define REACTIONS 256

struct fixture {
	struct loop *loop;
	struct env *env;
	struct child child;
	bool is_exited;
	char dir[64];
	struct store *store, *other;
	struct err err;
	int opened_count;
	bool timed_out;
	int (*condition)(void *arg);
	void *arg;
	struct timer limit, poll;
};

static bool is_possible;

static int into_own_network(void **state)
{
	struct ifreq up = { .ifr_name = "lo" };
	int fd;

	if (access(ETCD_PATH, X_OK) < 0 || unshare(CLONE_NEWNET) < 0)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up.ifr_flags = IFF_UP;
	is_possible = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &up) == 0;
	close(fd);
	return 0;
}

/* --- waiting --- */

static void on_limit(struct timer *timer)
{
	struct fixture *f = CONTAINER_OF(timer, struct fixture, limit);

	f->timed_out = true;
	loop_stop(f->loop);
}

static void on_poll(struct timer *timer)
{
	struct fixture *f = CONTAINER_OF(timer, struct fixture, poll);

	if (f->condition(f->arg))
		loop_stop(f->loop);
	else
		timer_start(&f->poll, 1);
}

static void wait_for(struct fixture *f, int (*condition)(void *arg), void *arg)
{
	f->timed_out = false;
	f->condition = condition;
	f->arg = arg;
	timer_init(&f->limit, f->env, on_limit);
	timer_init(&f->poll, f->env, on_poll);
	timer_start(&f->limit, LIMIT_MS);
	timer_start(&f->poll, 0);
	loop_run(f->loop);
	timer_stop(&f->limit);
	timer_stop(&f->poll);
	assert_false(f->timed_out);
}

static int is_done(void *arg)
{
	return ((struct probe *)arg)->done_count;
}

static void wait_probe(struct fixture *f, struct probe *p)
{
	wait_for(f, is_done, p);
}

/* --- etcd --- */

static void on_exit_of_etcd(struct child *child, int status)
{
	CONTAINER_OF(child, struct fixture, child)->is_exited = true;
}

static void start_etcd_at(struct fixture *f, const char *url)
{
	const char *argv[] = { ETCD_PATH,
			       "--data-dir",
			       f->dir,
			       "--log-level",
			       "error",
			       "--listen-client-urls",
			       url,
			       "--advertise-client-urls",
			       url,
			       "--listen-peer-urls",
			       "http://127.0.0.1:2380",
			       "--initial-cluster",
			       "default=http://127.0.0.1:2380",
			       "--initial-advertise-peer-urls",
			       "http://127.0.0.1:2380",
			       NULL };
	const char *envp[] = { "ETCD_UNSUPPORTED_ARCH=arm64", "PATH=/usr/bin:/bin", NULL };
	struct child_spec spec = { .path = ETCD_PATH, .argv = argv, .envp = envp };

	f->is_exited = false;
	f->child.on_exit = on_exit_of_etcd;
	if (env_spawn(f->env, &spec, &f->child, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static void start_etcd(struct fixture *f)
{
	start_etcd_at(f, "http://127.0.0.1:2379");
}

static int has_exited(void *arg)
{
	return ((struct fixture *)arg)->is_exited;
}

static void kill_etcd(struct fixture *f)
{
	kill(f->child.pid, SIGKILL);
	wait_for(f, has_exited, f);
}

static void on_opened(void *arg, struct err *err)
{
	struct fixture *f = arg;

	if (err)
		fail_msg("%s", err->msg);
	f->opened_count++;
}

/* Values are "<text>@<revision>" here and "<text>" in etcd. */
static struct blob *seal(void *arg, struct str key, struct blob *value, struct err *err)
{
	struct str s = blob_str(value);
	size_t at = str_rfind_char(s, '@');

	return blob_new(at == SIZE_MAX ? s : str_slice(s, 0, at));
}

static struct blob *unseal(void *arg, struct str key, struct blob *sealed, int64_t revision,
			   struct err *err)
{
	char text[200];
	int len = snprintf(text, sizeof(text), STR_FMT "@%lld", STR_ARG(blob_str(sealed)),
			   (long long)revision);

	if (str_eq(blob_str(sealed), STR("damaged"))) {
		err_set(err, ERR_UNSUPPORTED, "damaged");
		return NULL;
	}
	return blob_new(str_sub(text, (size_t)len));
}

static int is_opened(void *arg)
{
	return ((struct fixture *)arg)->opened_count;
}

static struct store *open_store_at(struct fixture *f, struct str prefix)
{
	static const struct store_etcd_endpoint endpoints[] = { { STR_INIT("127.0.0.1"), 2379,
								  false } };
	struct store_etcd_options etcd = { .endpoints = endpoints,
					   .endpoint_count = 1,
					   .prefix = prefix,
					   .local_prefix = STR("/p/"),
					   .opened = on_opened,
					   .arg = f };
	struct store_options options = { .seal = seal, .open = unseal };
	struct store *store;

	f->opened_count = 0;
	if (store_open_etcd(f->env, &etcd, &options, &store, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	wait_for(f, is_opened, f);
	return store;
}

static struct store *open_store(struct fixture *f)
{
	return open_store_at(f, STR("/p/"));
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	*state = f;
	if (!is_possible)
		return 0;
	f->loop = loop_new();
	f->env = loop_env(f->loop);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/cube-test-etcd-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	start_etcd(f);
	f->store = open_store(f);
	f->other = open_store(f);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (is_possible) {
		const char *argv[] = { "/bin/rm", "-rf", f->dir, NULL };
		struct child_spec spec = { .path = "/bin/rm", .argv = argv };

		store_close(f->store);
		store_close(f->other);
		kill_etcd(f);
		f->is_exited = false;
		if (env_spawn(f->env, &spec, &f->child, &f->err) == 0)
			wait_for(f, has_exited, f);
		loop_free(f->loop);
	}
	mem_free(f);
	return 0;
}

#define NEEDS_ETCD()              \
	do {                      \
		if (!is_possible) \
			skip();   \
	} while (0)

static void assert_value(struct store *store, const char *key, const char *expected)
{
	const struct store_entry *entry = store_get(store, str_from(key));

	assert_non_null(entry);
	assert_int_equal(entry->value->len, strlen(expected));
	assert_memory_equal(entry->value->bytes, expected, strlen(expected));
}

struct seen {
	struct store *store;
	int64_t revision;
};

static int has_reached(void *arg)
{
	struct seen *s = arg;

	return store_revision(s->store) >= s->revision;
}

static void wait_revision(struct fixture *f, struct store *store, int64_t revision)
{
	struct seen s = { store, revision };

	wait_for(f, has_reached, &s);
}

/* --- tests --- */

static void test_put_get_delete(void **state)
{
	/* Revisions must be etcd's, be in the values, and be the same for everybody. */
	struct fixture *f = *state;
	struct probe a, b, c;
	struct watch_probe own, theirs;

	NEEDS_ETCD();
	assert_int_equal(store_revision(f->store), 1);
	watch_probe_start(&own, f->store, "/p/", false, 1);
	watch_probe_start(&theirs, f->other, "/p/", false, 1);
	probe_put(&a, f->store, "/p/a", "one", STORE_REVISION_NONE);
	assert_null(store_get(f->store, STR("/p/a")));
	wait_probe(f, &a);
	assert_int_equal(a.revision, 2);
	assert_value(f->store, "/p/a", "one@2");
	probe_put(&b, f->store, "/p/a", "two", 2);
	wait_probe(f, &b);
	assert_value(f->store, "/p/a", "two@3");
	assert_int_equal(store_get(f->store, STR("/p/a"))->create_revision, 2);
	assert_int_equal(store_get(f->store, STR("/p/a"))->version, 2);
	probe_delete(&c, f->store, "/p/a", 3);
	wait_probe(f, &c);
	assert_null(store_get(f->store, STR("/p/a")));
	wait_revision(f, f->other, 4);
	assert_string_equal(own.seen.ptr, "+/p/a=one@2 ~/p/a=two@3<one@2 -/p/a=gone@4<two@3 ");
	assert_string_equal(theirs.seen.ptr, "+/p/a=one@2 ~/p/a=two@3<one@2 -/p/a=two@4<two@3 ");
	watch_probe_deinit(&own);
	watch_probe_deinit(&theirs);
}

static void test_preconditions(void **state)
{
	/* What must not be written must be refused with the reason the memory store gives. */
	struct fixture *f = *state;
	struct probe a, b, c, d;

	NEEDS_ETCD();
	probe_put(&a, f->store, "/p/a", "one", STORE_REVISION_NONE);
	wait_probe(f, &a);
	probe_put(&b, f->store, "/p/a", "two", STORE_REVISION_NONE);
	probe_put(&c, f->store, "/p/a", "two", 77);
	probe_delete(&d, f->store, "/p/b", STORE_REVISION_ANY);
	wait_probe(f, &d);
	wait_probe(f, &c);
	wait_probe(f, &b);
	assert_int_equal(b.err.code, ERR_EXISTS);
	assert_int_equal(c.err.code, ERR_CONFLICT);
	assert_int_equal(d.err.code, ERR_NOT_FOUND);
}

static void test_prefix(void **state)
{
	/* Stores under other prefixes of one etcd must not see each other, and keep their keys. */
	struct fixture *f = *state;
	struct store *apart, *same;
	struct watch_probe w, none;
	struct probe a, b, c;

	NEEDS_ETCD();
	apart = open_store_at(f, STR("/clusters/q/"));
	watch_probe_start(&w, apart, "/p/", false, 1);
	watch_probe_start(&none, f->store, "/p/", false, 1);
	probe_put(&a, apart, "/p/a", "one", STORE_REVISION_NONE);
	wait_probe(f, &a);
	probe_put(&b, apart, "/p/a", "two", a.revision);
	probe_delete(&c, apart, "/p/a", STORE_REVISION_ANY);
	wait_probe(f, &c);
	assert_int_equal(a.err.code, 0);
	assert_int_equal(b.err.code, 0);
	assert_int_equal(c.err.code, 0);
	assert_string_equal(w.seen.ptr, "+/p/a=one@2 ~/p/a=two@3<one@2 -/p/a=gone@4<two@3 ");
	probe_put(&a, apart, "/p/b", "kept", STORE_REVISION_NONE);
	wait_probe(f, &a);
	wait_revision(f, f->store, a.revision);
	assert_int_equal(none.count, 0);
	assert_int_equal(store_count(f->store, STR("")), 0);
	same = open_store_at(f, STR("/clusters/q/")); /* reads it */
	assert_value(same, "/p/b", "kept@5");
	watch_probe_deinit(&w);
	watch_probe_deinit(&none);
	store_close(same);
	store_close(apart);
}

static void test_chain(void **state)
{
	/* Writes decided on one that is not done must follow it, each with its own revision, in
	 * order. */
	struct fixture *f = *state;
	static struct probe p[50];
	struct watch_probe w;

	NEEDS_ETCD();
	watch_probe_start(&w, f->store, "/p/", false, 1);
	probe_put(&p[0], f->store, "/p/a", "x", STORE_REVISION_NONE);
	for (size_t i = 1; i < ARRAY_COUNT(p); i++) {
		const struct store_entry *pending = store_get_pending(f->store, STR("/p/a"));

		assert_true(pending->mod_revision > STORE_REVISION_PENDING);
		probe_put(&p[i], f->store, "/p/a", "x", pending->mod_revision);
	}
	wait_probe(f, &p[ARRAY_COUNT(p) - 1]);
	for (size_t i = 0; i < ARRAY_COUNT(p); i++) {
		assert_int_equal(p[i].err.code, ERR_NONE);
		assert_int_equal(p[i].revision, 2 + i);
	}
	assert_int_equal(w.count, ARRAY_COUNT(p));
	assert_null(strstr(w.seen.ptr, "@4611")); /* no stand-in (2^62 begins so) ever shows */
	assert_value(f->store, "/p/a", "x@51");
	watch_probe_deinit(&w);
}

struct reaction {
	struct probe answers[REACTIONS];
	size_t count;
};

static void react(struct watch_probe *w, const struct store_event *event)
{
	struct reaction *r = w->arg;

	if (event->type == STORE_CREATED)
		probe_put(&r->answers[r->count++], w->watcher.store, event->key.ptr, "changed",
			  event->revision);
}

static int has_reacted(void *arg)
{
	const struct reaction *r = arg;

	return r->count == REACTIONS && r->answers[REACTIONS - 1].done_count;
}

static void test_reaction(void **state)
{
	/* What an event tells must be what the next write is decided on, also when the event comes
	 * before the answer to the write that made it. */
	struct fixture *f = *state;
	static struct probe creations[REACTIONS];
	static struct reaction r;
	struct watch_probe w;
	char key[32];

	NEEDS_ETCD();
	watch_probe_start(&w, f->store, "/p/", false, 1);
	w.then = react;
	w.arg = &r;
	for (size_t i = 0; i < REACTIONS; i++) {
		snprintf(key, sizeof(key), "/p/%zu", i);
		probe_put(&creations[i], f->store, key, "new", STORE_REVISION_NONE);
		if (i % 16 == 15)
			wait_probe(f, &creations[i]);
	}
	wait_for(f, has_reacted, &r);
	for (size_t i = 0; i < REACTIONS; i++) {
		if (!r.answers[i].done_count)
			wait_probe(f, &r.answers[i]);
		assert_int_equal(creations[i].err.code, 0);
		assert_string_equal(r.answers[i].err.msg, "");
	}
	watch_probe_deinit(&w);
}

static void test_two_writers(void **state)
{
	/* Of two that decided on the same state one must lose, and know the newer state when it
	 * hears so; what it had built on its lost write must fail with it. */
	struct fixture *f = *state;
	struct probe a, b, c, d;

	NEEDS_ETCD();
	probe_put(&a, f->store, "/p/a", "one", STORE_REVISION_NONE);
	wait_probe(f, &a);
	wait_revision(f, f->other, a.revision);
	probe_put(&b, f->store, "/p/a", "mine", a.revision);
	probe_put(&d, f->store, "/p/a", "dependent",
		  store_get_pending(f->store, STR("/p/a"))->mod_revision);
	probe_put(&c, f->other, "/p/a", "theirs", a.revision);
	wait_probe(f, &c);
	wait_probe(f, &b);
	wait_probe(f, &d);
	assert_true((b.err.code == ERR_CONFLICT) != (c.err.code == ERR_CONFLICT));
	assert_int_equal(d.err.code, b.err.code);
	if (b.err.code)
		assert_value(f->store, "/p/a", "theirs@3");
	assert_ptr_equal(store_get_pending(f->store, STR("/p/a")),
			 store_get(f->store, STR("/p/a")));
}

static void test_unconditional(void **state)
{
	/* A write without precondition must win in the end whoever else writes. */
	struct fixture *f = *state;
	struct probe a[20], b[20];

	NEEDS_ETCD();
	for (size_t i = 0; i < ARRAY_COUNT(a); i++) {
		probe_put(&a[i], f->store, "/p/a", "a", STORE_REVISION_ANY);
		probe_put(&b[i], f->other, "/p/a", "b", STORE_REVISION_ANY);
		wait_probe(f, &a[i]);
		wait_probe(f, &b[i]);
		assert_int_equal(a[i].err.code, ERR_NONE);
		assert_int_equal(b[i].err.code, ERR_NONE);
	}
	wait_revision(f, f->store, 2 + 39);
	wait_revision(f, f->other, 2 + 39);
	assert_int_equal(store_get(f->store, STR("/p/a"))->version, 40);
	assert_true(str_eq(blob_str(store_get(f->store, STR("/p/a"))->value),
			   blob_str(store_get(f->other, STR("/p/a"))->value)));
}

static void test_several_keys(void **state)
{
	/* The operations of one write must be there together, or not at all. */
	struct fixture *f = *state;
	struct probe a, b;

	NEEDS_ETCD();
	probe_init(&a);
	memcpy(a.text, "v", 2);
	probe_add(&a, STORE_PUT, "/p/a", STORE_REVISION_NONE);
	probe_add(&a, STORE_PUT, "/p/b", STORE_REVISION_NONE);
	probe_submit(&a, f->store);
	wait_probe(f, &a);
	wait_revision(f, f->other, 2);
	assert_value(f->other, "/p/a", "v@2");
	assert_value(f->other, "/p/b", "v@2");
	probe_init(&b);
	memcpy(b.text, "w", 2);
	probe_add(&b, STORE_CHECK, "/p/a", 1);
	probe_add(&b, STORE_PUT, "/p/c", STORE_REVISION_NONE);
	probe_submit(&b, f->store);
	wait_probe(f, &b);
	assert_int_equal(b.err.code, ERR_CONFLICT);
	assert_null(store_get(f->store, STR("/p/c")));
}

struct sync_probe {
	struct store_sync sync;
	int done_count;
	struct err err;
};

static void on_synced(struct store_sync *sync, struct err *err)
{
	struct sync_probe *p = CONTAINER_OF(sync, struct sync_probe, sync);

	if (err)
		p->err = *err;
	p->done_count++;
}

static int is_synced(void *arg)
{
	return ((struct sync_probe *)arg)->done_count;
}

static void test_sync(void **state)
{
	/* After a sync, what another server has acknowledged must be there. */
	struct fixture *f = *state;

	NEEDS_ETCD();
	for (int i = 0; i < 20; i++) {
		struct sync_probe s = { .sync = { .done = on_synced } };
		struct probe a;

		probe_put(&a, f->store, "/p/a", "x", STORE_REVISION_ANY);
		wait_probe(f, &a);
		store_catch_up(f->other, &s.sync);
		wait_for(f, is_synced, &s);
		assert_int_equal(s.err.code, ERR_NONE);
		assert_int_equal(store_get(f->other, STR("/p/a"))->mod_revision, a.revision);
	}
}

static void test_time_to_live(void **state)
{
	/* Keys with a time to live must go by themselves, also for who did not write them. */
	struct fixture *f = *state;
	struct probe a;

	NEEDS_ETCD();
	probe_init(&a);
	memcpy(a.text, "x", 2);
	probe_add(&a, STORE_PUT, "/p/a", STORE_REVISION_NONE);
	a.ops[0].ttl_seconds = 3600;
	probe_submit(&a, f->store);
	wait_probe(f, &a);
	assert_int_equal(a.err.code, ERR_NONE);
	assert_int_equal(store_get(f->store, STR("/p/a"))->expires_wall_s,
			 0); /* etcd's lease ends it */
}

static int are_all_done(void *arg)
{
	struct probe *p = arg;

	for (int i = 0; i < 200; i++)
		if (!p[i].done_count)
			return 0;
	return 1;
}

static void test_killed(void **state)
{
	/* What was acknowledged must be there after a kill, nothing may be written twice, and all
	 * goes on. */
	struct fixture *f = *state;
	static struct probe p[200];
	struct probe more;
	struct store *fresh;
	char key[32];

	NEEDS_ETCD();
	for (int i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "/p/%03d", i);
		probe_put(&p[i], f->store, key, "x", STORE_REVISION_NONE);
		if (i == 100)
			wait_probe(f, &p[20]);
	}
	kill_etcd(f);
	start_etcd(f);
	wait_for(f, are_all_done, p);
	for (int i = 0; i < 200; i++)
		assert_int_equal(p[i].err.code, ERR_NONE); /* tried again until it was there */
	fresh = open_store(f);
	for (int i = 0; i < 200; i++) {
		const struct store_entry *entry = store_get(fresh, p[i].ops[0].key);

		assert_non_null(entry);
		assert_int_equal(entry->version, 1);
		assert_int_equal(entry->mod_revision, p[i].revision);
		assert_int_equal(store_get(f->store, p[i].ops[0].key)->mod_revision, p[i].revision);
	}
	probe_put(&more, fresh, "/p/000", "y", p[0].revision);
	wait_probe(f, &more);
	wait_revision(f, f->store, more.revision);
	wait_revision(f, f->other, more.revision);
	store_close(fresh);
}

static void test_away(void **state)
{
	/* Without etcd a write must fail clearly in the end, and the health must tell. */
	struct fixture *f = *state;
	struct probe a;
	struct sync_probe s = { .sync = { .done = on_synced } };

	NEEDS_ETCD();
	assert_int_equal(store_health(f->store, &f->err), 0);
	kill_etcd(f);
	probe_put(&a, f->store, "/p/a", "x", STORE_REVISION_NONE);
	store_catch_up(f->store, &s.sync);
	wait_for(f, is_synced, &s);
	assert_int_equal(s.err.code, ERR_TIMEOUT);
	assert_true(store_health(f->store, &f->err) < 0);
	wait_probe(f, &a);
	assert_true(a.err.code == ERR_UNAVAILABLE || a.err.code == ERR_TIMEOUT);
	assert_null(store_get_pending(f->store, STR("/p/a")));
	start_etcd(f);
	probe_put(&a, f->store, "/p/a", "x", STORE_REVISION_NONE);
	wait_probe(f, &a);
	assert_int_equal(a.err.code, ERR_NONE);
}

static int is_lost(void *arg)
{
	struct err err = { 0 };

	return store_health(arg, &err) < 0 && strstr(err.msg, "is not the one that was read");
}

static void test_older_state(void **state)
{
	/* An etcd that lost its state, or was restored, must be noticed before anything is written
	 * to it. */
	struct fixture *f = *state;
	const char *argv[] = { "/bin/rm", "-rf", f->dir, NULL };
	struct child_spec spec = { .path = "/bin/rm", .argv = argv };
	struct sync_probe sync = { .sync = { .done = on_synced } };
	struct probe a, b, c;

	NEEDS_ETCD();
	probe_put(&a, f->store, "/p/a", "one", STORE_REVISION_NONE);
	wait_probe(f, &a);
	probe_put(&b, f->store, "/p/a", "two", STORE_REVISION_ANY);
	wait_probe(f, &b);
	wait_revision(f, f->other, b.revision);
	kill_etcd(f);
	probe_put(&c, f->store, "/p/b", "never", STORE_REVISION_NONE);
	f->is_exited = false;
	assert_int_equal(env_spawn(f->env, &spec, &f->child, &f->err), 0);
	wait_for(f, has_exited, f);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	start_etcd(f);
	wait_for(f, is_lost, f->store);
	wait_probe(f, &c);
	assert_int_equal(c.err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(c.err.msg, "restart this server"));
	store_catch_up(f->store, &sync.sync);
	wait_for(f, is_synced, &sync);
	assert_int_equal(sync.err.code, ERR_UNAVAILABLE);
	wait_for(f, is_lost, f->other);
	store_close(f->store);
	f->store = open_store(f);
	assert_int_equal(store_count(f->store, STR("")), 0); /* nothing was written to it */
}

struct etcdctl {
	struct child child;
	int exit_count, status;
};

static void on_etcdctl_exit(struct child *child, int status)
{
	struct etcdctl *c = CONTAINER_OF(child, struct etcdctl, child);

	c->exit_count++;
	c->status = status;
}

static int has_ended(void *arg)
{
	return ((struct etcdctl *)arg)->exit_count;
}

static void etcdctl(struct fixture *f, const char *const *argv)
{
	static const char *const envp[] = { "ETCDCTL_API=3", NULL };
	struct child_spec spec = { .path = ETCDCTL_PATH, .argv = argv, .envp = envp };
	struct etcdctl c = { .child.on_exit = on_etcdctl_exit };

	if (env_spawn(f->env, &spec, &c.child, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	wait_for(f, has_ended, &c);
	assert_int_equal(c.status, 0);
}

static void test_refused(void **state)
{
	/* An etcd that answers and refuses must be told with its words, at once, by reads, writes
	 * and the health, and all must go on when it takes us again. */
	static const char *const add[] = { "etcdctl", "--endpoints=:2379", "user", "add", "root:x",
					   NULL },
				 *const grant[] = { "etcdctl", "--endpoints=:2379",
						    "user",    "grant-role",
						    "root",    "root",
						    NULL },
				 *const on[] = { "etcdctl", "--endpoints=:2379", "auth", "enable",
						 NULL },
				 *const off[] = { "etcdctl", "--endpoints=:2379",
						  "--user",  "root:x",
						  "auth",    "disable",
						  NULL };
	struct fixture *f = *state;
	struct sync_probe s = { .sync = { .done = on_synced } };
	struct probe a;

	NEEDS_ETCD();
	if (access(ETCDCTL_PATH, X_OK) < 0)
		skip();
	etcdctl(f, add);
	etcdctl(f, grant);
	etcdctl(f, on);
	store_catch_up(f->store, &s.sync);
	wait_for(f, is_synced, &s);
	assert_int_equal(s.err.code, ERR_INTERNAL);
	assert_non_null(strstr(s.err.msg, "etcdserver: user name is empty"));
	assert_true(store_health(f->store, &f->err) < 0);
	probe_put(&a, f->store, "/p/a", "x", STORE_REVISION_NONE);
	wait_probe(f, &a);
	assert_int_equal(a.err.code, ERR_INTERNAL);
	assert_non_null(strstr(a.err.msg, "etcdserver: user name is empty"));
	etcdctl(f, off);
	probe_put(&a, f->store, "/p/a", "x", STORE_REVISION_NONE);
	wait_probe(f, &a);
	assert_int_equal(a.err.code, ERR_NONE);
	assert_int_equal(store_health(f->store, &f->err), 0);
}

static int has_event(void *arg)
{
	return ((struct watch_probe *)arg)->count > 0;
}

static void test_damaged(void **state)
{
	/* A value that somebody made unreadable must not pass for deleted, neither when it is seen
	 * at once nor when all is read anew: what the object owns would be deleted. */
	static const char *const damage[] = { "etcdctl", "--endpoints=:2379", "put",
					      "/p/a",	 "damaged",	      NULL },
				 *const later[] = { "etcdctl", "--endpoints=:12379",
						    "put",     "/p/b",
						    "damaged", NULL },
				 *const more[] = { "etcdctl", "--endpoints=:12379",
						   "put",     "/p/c",
						   "y",	      NULL },
				 *const compact[] = { "etcdctl", "--endpoints=:12379", "compaction",
						      "7", NULL };
	struct fixture *f = *state;
	struct watch_probe w;
	struct probe a, b, c;

	NEEDS_ETCD();
	if (access(ETCDCTL_PATH, X_OK) < 0)
		skip();
	probe_put(&a, f->store, "/p/a", "x", STORE_REVISION_NONE);
	wait_probe(f, &a);
	probe_put(&b, f->store, "/p/b", "x", STORE_REVISION_NONE);
	wait_probe(f, &b);
	probe_put(&c, f->store, "/p/c", "x", STORE_REVISION_NONE);
	wait_probe(f, &c);
	watch_probe_start(&w, f->store, "/p/", false, c.revision);
	etcdctl(f, damage);
	kill_etcd(f);
	start_etcd_at(f, "http://127.0.0.1:12379"); /* where the store does not see it */
	etcdctl(f, later);
	etcdctl(f, more);
	etcdctl(f, compact);
	kill_etcd(f);
	start_etcd(f);
	wait_revision(f, f->store, 7);
	wait_for(f, has_event, &w);
	assert_string_equal(w.seen.ptr, "~/p/c=y@7<x@4 ");
	assert_value(f->store, "/p/a", "x@2");
	assert_value(f->store, "/p/b", "x@3");
	watch_probe_deinit(&w);
}

static int is_unreadable(void *arg)
{
	return store_check_readable(arg, STR("/p/n"), NULL) < 0;
}

static int is_readable(void *arg)
{
	return !is_unreadable(arg);
}

static void test_unreadable(void **state)
{
	/* What nobody could read from the first must not pass for absent: what it owns would be
	 * deleted. */
	static const char *const damage[] = { "etcdctl", "--endpoints=:2379", "put",
					      "/p/n",	 "damaged",	      NULL },
				 *const removal[] = { "etcdctl", "--endpoints=:2379", "del", "/p/n",
						      NULL };
	struct fixture *f = *state;
	struct str key = STR_NONE;
	struct store *second;
	struct err err;
	struct probe a, b;

	NEEDS_ETCD();
	if (access(ETCDCTL_PATH, X_OK) < 0)
		skip();
	etcdctl(f, damage);
	wait_for(f, is_unreadable, f->store);
	assert_null(store_get(f->store, STR("/p/n")));
	assert_true(store_check_readable_all(f->store, STR("/p/"), &err) < 0);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_non_null(strstr(err.msg, "unable to transform key \"/p/n\": "));
	assert_int_equal(store_check_readable_all(f->store, STR("/p/o"), &err), 0);
	assert_int_equal(store_check_readable(f->store, STR("/p/"), &err), 0);
	assert_true(store_next_unreadable(f->store, key, &key) && str_eq_c(key, "/p/n"));
	assert_false(store_next_unreadable(f->store, key, &key));
	probe_put(&a, f->store, "/p/n", "x", STORE_REVISION_NONE);
	probe_put(&b, f->store, "/p/n", "x", STORE_REVISION_ANY);
	wait_probe(f, &b);
	wait_probe(f, &a);
	assert_int_equal(a.err.code, ERR_EXISTS);
	assert_int_equal(b.err.code, ERR_INTERNAL);
	second = open_store_at(f, STR("/p/")); /* that begins with it */
	assert_true(is_unreadable(second));
	etcdctl(f, removal);
	wait_for(f, is_readable, f->store);
	wait_for(f, is_readable, second);
	probe_put(&a, f->store, "/p/n", "x", STORE_REVISION_NONE);
	wait_probe(f, &a);
	assert_int_equal(a.err.code, ERR_NONE);
	store_close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_get_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_preconditions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prefix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reaction, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unconditional, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sync, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_to_live, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_older_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_etcd", tests, into_own_network, NULL);
}
