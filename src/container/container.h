/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE container service: records, life cycle, exec, attach, stats and events of containers and pod
 * sandboxes, used by the kubelet, the engine and the CRI alike. A container is held by a monitor
 * process (cube-oci) that outlives this process; a service that is opened again finds its
 * containers as they are now.
 *
 *   CREATED --start--> STARTING --monitor answers--> RUNNING --first process ends--> EXITED
 * --start--> STARTING ...
 *                         \--fails--> EXITED (exit_code 128 and `error`)
 *   any but STARTING --remove--> REMOVING --> gone
 *
 * All transitions go through container_advance() in state.c. Everything here is called on the loop
 * and calls back there, never from inside the call; what blocks runs on worker threads.
 */
#ifndef CUBE_CONTAINER_CONTAINER_H
#define CUBE_CONTAINER_CONTAINER_H

#include <netinet/in.h>
#include "base/list.h"
#include "container/spec.h"
#include "loop/env.h"

struct container_service;
struct image;
struct image_store;
struct network;

#define CONTAINER_ID_BYTES 65 /* 64 hexadecimal digits and NUL */

struct container_service_options {
	struct env *env;
	struct image_store *images;
	struct network
		*network; /* for sandboxes that do not use the host's; NULL: those are refused */
	const char *data_dir;	 /* absolute; containers lie in <data_dir>/containers, mode 0700 */
	const char *run_dir;	 /* absolute; monitors' state in <run_dir>/containers */
	const char *oci_path;	 /* the cube-oci program */
	const char *cgroup_root; /* above all cgroups made, NULL or "/" = none; containers that
				  * name no parent are in <cgroup_root>/cube */
};

/* Reads the records, reconnects to the monitors that are alive, notes what ended meanwhile, clears
 * away what has no record. Blocks; for start-up. Afterwards every container has its present status.
 */
int container_service_open(const struct container_service_options *options,
			   struct container_service **ret, struct err *err) MUST_CHECK;
/* Containers go on. Nothing may be under way: no op, exec, attach or stats. */
void container_service_close(struct container_service *service);

enum container_status {
	CONTAINER_CREATED,
	CONTAINER_STARTING,
	CONTAINER_RUNNING,
	CONTAINER_EXITED,
	CONTAINER_REMOVING,
};
const char *
container_status_name(enum container_status status) PURE; /* "created", "running", ... */

/* Read-only outside container/. Borrowed until the loop's next turn: keep the id. */
struct container {
	char id[CONTAINER_ID_BYTES];
	enum container_status status;
	const struct container_spec *spec; /* as asked for, with the image's reference as given */
	struct image *image;		   /* NULL for a sandbox */
	struct container *sandbox;	   /* NULL for a sandbox and outside pods */
	pid_t pid;			   /* while running, else 0 */
	int exit_code;			   /* once EXITED; 128 + n when signal n ended it */
	int exit_signal;
	bool oom_killed;
	uint32_t restart_count;			     /* starts after the first */
	int64_t created_ns, started_ns, finished_ns; /* wall clock; 0 = not yet */
	char error[256];	/* why it could not be started; empty otherwise */
	uint32_t uid, gid;	/* what spec and image resolve to */
	struct in_addr address; /* of a sandbox with a network of its own; else 0 */
	void *impl;
};

/* NULL when there is none. By ID, by name, or by a unique prefix of an ID. */
struct container *container_find(struct container_service *service, struct str id_or_name);
/* By exact ID. */
struct container *container_get(struct container_service *service, struct str id);
/* Calls fn for each until it returns false, oldest first. fn must not create or remove. */
void container_walk(struct container_service *service,
		    bool (*fn)(void *arg, struct container *container), void *arg);

/* --- life cycle --- */

/* One call under way; the caller's memory until done. */
struct container_op {
	/* err NULL = success. container is NULL after a removal and when there is none. */
	void (*done)(struct container_op *op, struct container *container, const struct err *err);
	void *owner;
	void *impl; /* the service's */
	struct list link;
};

/* Makes the record; nothing runs yet. spec is copied. The image must be in the store (ERR_NOT_FOUND
 * `No such image: x`). A name in use is ERR_EXISTS. A sandbox is a container whose spec says
 * is_sandbox. */
void container_create(struct container_service *service, struct container_op *op,
		      const struct container_spec *spec);
/* Starts it (a sandbox: with its network); done once the program was exec'd. */
void container_start(struct container_service *service, struct container_op *op, struct str id);
/* container_create and container_start in one. On failure to start the container stays, EXITED,
 * with its error. */
void container_run(struct container_service *service, struct container_op *op,
		   const struct container_spec *spec);
/* signal 0 = the spec's or image's stop signal. KILL after timeout_ms (0 = at once, < 0 = never).
 * done when it ended; success when it was not running. */
void container_stop(struct container_service *service, struct container_op *op, struct str id,
		    int signo, int64_t timeout_ms);
/* Sends the signal and does not wait. ERR_CONFLICT when it is not running. */
void container_kill(struct container_service *service, struct container_op *op, struct str id,
		    int signo);
/* force: kills it first. ERR_CONFLICT when it runs and not force; a sandbox takes its containers
 * along when force. Leaves nothing: overlay, cgroup, network, state, record. The log stays when
 * log_path is outside the container's folder. */
