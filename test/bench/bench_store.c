/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store alone does: durable puts per second with one and with many outstanding, updates, reading, watch
 * fan-out, start-up. Usage: bench_store DIR (on the disk to be measured; a folder is made in it and removed).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/store.h"

#define VALUE_BYTES 1024
#define POD_BYTES 2000
#define PODS 10000

struct bench {
	struct loop *loop;
	struct env *env;
	struct store *store;
	const char *prefix;
	size_t value_bytes;
	int started, done, total;
	int key_count; /* keys are reused when there are fewer than writes */
	int64_t *latency_ns;
};

struct slot {
	struct store_write write;
	struct store_op op;
	struct bench *b;
	int64_t start_ns;
	char key[64];
};

static struct blob *encode(struct store_op *op, int64_t revision, struct err *err)
{
	struct slot *s = CONTAINER_OF(op, struct slot, op);
	struct blob *value = blob_alloc(s->b->value_bytes);

	memset(value->bytes, 'x', value->len);
	snprintf(value->bytes, 32, "%lld", (long long)revision);
	return value;
}

static void submit(struct slot *s)
{
	struct bench *b = s->b;
	int number = b->started++;

	s->start_ns = env_mono_ns(b->env);
	snprintf(s->key, sizeof(s->key), "/registry/%s/default/object-%06d", b->prefix, number % b->key_count);
	s->op = (struct store_op){ .type = STORE_PUT, .key = str_from(s->key),
				   .expected_revision = STORE_REVISION_ANY, .encode = encode };
	s->write.ops = &s->op;
	s->write.op_count = 1;
	store_submit(b->store, &s->write);
}

static void on_done(struct store_write *write, int64_t revision, struct err *err)
{
	struct slot *s = CONTAINER_OF(write, struct slot, write);
	struct bench *b = s->b;

	if (err) {
		fprintf(stderr, "%s\n", err->msg);
		_exit(1);
	}
	b->latency_ns[b->done++] = env_mono_ns(b->env) - s->start_ns;
	if (b->started < b->total)
		submit(s);
	else if (b->done == b->total)
		loop_stop(b->loop);
}

static int by_number(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static double cpu_seconds(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static long rss_kb(void)
{
	AUTO_BUF text = { 0 };
	long pages = 0;

	buf_init(&text, 0);
	if (fd_read_file(AT_FDCWD, "/proc/self/statm", 4096, &text, NULL) == 0)
		sscanf(text.ptr, "%*d %ld", &pages);
	return pages * 4;
}

static void run_puts(struct bench *b, const char *name, int outstanding, int total)
{
	struct slot *slots = mem_calloc((size_t)outstanding, sizeof(*slots));
	int64_t start_ns = env_mono_ns(b->env);
	double cpu = cpu_seconds(), seconds;

	b->started = b->done = 0;
	b->total = total;
	b->latency_ns = mem_calloc((size_t)total, sizeof(int64_t));
	for (int i = 0; i < outstanding; i++) {
		slots[i].b = b;
		slots[i].write.done = on_done;
		submit(&slots[i]);
	}
	loop_run(b->loop);
	seconds = (double)(env_mono_ns(b->env) - start_ns) / 1e9;
	cpu = cpu_seconds() - cpu;
	qsort(b->latency_ns, (size_t)total, sizeof(int64_t), by_number);
	printf("%-34s %8.0f/s  p50 %6.2f ms  p99 %6.2f ms  %5.1f us CPU  RSS %ld KB\n", name, total / seconds,
	       (double)b->latency_ns[total / 2] / 1e6, (double)b->latency_ns[total * 99 / 100] / 1e6,
	       cpu / total * 1e6, rss_kb());
	mem_free(b->latency_ns);
	mem_free(slots);
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	(void)watcher;
	(void)event;
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	(void)watcher;
	(void)err;
}

static void run_fan_out(struct bench *b, int watcher_count, int total)
{
	struct store_watcher *watchers = mem_calloc((size_t)watcher_count, sizeof(*watchers));
	char name[64];

	for (int i = 0; i < watcher_count; i++) {
		watchers[i].event = on_event;
		watchers[i].end = on_end;
		store_watch(b->store, &watchers[i], STR("/registry/configmaps/"), false, store_revision(b->store));
	}
	snprintf(name, sizeof(name), "update, 32 outstanding, %d watchers", watcher_count);
	run_puts(b, name, 32, total);
	for (int i = 0; i < watcher_count; i++)
		store_unwatch(&watchers[i]);
	mem_free(watchers);
}

static bool sum(void *arg, struct str key, const struct store_entry *entry)
{
	*(size_t *)arg += key.len + entry->value->len;
	return true;
}

static void run_reads(struct bench *b)
{
	enum { GETS = 1000000, LISTS = 100 };
	int64_t start_ns = env_mono_ns(b->env);
	size_t bytes = 0;
	char key[64];

	for (int i = 0; i < GETS; i++) {
		snprintf(key, sizeof(key), "/registry/pods/default/object-%06d", (int)((i * 7919L) % PODS));
		bytes += store_get(b->store, str_from(key))->value->len;
	}
	printf("%-34s %8.0f ns\n", "get", (double)(env_mono_ns(b->env) - start_ns) / GETS);
	start_ns = env_mono_ns(b->env);
	for (int i = 0; i < LISTS; i++)
		store_walk(b->store, STR("/registry/pods/"), STR_NONE, sum, &bytes);
	printf("%-34s %8.3f ms\n", "walk of 10,000 entries", (double)(env_mono_ns(b->env) - start_ns) / LISTS / 1e6);
}

static void open_store(struct bench *b, const char *dir)
{
	int64_t start_ns = env_mono_ns(b->env);
	struct err err;

	if (store_open_lmdb(b->env, dir, NULL, &b->store, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		_exit(1);
	}
	printf("%-34s %8.1f ms  RSS %ld KB\n", "open", (double)(env_mono_ns(b->env) - start_ns) / 1e6, rss_kb());
}

int main(int argc, char **argv)
{
	AUTO_FREE char *dir = mem_printf("%s/bench-store-%d", argc > 1 ? argv[1] : ".", (int)getpid());
	struct loop *loop = loop_new();
	struct bench b = { .loop = loop, .env = loop_env(loop), .value_bytes = VALUE_BYTES, .prefix = "configmaps",
			   .key_count = 1 << 30 };

	open_store(&b, dir);
	run_puts(&b, "create 1 KiB, 1 outstanding", 1, 2000);
	run_puts(&b, "create 1 KiB, 32 outstanding", 32, 11500);
	b.key_count = 11500;
	run_puts(&b, "update 1 KiB, 32 outstanding", 32, 10000);
	run_fan_out(&b, 100, 10000);
	run_fan_out(&b, 10000, 1000);
	b.prefix = "pods";
	b.value_bytes = POD_BYTES;
	run_puts(&b, "create 2 KB pods, 32 outstanding", 32, PODS);
	run_puts(&b, "create 2 KB pods, 256 outstanding", 256, PODS);
	run_reads(&b);
	store_close(b.store);
	open_store(&b, dir);
	store_close(b.store);
	loop_free(loop);
	return fd_remove_tree(AT_FDCWD, dir, NULL) < 0;
}
