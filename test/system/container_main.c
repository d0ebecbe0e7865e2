/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-container: the container service from the command line, for system tests. Each call opens
 * the service anew, does one thing and ends, so that every test also is a test of picking
 * containers up again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "container/container.h"
#include "container/log_read.h"
#include "container/network.h"
#include "image/image.h"
#include "loop/loop.h"

#define LIST_MAX 64

struct app {
	struct loop *loop;
	struct env *env;
	struct image_store *images;
	struct network *network;
	struct container_service *containers;
	int argc;
	char **argv;
	int status;
	const char *data_dir, *run_dir, *oci_path, *subnet, *cgroup_root;
	/* options of commands */
	struct container_spec spec;
	struct str env_list[LIST_MAX], args[LIST_MAX];
	struct container_mount mounts[LIST_MAX];
	struct oci_pair labels[LIST_MAX];
	struct str reference, user, password;
	bool follow, force, die, run, timestamps, detach;
	int64_t timeout_ms, tail;
	struct timer idle;
};

static void quit(struct app *app, int status)
{
	app->status = status;
	loop_stop(app->loop);
}

static void failed(struct app *app, const struct err *err)
{
	fprintf(stderr, "%s\n", err->msg);
	quit(app, err_exit_code(err->code) ? err_exit_code(err->code) : 1);
}

/* --- images --- */

static void import_done(struct image_import *import, struct image *const *images, size_t count,
			const struct err *err)
{
	struct app *app = import->owner;

	if (err) {
		failed(app, err);
		return;
	}
	for (size_t i = 0; i < count; i++)
		printf("%s\n", images[i]->id);
	quit(app, 0);
}

static void cmd_import(struct app *app)
{
	static struct image_import import;
	static struct oci_image_config config;

	config.cmd = app->spec.args;
	config.env = app->spec.env;
	import = (struct image_import){ .path = str_from(app->argv[0]),
					.fd = -1,
					.reference = app->reference,
					.config = &config,
					.done = import_done,
					.owner = app };
	config.cmd.items++;
	config.cmd.count = config.cmd.count ? config.cmd.count - 1 : 0;
	if (strcmp(app->argv[0], "-") == 0) {
		import.path = STR_NONE;
		import.fd = 0;
	}
	image_import(app->images, &import);
}

static void pull_progress(struct image_pull *pull, const struct image_progress *progress)
{
	static const char *const names[] = { "waiting",	  "downloading", "downloaded",
					     "unpacking", "done",	 "exists" };

	(void)pull;
	fprintf(stderr, STR_FMT " %s %lld/%lld\n", STR_ARG(progress->digest),
		names[progress->state], (long long)progress->done_bytes,
		(long long)progress->total_bytes);
}

static void pull_done(struct image_pull *pull, struct image *image, const struct err *err)
{
	struct app *app = pull->owner;

	if (err) {
		failed(app, err);
		return;
	}
	printf("%s\n", image->id);
	quit(app, 0);
}

static void cancel_pull(struct timer *timer)
{
	struct app *app = CONTAINER_OF(timer, struct app, idle);

	image_pull_cancel((struct image_pull *)(void *)app->argv[0]);
}

static void cmd_pull(struct app *app)
{
	static struct image_pull pull;

	pull = (struct image_pull){ .reference = str_from(app->argv[0]),
				    .auth = { app->user, app->password },
				    .progress = pull_progress,
				    .done = pull_done,
				    .owner = app };
	if (app->timeout_ms) {
		app->argv[0] = (char *)&pull;
		timer_init(&app->idle, app->env, cancel_pull);
		timer_start(&app->idle, app->timeout_ms);
	}
	image_pull(app->images, &pull);
}

static bool print_image(void *arg, struct image *image)
{
	(void)arg;
	printf("%s %lld", image->id, (long long)image->size_bytes);
	for (size_t i = 0; i < image->names.count; i++)
		printf(" " STR_FMT, STR_ARG(image->names.items[i]));
	for (size_t i = 0; i < image->digests.count; i++)
		printf(" " STR_FMT, STR_ARG(image->digests.items[i]));
	printf("\n");
	return true;
}

static void cmd_images(struct app *app)
{
	image_walk(app->images, print_image, NULL);
	quit(app, 0);
}

static void cmd_layers(struct app *app)
{
	struct err err = { 0 };
	struct image *image = image_find(app->images, str_from(app->argv[0]), &err);

	if (!image) {
		failed(app, &err);
		return;
	}
	for (size_t i = 0; i < image->layers.count; i++)
		printf(STR_FMT "\n", STR_ARG(image->layers.items[i]));
	quit(app, 0);
}

