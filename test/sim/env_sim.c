/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated env. Nothing here looks at an address, a real clock or a hash order, so that a run depends on the seed
 * alone. Each task takes a microsecond of simulated time, or a chain of tasks would stop the clock for ever.
 */
#include "sim/env_sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"

#define TASK_NS 1000
#define WALL_START_NS (INT64_C(1767225600) * TIME_NS_PER_SECOND) /* 2026-01-01 */
#define TRACE_LINE_BYTES 1024

struct random {
	uint64_t s[4];
};

struct sim_process {
	struct env env; /* first */
	struct sim *sim;
	char *name;
	struct list link;
	struct random random;
	struct list deferred, mailbox;
	struct list jobs; /* by due time */
	int64_t deadline_ns;
	struct omap files; /* path -> struct str * */
};

struct job {
	struct list link;
	struct work *work;
	int64_t due_ns;
};

struct sim {
	uint64_t seed;
	struct random random;
	struct list processes;
	size_t process_count;
	size_t turn; /* whose queue is looked at first */
	int64_t now_ns;
	int64_t work_delay_ms_max;
	uint64_t step_count;
	bool shuffle;
	uint64_t hash;
	int trace_fd;
};

/* splitmix64: one number to start each state word. */
static uint64_t split_seed(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void random_init(struct random *r, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_COUNT(r->s); i++)
		r->s[i] = split_seed(&seed);
}