void container_remove(struct container_service *service, struct container_op *op, struct str id,
		      bool force);
/* Gives up waiting: done follows with ERR_CANCELLED; what was begun goes on. */
void container_op_cancel(struct container_service *service, struct container_op *op);

/* New limits for a running container, also kept for its next start. */
void container_update(struct container_service *service, struct container_op *op, struct str id,
		      const struct container_resources *resources);
/* The log file was renamed away: the monitor makes a new one. */
void container_reopen_log(struct container_service *service, struct container_op *op,
			  struct str id);

/* --- events: listeners are called on the loop after the change --- */
enum container_event_type {
	CONTAINER_EVENT_CREATED,
	CONTAINER_EVENT_STARTED,
	CONTAINER_EVENT_DIED, /* exit_code and the like are set */
	CONTAINER_EVENT_OOM,  /* a process was killed for lack of memory; the container may go on */
	CONTAINER_EVENT_REMOVED, /* last call with this container */
};
struct container_listener {
	void (*fn)(struct container_listener *listener, enum container_event_type type,
		   struct container *container);
	void *owner;
	struct list link;
};
void container_listen(struct container_service *service, struct container_listener *listener);
void container_unlisten(struct container_listener *listener);

/* --- exec --- */
struct container_exec {
	struct str_list argv;	/* these are copied by container_exec_start */
	struct str_list env;	/* added to the container's */
	struct str working_dir; /* empty = the container's */
	struct str user;	/* empty = the container's */
	bool privileged, terminal;
	bool want_stdin, want_stdout, want_stderr;
	uint16_t rows, columns; /* of a terminal */
	/* err NULL: it runs, and the descriptors wanted are open: non-blocking, the caller's to
	 * close; -1 where not wanted. A terminal has its master in stdin_fd (when wanted) and
	 * stdout_fd, each an own descriptor. Otherwise nothing follows. err messages are runc's:
	 * `exec: "x": executable file not found in $PATH`; exit_code is 126 or 127 then. */
	void (*started)(struct container_exec *exec, const struct err *err);
	/* It ended; exec may be freed. Output that is still in the pipes remains to be read. */
	void (*exited)(struct container_exec *exec, int exit_code);
	void *owner;
	int stdin_fd, stdout_fd, stderr_fd;
	pid_t pid;
	int exit_code;
	void *impl;
};
/* ERR_CONFLICT when it is not running. */
void container_exec_start(struct container_service *service, struct str id,
			  struct container_exec *exec);
void container_exec_resize(struct container_exec *exec, uint16_t rows, uint16_t columns);
/* Ends the program (KILL), for callers whose client has gone or whose time is up; exited follows.
 */
void container_exec_kill(struct container_exec *exec);

/* --- attach: the container's own stdio through its monitor --- */
struct container_attach {
	bool want_stdin, want_stdout, want_stderr;
	/* err NULL: attached. Otherwise nothing follows. */
	void (*started)(struct container_attach *attach, const struct err *err);
	void (*output)(struct container_attach *attach, int stream,
		       struct str bytes); /* stream 1 or 2 */
	void (*writable)(
		struct container_attach *attach); /* optional: all that was written went out */
	/* The container ended, or the connection broke. Not after container_attach_close. */
	void (*closed)(struct container_attach *attach);
	void *owner;
	void *impl;
};
/* ERR_CONFLICT when it is not running. */
void container_attach_start(struct container_service *service, struct str id,
			    struct container_attach *attach);
/* Queues bytes for stdin; returns how many are queued now, so that the caller stops reading its
 * client (above CONTAINER_ATTACH_QUEUE_MAX they are refused with ERR_TOO_LARGE) until writable. */
int container_attach_write(struct container_attach *attach, struct str bytes,
			   size_t *ret_queued_bytes, struct err *err) MUST_CHECK;
void container_attach_end_input(struct container_attach *attach);
void container_attach_resize(struct container_attach *attach, uint16_t rows, uint16_t columns);
void container_attach_pause(struct container_attach *attach,
			    bool paused); /* no output while paused */
void container_attach_close(struct container_attach *attach);

/* --- stats --- */
struct container_stats {
	/* err NULL: the numbers are set. */
	void (*done)(struct container_stats *stats, const struct err *err);
	void *owner;
	int64_t at_ns; /* wall clock */
	uint64_t cpu_ns, cpu_user_ns, cpu_system_ns;
	uint64_t throttled_ns, throttled_periods, periods;
	uint64_t memory_bytes;	    /* in use with page cache */
	uint64_t working_set_bytes; /* in use without inactive page cache, as the kubelet counts */
	uint64_t rss_bytes, memory_limit_bytes, page_faults, major_page_faults;
	uint64_t pids, pids_limit; /* limits: 0 = none */
	uint64_t writable_bytes,
		writable_inodes; /* the container's own layer; 0 unless want_disk */
	bool want_disk;		 /* walks the container's own layer */
	void *impl;
};
void container_stats_read(struct container_service *service, struct str id,
			  struct container_stats *stats);

/* --- files --- */
/* Where its log is; empty when it has none. Borrowed. */
struct str container_log_path(const struct container *container);

#endif