static void change_done(struct image_change *change, const struct err *err)
{
	struct app *app = change->owner;

	if (err)
		failed(app, err);
	else
		quit(app, 0);
}

static void cmd_rmi(struct app *app)
{
	static struct image_change change;

	change = (struct image_change){ .done = change_done, .owner = app };
	image_remove(app->images, &change, str_from(app->argv[0]));
}

static void cmd_tag(struct app *app)
{
	static struct image_change change;
	struct err err = { 0 };
	struct image *image = image_find(app->images, str_from(app->argv[0]), &err);

	change = (struct image_change){ .done = change_done, .owner = app };
	if (!image)
		failed(app, &err);
	else
		image_tag(app->images, &change, image, str_from(app->argv[1]));
}

/* --- containers --- */

static void op_done(struct container_op *op, struct container *container, const struct err *err)
{
	struct app *app = op->owner;

	if (err) {
		failed(app, err);
		return;
	}
	if (container && app->run) {
		char address[INET_ADDRSTRLEN];

		if (container->address.s_addr)
			printf("%s %s\n", container->id,
			       inet_ntop(AF_INET, &container->address, address, sizeof(address)));
		else
			printf("%s\n", container->id);
	}
	fflush(stdout);
	if (app->die)
		kill(getpid(), SIGKILL);
	quit(app, 0);
}

static struct container_op *new_op(struct app *app)
{
	static struct container_op op;

	op = (struct container_op){ .done = op_done, .owner = app };
	return &op;
}

static void cmd_run(struct app *app)
{
	app->spec.image = str_from(app->argv[0]);
	app->spec.args.items++;
	app->spec.args.count--;
	app->run = true;
	container_run(app->containers, new_op(app), &app->spec);
}

static void cmd_create(struct app *app)
{
	app->spec.image = str_from(app->argv[0]);
	app->spec.args.items++;
	app->spec.args.count--;
	app->run = true;
	container_create(app->containers, new_op(app), &app->spec);
}

static void cmd_sandbox(struct app *app)
{
	app->spec.is_sandbox = true;
	app->spec.name = str_from(app->argv[0]);
	app->run = true;
	container_run(app->containers, new_op(app), &app->spec);
}

static const char *resolve(struct app *app, const char *name)
{
	struct container *c = container_find(app->containers, str_from(name));

	return c ? c->id : name;
}

static void cmd_start(struct app *app)
{
	container_start(app->containers, new_op(app), str_from(resolve(app, app->argv[0])));
}

static void cmd_stop(struct app *app)
{
	container_stop(app->containers, new_op(app), str_from(resolve(app, app->argv[0])), 0,
		       app->timeout_ms);
}

static void cmd_kill(struct app *app)
{
	container_kill(app->containers, new_op(app), str_from(resolve(app, app->argv[0])),
		       atoi(app->argv[1]));
}

static void cmd_rm(struct app *app)
{
	container_remove(app->containers, new_op(app), str_from(resolve(app, app->argv[0])),
			 app->force);
}

static void cmd_update(struct app *app)
{
	container_update(app->containers, new_op(app), str_from(resolve(app, app->argv[0])),
			 &app->spec.resources);
}

static bool print_container(void *arg, struct container *c)
{
	(void)arg;
	printf("%.12s %s %s exit=%d oom=%d pid=%d restarts=%u error=%s\n", c->id,
	       c->spec->name.len ? c->spec->name.ptr : "-", container_status_name(c->status),
	       c->exit_code, c->oom_killed, (int)c->pid, c->restart_count, c->error);
	return true;
}

static void cmd_list(struct app *app)
{
	container_walk(app->containers, print_container, NULL);
	quit(app, 0);
}

static void waited(struct container_listener *listener, enum container_event_type type,
		   struct container *c)
{
	struct app *app = listener->owner;
	static const char *const names[] = { "created", "started", "died", "oom", "removed" };

	printf("%s %s\n", names[type], c->spec->name.len ? c->spec->name.ptr : c->id);
	if (type == CONTAINER_EVENT_DIED && strcmp(c->id, app->argv[0]) == 0) {
		printf("%d\n", c->exit_code);
		quit(app, 0);
	}
}

static void cmd_wait(struct app *app)
{
	static struct container_listener listener;
	struct container *c = container_find(app->containers, str_from(app->argv[0]));

	if (!c || c->status != CONTAINER_RUNNING) {
		printf("%d\n", c ? c->exit_code : -1);
		quit(app, c ? 0 : 1);
		return;
	}
	app->argv[0] = c->id;
	listener = (struct container_listener){ .fn = waited, .owner = app };
	container_listen(app->containers, &listener);
}