static uint64_t rotate(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/* xoshiro256** */
static uint64_t random_next(struct random *r)
{
	uint64_t result = rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotate(r->s[3], 45);
	return result;
}

static struct sim_process *process_of(struct env *env)
{
	return CONTAINER_OF(env, struct sim_process, env);
}

static void add_hash(struct sim *sim, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		sim->hash = (sim->hash ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
}

static void add_hash_number(struct sim *sim, uint64_t number)
{
	char bytes[8];

	memcpy(bytes, &number, sizeof(bytes));
	add_hash(sim, str_sub(bytes, sizeof(bytes)));
}

/* --- the table --- */

static int64_t sim_wall_ns(struct env *env)
{
	return WALL_START_NS + process_of(env)->sim->now_ns;
}

static int64_t sim_mono_ns(struct env *env)
{
	return process_of(env)->sim->now_ns;
}

static void sim_env_random(struct env *env, void *to, size_t size_bytes)
{
	struct sim_process *p = process_of(env);

	for (size_t at = 0; at < size_bytes;) {
		uint64_t value = random_next(&p->random);
		size_t len = size_bytes - at < sizeof(value) ? size_bytes - at : sizeof(value);

		memcpy((char *)to + at, &value, len);
		at += len;
	}
}

static void sim_arm(struct env *env, int64_t deadline_ns)
{
	process_of(env)->deadline_ns = deadline_ns;
}

static void sim_post(struct env *env, struct task *task)
{
	list_push_back(&process_of(env)->mailbox, &task->link);
}

static void sim_defer(struct env *env, struct task *task)
{
	list_push_back(&process_of(env)->deferred, &task->link);
}

static void sim_work(struct env *env, struct work *work)
{
	struct sim_process *p = process_of(env);
	struct job *job = NEW(struct job);
	struct list *at = p->jobs.next;
	uint64_t delay_us_max = (uint64_t)p->sim->work_delay_ms_max * 1000;

	job->work = work;
	job->due_ns = p->sim->now_ns + (int64_t)sim_random_below(p->sim, delay_us_max + 1) * 1000;
	while (at != &p->jobs && LIST_ENTRY(at, struct job, link)->due_ns <= job->due_ns)
		at = at->next;
	list_insert_before(at, &job->link);
}

static int sim_spawn(struct env *env, const struct child_spec *spec, struct child *child, struct err *err)
{
	UNREACHABLE();
}

static void sim_child_forget(struct env *env, struct child *child)
{
	UNREACHABLE();
}

static void free_file(struct str *file)
{
	if (file)
		mem_free((void *)file->ptr);
	mem_free(file);
}

static int sim_read_file(struct env *env, const char *path, size_t max_bytes, struct buf *ret, struct err *err)
{
	const struct str *file = omap_get(&process_of(env)->files, str_from(path));

	if (!file)
		return err_neg(err, -ENOENT, "open '%s'", path);
	if (file->len > max_bytes)
		return err_set(err, ERR_TOO_LARGE, "'%s' is larger than %zu bytes", path, max_bytes);
	buf_deinit(ret);
	buf_init(ret, max_bytes);
	buf_put_str(ret, *file);
	return 0;
}

static int sim_replace_file(struct env *env, const char *path, struct str bytes, mode_t mode, struct err *err)
{
	struct str *file = NEW(struct str);

	*file = str_dup(bytes);
	free_file(omap_put(&process_of(env)->files, str_from(path), file));
	return 0;
}

static int sim_remove_file(struct env *env, const char *path, struct err *err)
{
	free_file(omap_remove(&process_of(env)->files, str_from(path)));
	return 0;
}

static int sim_io_start(struct env *env, struct io_watch *watch, int fd, int events, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, "a simulation has no descriptors");
}

static void sim_io_update(struct env *env, struct io_watch *watch, int events)
{
	UNREACHABLE();
}

static void sim_io_stop(struct env *env, struct io_watch *watch)
{
	UNREACHABLE();
}

static const struct env_ops sim_ops = {
	.wall_ns = sim_wall_ns,
	.mono_ns = sim_mono_ns,
	.random = sim_env_random,
	.arm = sim_arm,
	.post = sim_post,
	.defer = sim_defer,
	.work = sim_work,
	.spawn = sim_spawn,
	.child_forget = sim_child_forget,
	.read_file = sim_read_file,
	.replace_file = sim_replace_file,
	.remove_file = sim_remove_file,
	.io_start = sim_io_start,
	.io_update = sim_io_update,
	.io_stop = sim_io_stop,
};

/* --- the world --- */

struct sim *sim_new(uint64_t seed)
{
	struct sim *sim = NEW(struct sim);

	sim->seed = seed;
	random_init(&sim->random, seed);
	list_init(&sim->processes);
	sim->now_ns = TIME_NS_PER_SECOND;
	sim->work_delay_ms_max = 5;
	sim->hash = UINT64_C(0xcbf29ce484222325);
	sim->trace_fd = -1;
	return sim;
}

static void free_process(struct sim_process *p)
{
	struct str path;
	void *file;

	sim_crash(p->sim, &p->env);
	while (omap_at_least(&p->files, STR(""), &path, &file)) {
		omap_remove(&p->files, path);
		free_file(file);
	}
	omap_deinit(&p->files);
	list_remove(&p->link);
	mem_free(p->name);
	mem_free(p);
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	LIST_FOR_EACH(link, &sim->processes)
		free_process(LIST_ENTRY(link, struct sim_process, link));
	mem_free(sim);
}

struct env *sim_env(struct sim *sim, const char *process)
{
	struct sim_process *p;

	LIST_FOR_EACH(link, &sim->processes) {
		p = LIST_ENTRY(link, struct sim_process, link);
		if (str_eq_c(str_from(process), p->name))
			return &p->env;
	}
	p = NEW(struct sim_process);
	p->env.ops = &sim_ops;
	p->sim = sim;
	p->name = mem_strdup(process);
	random_init(&p->random, sim->seed ^ str_hash(str_from(process)));
	list_init(&p->deferred);
	list_init(&p->mailbox);
	list_init(&p->jobs);
	p->deadline_ns = INT64_MAX;
	omap_init(&p->files);
	list_push_back(&sim->processes, &p->link);
	sim->process_count++;
	return &p->env;
}

void sim_crash(struct sim *sim, struct env *env)
{
	struct sim_process *p = process_of(env);
	struct list *link;

	ASSERT(p->sim == sim);
	while (list_pop_front(&p->deferred))
		;
	while (list_pop_front(&p->mailbox))
		;
	while ((link = list_pop_front(&p->jobs)))
		mem_free(LIST_ENTRY(link, struct job, link));
	env_deinit_timers(env);
	p->deadline_ns = INT64_MAX;
	add_hash(sim, STR("crash"));
}

void sim_shuffle(struct sim *sim, bool shuffle)
{
	sim->shuffle = shuffle;
}

void sim_set_work_delay(struct sim *sim, int64_t delay_ms_max)
{
	sim->work_delay_ms_max = delay_ms_max;
}

/* The queue whose front is to run next; NULL when all are empty. In turn, or a random one of those that are not. */
static struct list *pick_queue(struct sim *sim)
{
	struct list *picked = NULL;
	size_t index = 0, picked_rank = 0, ready_count = 0;

	LIST_FOR_EACH(link, &sim->processes) {
		struct sim_process *p = LIST_ENTRY(link, struct sim_process, link);
		struct list *queues[] = { &p->mailbox, &p->deferred };

		for (size_t i = 0; i < ARRAY_COUNT(queues); i++, index++) {
			size_t queue_count = sim->process_count * 2;
			size_t rank = (index + queue_count - sim->turn % queue_count) % queue_count;

			if (list_is_empty(queues[i]))
				continue;
			ready_count++;
			if (sim->shuffle ? sim_random_below(sim, ready_count) == 0 : !picked || rank < picked_rank) {
				picked = queues[i];
				picked_rank = rank;
			}
		}
	}
	if (picked)
		sim->turn += picked_rank + 1;
	return picked;
}

static bool run_task(struct sim *sim)
{
	struct list *queue = pick_queue(sim);
	struct task *task;

	if (!queue)
		return false;
	task = LIST_ENTRY(list_pop_front(queue), struct task, link);
	sim->now_ns += TASK_NS;
	add_hash_number(sim, (uint64_t)sim->now_ns);
	task->fn(task);
	return true;
}

static struct job *first_job(const struct sim_process *p)
{
	struct list *first = list_first(&p->jobs);

	return first ? LIST_ENTRY(first, struct job, link) : NULL;
}

static int64_t next_due_ns(const struct sim_process *p)
{
	const struct job *job = first_job(p);

	return job && job->due_ns < p->deadline_ns ? job->due_ns : p->deadline_ns;
}

static void run_done(struct task *task)
{
	struct work *work = CONTAINER_OF(task, struct work, back);

	work->done(work);
}

static void run_job(struct sim_process *p, struct job *job)
{
	struct work *work = job->work;

	list_remove(&job->link);
	mem_free(job);
	work->run(work);
	task_init(&work->back, run_done);
	sim_post(&p->env, &work->back);
}

/* What is due first, at the latest at until_ns; the clock is set to it. */
static bool run_due(struct sim *sim, int64_t until_ns)
{
	struct sim_process *first = NULL;
	struct job *job;

	LIST_FOR_EACH(link, &sim->processes) {
		struct sim_process *p = LIST_ENTRY(link, struct sim_process, link);

		if (!first || next_due_ns(p) < next_due_ns(first))
			first = p;
	}
	if (!first || next_due_ns(first) == INT64_MAX || next_due_ns(first) > until_ns)
		return false;
	if (sim->now_ns < next_due_ns(first))
		sim->now_ns = next_due_ns(first);
	add_hash_number(sim, (uint64_t)sim->now_ns);
	job = first_job(first);
	if (job && job->due_ns <= first->deadline_ns)
		run_job(first, job);
	else
		env_run_timers(&first->env);
	return true;
}

/* Tasks go first, but not always: neither they nor timers that restart themselves can starve the other. */
static bool step_until(struct sim *sim, int64_t until_ns)
{
	if (sim->step_count++ % 4 == 0 && run_due(sim, sim->now_ns))
		return true;
	return run_task(sim) || run_due(sim, until_ns);
}

bool sim_step(struct sim *sim)
{
	return step_until(sim, INT64_MAX);
}

bool sim_run_until(struct sim *sim, bool (*cond)(void *arg), void *arg, int64_t limit_ms)
{
	int64_t until_ns = sim->now_ns + limit_ms * TIME_NS_PER_MS;

	while (!cond(arg)) {
		if (sim->now_ns >= until_ns)
			return false;
		if (!step_until(sim, until_ns)) {
			sim->now_ns = until_ns;
			return cond(arg);
		}
	}
	return true;
}

static bool never(void *arg)
{
	return false;
}

void sim_run_for(struct sim *sim, int64_t duration_ms)
{
	(void)sim_run_until(sim, never, NULL, duration_ms); /* false by its meaning */
}

bool sim_settle(struct sim *sim, size_t steps_max)
{
	for (size_t i = 0; i < steps_max; i++) {
		if (!run_task(sim))
			return true;
	}
	return pick_queue(sim) == NULL;
}

int64_t sim_now_ms(const struct sim *sim)
{
	return (sim->now_ns - TIME_NS_PER_SECOND) / TIME_NS_PER_MS;
}

uint64_t sim_random(struct sim *sim)
{
	return random_next(&sim->random);
}

uint64_t sim_random_below(struct sim *sim, uint64_t bound)
{
	ASSERT(bound > 0);
	return (uint64_t)(((unsigned __int128)sim_random(sim) * bound) >> 64);
}

bool sim_chance(struct sim *sim, unsigned int per_mille)
{
	return sim_random_below(sim, 1000) < per_mille;
}

void sim_trace(struct sim *sim, const char *fmt, ...)
{
	char line[TRACE_LINE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	add_hash(sim, str_from(line));
	if (sim->trace_fd >= 0)
		dprintf(sim->trace_fd, "%10lld.%06lld %s\n", (long long)(sim->now_ns / TIME_NS_PER_SECOND),
			(long long)(sim->now_ns % TIME_NS_PER_SECOND / 1000), line);
}

void sim_trace_to(struct sim *sim, int fd)
{
	sim->trace_fd = fd;
}

uint64_t sim_hash(const struct sim *sim)
{
	return sim->hash;
}

uint64_t sim_seed(const struct sim *sim)
{
	return sim->seed;
}
