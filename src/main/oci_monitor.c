/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cube-oci monitor`: joins runtime/ (which makes the container) and shim/ (which holds it). The container is made in
 * this very process, so that a container costs one exec. After that everything the job needed is given back, because
 * this process stays as long as the container does.
 */
#include "main/oci_monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "linux/process.h"
#include "oci/default_seccomp.h"
#include "oci/monitor.h"
#include "runtime/create.h"
#include "shim/job.h"
#include "shim/monitor.h"

struct held {
	struct arena names; /* strings that container and log point to */
	struct container container;
	struct shim_subject subject;
	struct shim_log log;
	int listen_fd;
	bool is_sandbox;
};

/* Needed for making the container only. */
struct work {
	struct arena arena;
	struct buf text;
	yyjson_doc *doc;
	struct shim_job job;
	struct oci_spec spec;
	struct oci_seccomp seccomp;
	int child_stdio[3];
};

static int read_job(struct work *w, struct err *err)
{
	if (fd_set_cloexec(MONITOR_JOB_FD, true, err) < 0 || fd_set_cloexec(MONITOR_READY_FD, true, err) < 0)
		return -1;
	if (fd_read_file(AT_FDCWD, "/proc/self/fd/3", MONITOR_JOB_BYTES_MAX, &w->text, err) < 0 ||
	    oci_json_parse(buf_str(&w->text), "job", &w->doc, err) < 0 ||
	    shim_job_decode(yyjson_doc_get_root(w->doc), &w->arena, &w->job, err) < 0)
		return -1;
	close(MONITOR_JOB_FD);
	if (oci_spec_decode(w->job.config, &w->arena, &w->spec, err) < 0)
		return err_wrap(err, "config");
	if (w->job.seccomp && !w->spec.linux_part->seccomp) {
		oci_default_seccomp(w->spec.process ? w->spec.process->capabilities : NULL, &w->arena, &w->seccomp);
		w->spec.linux_part->seccomp = &w->seccomp;
	}
	return 0;
}

static int open_log(struct held *h, const struct shim_job *job, struct err *err)
{
	h->log = (struct shim_log){ .format = SHIM_LOG_NONE, .fd = -1, .max_files = 1 };
	if (job->log) {
		h->log.format = (enum shim_log_format)job->log->format;
		h->log.path = job->log->path ? str_c_in(&h->names, str_from(job->log->path)) : NULL;
		h->log.max_size_bytes = job->log->max_size_bytes.value;
		h->log.max_files = job->log->max_files.value ? (unsigned)job->log->max_files.value : 1;
	}
	return shim_log_open(&h->log, err);
}

static int make_pipe(int *ret_read, int *ret_write, struct err *err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_os(err, "pipe");
	*ret_read = pair[0];
	*ret_write = pair[1];
	return 0;
}

static int make_stdio(struct held *h, struct work *w, struct err *err)
{
	struct shim_subject *s = &h->subject;

	s->stdin_once = w->job.stdin_once;
	if (h->is_sandbox || (w->spec.process && w->spec.process->terminal))
		return 0;
	if (make_pipe(&s->output_fds[0], &w->child_stdio[1], err) < 0 ||
	    make_pipe(&s->output_fds[1], &w->child_stdio[2], err) < 0)
		return -1;
	if (w->job.has_stdin)
		return make_pipe(&w->child_stdio[0], &s->stdin_fd, err);
	w->child_stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return w->child_stdio[0] < 0 ? err_os(err, "open /dev/null") : 0;
}

static int subject_start(void *arg, struct err *err)
{
	struct held *h = arg;
	struct oci_spec spec;
	yyjson_doc *doc;
	AUTO_ARENA arena = { 0 };
	int failed;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (container_spec(&h->container, &arena, &spec, &doc, err) < 0)
		return -1;
	failed = container_start(&h->container, &spec, err);
	yyjson_doc_free(doc);
	return failed;
}

static int subject_signal(void *arg, int signal, bool all)
{
	struct held *h = arg;

	if (all && h->container.has_cgroup)
		return container_signal_all(&h->container, signal);
	return process_signal(h->container.pidfd, signal);
}

static void subject_end(void *arg)
{
	struct held *h = arg;

	/* with a pid namespace of its own there is nothing left to kill, and this only looks */
	if (h->container.has_cgroup && cgroup_kill(&h->container.cgroup) < 0)
		log_warn("monitor", "processes of cgroup %s are left", h->container.cgroup.path);
}

static int subject_finish(void *arg, struct err *err)
{
	struct held *h = arg;
	struct oci_spec spec;
	yyjson_doc *doc = NULL;
	AUTO_ARENA arena = { 0 };
	int failed;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	fd_close(&h->container.pidfd);
	if (h->container.has_poststop && container_spec(&h->container, &arena, &spec, &doc, err) < 0)
		return -1;
	failed = container_delete(&h->container, doc ? &spec : NULL, true, err);
	yyjson_doc_free(doc);
	return failed;
}

static int make_container(struct held *h, struct work *w, struct err *err)
{
	struct overlay overlay;
	struct created created;
	struct create create = {
		.id = str_c_in(&h->names, str_from(w->job.id)),
		.root = str_c_in(&h->names, path_dir(str_from(w->job.state_dir))),
		.spec = &w->spec,
		.config = buf_str(&w->text),
		.config_name = CONTAINER_JOB,
		.is_sandbox = h->is_sandbox,
		.wait_for_start = !w->job.start,
		.dir_may_exist = true,
		.console_socket = -1,
	};

	create.bundle = str_c_in(&h->names, str_from(w->job.state_dir));
	memcpy(create.stdio, w->child_stdio, sizeof(create.stdio));
	if (w->job.overlay) {
		overlay = (struct overlay){ w->job.overlay->lower, w->job.overlay->upper, w->job.overlay->work };
		create.overlay = &overlay;
	}
	if (container_create(&create, &w->arena, &h->container, &created, err) < 0)
		return -1;
	h->subject.pid = h->container.pid;
	h->subject.master_fd = created.master;
	h->subject.created_ns = h->container.created_ns;
	h->subject.started_ns = created.started_ns;
	h->subject.state_dir_fd = h->container.dir_fd;
	/* rootfs points into the job */
	h->container.rootfs = NULL;
	h->container.annotations = (struct oci_map){ 0 };
	return 0;
}

static int make(struct held *h, struct work *w, struct err *err)
{
	struct err inner;

	if (read_job(w, err) < 0)
		return -1;
	h->is_sandbox = w->job.is_sandbox;
	if (open_log(h, &w->job, err) < 0 || make_stdio(h, w, err) < 0 || make_container(h, w, err) < 0)
		return -1;
	oom_watch_open(&h->subject.oom, h->container.has_cgroup ? &h->container.cgroup : NULL, 0);
	if (w->job.start && container_started(&h->container, &w->spec, &inner) < 0)
		log_warn("monitor", "%s", inner.msg);
	h->listen_fd = monitor_listen(h->container.dir_fd, err);
	if (h->listen_fd < 0) {
		if (container_destroy(&h->container, &inner) < 0)
			log_warn("monitor", "clean up: %s", inner.msg);
		return -1;
	}
	return 0;
}

static void answer(const struct held *h, const struct err *err)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	char *text;

	yyjson_mut_doc_set_root(doc, root);
	if (err) {
		yyjson_mut_obj_add_str(doc, root, "error", err->msg);
	} else {
		yyjson_mut_obj_add_int(doc, root, "pid", h->container.pid);
		yyjson_mut_obj_add_int(doc, root, "createdNs", h->subject.created_ns);
		yyjson_mut_obj_add_int(doc, root, "startedNs", h->subject.started_ns);
	}
	text = yyjson_mut_write(doc, YYJSON_WRITE_NEWLINE_AT_END, NULL);
	yyjson_mut_doc_free(doc);
	if (text && fd_write_all(MONITOR_READY_FD, text, strlen(text), NULL) < 0)
		text[0] = '\0'; /* a daemon that is gone meanwhile will find us by the socket */
	free(text);
	close(MONITOR_READY_FD);
}

/* Signals meant for the daemon's group must not end us; a closed pipe is an error code, not a death. */
static int become_monitor(struct err *err)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGTTOU, SIGTTIN };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < ARRAY_COUNT(ignored); i++) {
		if (sigaction(ignored[i], &ignore, NULL) < 0)
			return err_os(err, "ignore signal %d", ignored[i]);
	}
	if (setsid() < 0 && errno != EPERM)
		return err_os(err, "make a session");
	if (chdir("/") < 0)
		return err_os(err, "chdir /");
	if (process_set_subreaper() < 0)
		return err_os(err, "become the reaper of orphans");
	return prctl(PR_SET_NAME, "cube-monitor", 0, 0, 0) < 0 ? err_os(err, "name the process") : 0;
}

int oci_monitor_main(void)
{
	struct held h = {
		.subject = { .stdin_fd = -1, .output_fds = { -1, -1 }, .master_fd = -1,
			     .oom = { .fd = -1 }, .start = subject_start, .signal = subject_signal,
			     .end = subject_end, .finish = subject_finish },
		.listen_fd = -1,
	};
	struct work w = { .child_stdio = { -1, -1, -1 } };
	struct err err;
	int failed;

	h.subject.arg = &h;
	container_blank(&h.container);
	arena_init(&h.names, ARENA_DEFAULT_MAX);
	arena_init(&w.arena, ARENA_DEFAULT_MAX);
	buf_init(&w.text, MONITOR_JOB_BYTES_MAX);
	failed = become_monitor(&err);
	if (failed == 0)
		failed = make(&h, &w, &err);
	answer(&h, failed < 0 ? &err : NULL);
	for (int i = 0; i < 3; i++)
		fd_close(&w.child_stdio[i]);
	yyjson_doc_free(w.doc);
	buf_deinit(&w.text);
	arena_deinit(&w.arena);
	if (failed < 0) {
		arena_deinit(&h.names);
		return 1;
	}
	malloc_trim(0);
	failed = monitor_run(&h.subject, &h.log, h.listen_fd, &err);
	if (failed < 0)
		log_error("monitor", "%s", err.msg);
	container_close(&h.container);
	arena_deinit(&h.names);
	return failed < 0 ? 1 : 0;
}