/* --- exec: the pipes are copied by blocking threads of the shell around us being too much: poll
 * until they end --- */

static void copy_out(int from, int to)
{
	char block[4096];
	ssize_t n;

	while (from >= 0 && (n = read(from, block, sizeof(block))) > 0) {
		if (write(to, block, (size_t)n) < 0)
			return;
	}
}

struct exec_app {
	struct container_exec exec;
	struct io_watch out, err;
};

static void exec_out(struct io_watch *watch, int events)
{
	struct exec_app *x = CONTAINER_OF(watch, struct exec_app, out);

	copy_out(x->exec.stdout_fd, 1);
	if (events & IO_HANGUP)
		io_update(watch, 0);
}

static void exec_err(struct io_watch *watch, int events)
{
	struct exec_app *x = CONTAINER_OF(watch, struct exec_app, err);

	copy_out(x->exec.stderr_fd, 2);
	if (events & IO_HANGUP)
		io_update(watch, 0);
}

static void exec_started(struct container_exec *exec, const struct err *err)
{
	struct exec_app *x = CONTAINER_OF(exec, struct exec_app, exec);
	struct app *app = exec->owner;
	struct err why = { 0 };
	char block[65536];
	ssize_t n;

	if (err) {
		fprintf(stderr, "%s\n", err->msg);
		quit(app, exec->exit_code);
		return;
	}
	if (exec->stdin_fd >= 0) {
		while ((n = read(0, block, sizeof(block))) > 0) {
			if (write(exec->stdin_fd, block, (size_t)n) != n)
				break;
		}
		if (!exec->terminal) {
			close(exec->stdin_fd);
			exec->stdin_fd = -1;
		}
	}
	x->out.fn = exec_out;
	x->err.fn = exec_err;
	if (io_start(app->env, &x->out, exec->stdout_fd, IO_READ, &why) < 0 ||
	    (exec->stderr_fd >= 0 &&
	     io_start(app->env, &x->err, exec->stderr_fd, IO_READ, &why) < 0))
		failed(app, &why);
}

static void exec_exited(struct container_exec *exec, int exit_code)
{
	struct exec_app *x = CONTAINER_OF(exec, struct exec_app, exec);

	io_stop(&x->out);
	io_stop(&x->err);
	copy_out(exec->stdout_fd, 1);
	copy_out(exec->stderr_fd, 2);
	close(exec->stdout_fd);
	if (exec->stdin_fd >= 0)
		close(exec->stdin_fd);
	if (exec->stderr_fd >= 0)
		close(exec->stderr_fd);
	quit(exec->owner, exit_code);
}

static void cmd_exec(struct app *app)
{
	static struct exec_app x;

	x.exec = (struct container_exec){
		.argv = { app->spec.args.items + 1, app->spec.args.count - 1 },
		.env = app->spec.env,
		.user = app->spec.user,
		.working_dir = app->spec.working_dir,
		.terminal = app->spec.terminal,
		.rows = 24,
		.columns = 80,
		.want_stdin = app->spec.want_stdin,
		.want_stdout = true,
		.want_stderr = true,
		.started = exec_started,
		.exited = exec_exited,
		.owner = app,
	};
	container_exec_start(app->containers, str_from(resolve(app, app->argv[0])), &x.exec);
}

/* --- attach --- */

static void attach_started(struct container_attach *attach, const struct err *err)
{
	struct app *app = attach->owner;
	char block[4096];
	struct err why = { 0 };
	size_t queued;
	ssize_t n;

	if (err) {
		failed(app, err);
		return;
	}
	while (attach->want_stdin && (n = read(0, block, sizeof(block))) > 0) {
		if (container_attach_write(attach, str_sub(block, (size_t)n), &queued, &why) < 0) {
			failed(app, &why);
			return;
		}
	}
	if (attach->want_stdin)
		container_attach_end_input(attach);
}

static void attach_output(struct container_attach *attach, int stream, struct str bytes)
{
	(void)attach;
	if (write(stream, bytes.ptr, bytes.len) < 0)
		exit(3);
}

static void attach_closed(struct container_attach *attach)
{
	quit(attach->owner, 0);
}

static void cmd_attach(struct app *app)
{
	static struct container_attach attach;

	attach = (struct container_attach){ .want_stdin = app->spec.want_stdin,
					    .want_stdout = true,
					    .want_stderr = true,
					    .started = attach_started,
					    .output = attach_output,
					    .closed = attach_closed,
					    .owner = app };
	container_attach_start(app->containers, str_from(resolve(app, app->argv[0])), &attach);
}

/* --- logs --- */

static struct log_read logs;

static bool log_lines(struct log_read *read, int stream, struct str bytes)
{
	(void)read;
	return write(stream, bytes.ptr, bytes.len) >= 0;
}

static void log_done(struct log_read *read, const struct err *err)
{
	if (err)
		failed(read->owner, err);
	else
		quit(read->owner, 0);
}

static void log_ended(struct container_listener *listener, enum container_event_type type,
		      struct container *c)
{
	struct app *app = listener->owner;

	if (type == CONTAINER_EVENT_DIED && strcmp(c->id, app->argv[0]) == 0)
		log_read_finish(&logs);
}

static void cmd_logs(struct app *app)
{
	static struct container_listener listener;
	struct container *c = container_find(app->containers, str_from(app->argv[0]));

	if (!c) {
		fprintf(stderr, "No such container: %s\n", app->argv[0]);
		quit(app, 1);
		return;
	}
	app->argv[0] = c->id;
	logs = (struct log_read){ .path = container_log_path(c),
				  .format = c->spec->log_format,
				  .tail_lines = app->tail,
				  .timestamps = app->timestamps,
				  .want_stdout = true,
				  .want_stderr = true,
				  .follow = app->follow,
				  .lines = log_lines,
				  .done = log_done,
				  .owner = app };
	listener = (struct container_listener){ .fn = log_ended, .owner = app };
	container_listen(app->containers, &listener);
	log_read_start(app->env, &logs);
	if (c->status != CONTAINER_RUNNING)
		log_read_finish(&logs);
}

static void stats_done(struct container_stats *stats, const struct err *err)
{
	if (err) {
		failed(stats->owner, err);
		return;
	}
	printf("cpu_ns %llu memory %llu working_set %llu limit %llu pids %llu writable %llu\n",
	       (unsigned long long)stats->cpu_ns, (unsigned long long)stats->memory_bytes,
	       (unsigned long long)stats->working_set_bytes,
	       (unsigned long long)stats->memory_limit_bytes, (unsigned long long)stats->pids,
	       (unsigned long long)stats->writable_bytes);
	quit(stats->owner, 0);
}

static void cmd_stats(struct app *app)
{
	static struct container_stats stats;

	stats = (struct container_stats){ .done = stats_done, .owner = app, .want_disk = true };
	container_stats_read(app->containers, str_from(resolve(app, app->argv[0])), &stats);
}

/* --- command line --- */

static const struct {
	const char *name;
	int args_min;
	void (*run)(struct app *app);
	bool needs_containers;
} commands[] = {
	{ "import", 1, cmd_import },	     { "pull", 1, cmd_pull },
	{ "images", 0, cmd_images },	     { "layers", 1, cmd_layers },
	{ "rmi", 1, cmd_rmi, true },	     { "tag", 2, cmd_tag },
	{ "run", 1, cmd_run, true },	     { "create", 1, cmd_create, true },
	{ "sandbox", 1, cmd_sandbox, true }, { "start", 1, cmd_start, true },
	{ "stop", 1, cmd_stop, true },	     { "kill", 2, cmd_kill, true },
	{ "rm", 1, cmd_rm, true },	     { "update", 1, cmd_update, true },
	{ "list", 0, cmd_list, true },	     { "wait", 1, cmd_wait, true },
	{ "exec", 1, cmd_exec, true },	     { "attach", 1, cmd_attach, true },
	{ "logs", 1, cmd_logs, true },	     { "stats", 1, cmd_stats, true },
};

static void add_mount(struct app *app, char *text)
{
	struct container_mount *m = &app->mounts[app->spec.mount_count++];
	struct str rest = str_from(text), part;

	app->spec.mounts = app->mounts;
	(void)str_next_part(&rest, ':', &m->source);
	(void)str_next_part(&rest, ':', &m->target);
	while (rest.ptr && str_next_part(&rest, ':', &part)) {
		if (str_eq_c(part, "ro"))
			m->read_only = true;
		else
			m->sub_path = part;
	}
}

static void set_option(struct app *app, const char *name, char *value)
{
	struct container_spec *s = &app->spec;

	if (strcmp(name, "--data-dir") == 0)
		app->data_dir = value;
	else if (strcmp(name, "--run-dir") == 0)
		app->run_dir = value;
	else if (strcmp(name, "--oci") == 0)
		app->oci_path = value;
	else if (strcmp(name, "--subnet") == 0)
		app->subnet = value;
	else if (strcmp(name, "--cgroup-root") == 0)
		app->cgroup_root = value;
	else if (strcmp(name, "--cgroup-parent") == 0)
		s->cgroup_parent = str_from(value);
	else if (strcmp(name, "--name") == 0)
		s->name = app->reference = str_from(value);
	else if (strcmp(name, "--in") == 0)
		s->sandbox_id = str_from(value);
	else if (strcmp(name, "--user") == 0)
		s->user = app->user = str_from(value);
	else if (strcmp(name, "--password") == 0)
		app->password = str_from(value);
	else if (strcmp(name, "--dir") == 0)
		s->working_dir = str_from(value);
	else if (strcmp(name, "--log-path") == 0)
		s->log_path = str_from(value);
	else if (strcmp(name, "--memory") == 0)
		s->resources.memory_bytes = atoll(value);
	else if (strcmp(name, "--pids") == 0)
		s->resources.pids_max = atoll(value);
	else if (strcmp(name, "--timeout") == 0)
		app->timeout_ms = atoll(value);
	else if (strcmp(name, "--tail") == 0)
		app->tail = atoll(value);
	else if (strcmp(name, "--mount") == 0)
		add_mount(app, value);
	else if (strcmp(name, "--env") == 0)
		app->env_list[s->env.count++] = str_from(value);
	else {
		fprintf(stderr, "unknown option %s\n", name);
		exit(2);
	}
}

static bool set_flag(struct app *app, const char *name)
{
	struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "-f", &app->force },
		{ "--follow", &app->follow },
		{ "--die", &app->die },
		{ "-t", &app->spec.terminal },
		{ "-i", &app->spec.want_stdin },
		{ "--once", &app->spec.stdin_once },
		{ "--timestamps", &app->timestamps },
		{ "--privileged", &app->spec.privileged },
		{ "--read-only", &app->spec.read_only_root },
	};

	if (strcmp(name, "--host-network") == 0) {
		app->spec.network = CONTAINER_NAMESPACE_HOST;
		return true;
	}
	if (strcmp(name, "--json") == 0) {
		app->spec.log_format = CONTAINER_LOG_JSON_FILE;
		return true;
	}
	for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
		if (strcmp(name, flags[i].name) == 0) {
			*flags[i].flag = true;
			return true;
		}
	}
	return false;
}

static int open_all(struct app *app, bool needs_containers, struct err *err)
{
	struct image_store_options images = { .env = app->env, .data_dir = app->data_dir };
	char leases[512];
	struct network_options network = {
		.env = app->env, .bridge = "cubetest0", .prefix_len = 24, .lease_dir = leases
	};

	if (image_store_open(&images, &app->images, err) < 0)
		return -1;
	if (!needs_containers)
		return 0;
	snprintf(leases, sizeof(leases), "%s/leases", app->data_dir);
	if (app->subnet && (inet_pton(AF_INET, app->subnet, &network.subnet) != 1 ||
			    network_open(&network, &app->network, err) < 0))
		return -1;
	struct container_service_options options = {
		.env = app->env,
		.images = app->images,
		.network = app->network,
		.data_dir = app->data_dir,
		.run_dir = app->run_dir,
		.oci_path = app->oci_path,
		.cgroup_root = app->cgroup_root,
	};

	return container_service_open(&options, &app->containers, err);
}

int main(int argc, char **argv)
{
	struct app app = { .oci_path = getenv("CUBE_OCI"),
			   .cgroup_root = "/cube-test",
			   .tail = -1 };
	struct err err = { 0 };
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (set_flag(&app, argv[i]))
			continue;
		if (i + 1 >= argc)
			return 2;
		set_option(&app, argv[i], argv[i + 1]);
		i++;
	}
	app.spec.env.items = app.env_list;
	if (i >= argc || !app.data_dir || !app.run_dir) {
		fprintf(stderr, "usage: test-container --data-dir DIR --run-dir DIR [options] "
				"COMMAND [ARGS]\n");
		return 2;
	}
	app.argc = argc - i - 1;
	app.argv = argv + i + 1;
	for (int k = 0; k < app.argc && k < LIST_MAX; k++)
		app.args[app.spec.args.count++] = str_from(app.argv[k]);
	app.spec.args.items = app.args;
	app.loop = loop_new();
	app.env = loop_env(app.loop);
	for (size_t k = 0; k < ARRAY_COUNT(commands); k++) {
		if (strcmp(argv[i], commands[k].name) != 0 || app.argc < commands[k].args_min)
			continue;
		if (open_all(&app, commands[k].needs_containers, &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			return 1;
		}
		commands[k].run(&app);
		loop_run(app.loop);
		fflush(stdout);
		/* As a killed server would: nothing is closed. But what was begun on workers is let
		 * finish. */
		_exit(app.status);
	}
	fprintf(stderr, "unknown command %s\n", argv[i]);
	return 2;
}
