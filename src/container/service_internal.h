/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container service's inside. A struct unit is one container; it belongs to the loop. Worker
 * threads get a struct of their own (struct job, struct making, …) with copies or borrowed parts of
 * the unit that do not change meanwhile.
 */
#ifndef CUBE_CONTAINER_SERVICE_INTERNAL_H
#define CUBE_CONTAINER_SERVICE_INTERNAL_H

#include "base/arena.h"
#include "base/map.h"
#include "container/container.h"
#include "container/monitor_link.h"
#include "container/network.h"
#include "container/record.h"
#include "image/image.h"

#define NAMESPACE_FD_COUNT 4
enum namespace_fd { NS_NETWORK, NS_IPC, NS_UTS, NS_PID };

struct container_service {
	struct env *env;
	struct image_store *images;
	struct network *network;
	char *containers_path; /* <data_dir>/containers */
	char *states_path;     /* <run_dir>/containers */
	char *empty_path;      /* an empty folder: lower layer of an image without any */
	char *oci_path;
	bool has_cgroup_v1;
	char *cgroup_root;    /* before every cgroup_parent; "" = none */
	char *cgroup_default; /* parent of containers that name none */

	int containers_fd, states_fd;
	struct map by_id, by_name;
	struct list units; /* in order of creation */
	struct list listeners;
	unsigned busy; /* works, children, ops */
};

struct unit {
	struct container c; /* what others see */
	struct container_service *service;
	struct arena arena; /* spec and user */
	struct container_spec spec;
	struct container_user user;
	char *dir_path;	  /* <containers_path>/<id> */
	char *state_path; /* <states_path>/<id> */
	char *log_path;	  /* "" = none */
	struct list link;
	struct monitor_link monitor;
	int ns_fds[NAMESPACE_FD_COUNT]; /* a running sandbox's, and pid of any that shares it; -1 =
					   none */
	bool is_preparing;		/* create has not finished */
	struct list waiters;		/* struct waiter: want to know when it ended */
	struct list replies;		/* struct reply: sent to the monitor, not answered yet */
	uint16_t next_tag;
	struct work save; /* record */
	struct buf save_text;
	bool saving, save_again, save_durable;
	struct starting *starting;       /* lifecycle.c's, while it waits for a record */
	struct removing *removing;	    /* ending.c's */
	void (*after_save)(struct unit *u); /* removal: waits until no record is being written */
};

/* Called once when the container has ended (also when it was not running at all). */
struct waiter {
	void (*fn)(struct waiter *waiter);
	struct list link;
};
/* Called once with the monitor's answer; err NULL = REPLY. */
struct reply {
	void (*fn)(struct reply *reply, struct str payload, const struct err *err);
	uint16_t tag;
	struct list link;
};

static inline struct unit *unit_of(struct container *c)
{
	return CONTAINER_OF(c, struct unit, c);
}

/* --- service.c --- */
struct unit *unit_new(struct container_service *s, const char *id);
void unit_insert(struct unit *u);	      /* findable from here on */
void unit_forget(struct unit *u);	      /* takes it out of the maps and frees it */
void unit_save(struct unit *u, bool durable); /* writes the record, on a worker */
int unit_encode_record(const struct unit *u, struct buf *to, struct err *err) MUST_CHECK;
void service_emit(struct unit *u, enum container_event_type type);
struct str unit_cgroup_path(const struct unit *u, struct arena *arena);

/* --- state.c: the one place where a status changes --- */
enum container_cause {
	CAUSE_START,	     /* CREATED, EXITED → STARTING */
	CAUSE_STARTED,	     /* STARTING → RUNNING */
	CAUSE_START_FAILED,  /* STARTING → EXITED */
	CAUSE_ENDED,	     /* STARTING, RUNNING → EXITED */
	CAUSE_REMOVE,	     /* CREATED, EXITED → REMOVING */
	CAUSE_REMOVE_FAILED, /* REMOVING → EXITED */
};
struct container_end {
	int exit_code, exit_signal;
	bool oom_killed;
	int64_t started_ns, finished_ns; /* 0 = not said */
	const char *error;
};
/* False, and nothing changed, when the cause does not fit the status. end: for CAUSE_ENDED and
 * CAUSE_START_FAILED. */
bool container_advance(struct unit *u, enum container_cause cause, const struct container_end *end);
bool container_may(enum container_status status, enum container_cause cause,
		   enum container_status *ret_next);

/* --- monitor.c: what the monitor of a running container says --- */
int monitor_follow(struct unit *u,
		   struct err *err) MUST_CHECK; /* connects; from now on its end is noticed */
void monitor_ask(struct unit *u, uint8_t type, struct str payload, struct reply *reply);
void unit_wait(struct unit *u, struct waiter *waiter);
int exit_record_read(const char *state_path, struct container_end *ret, struct err *err) MUST_CHECK;
int unit_open_namespaces(struct unit *u, struct err *err) MUST_CHECK;
void unit_close_namespaces(struct unit *u);
/* What a vanished monitor left is removed by `cube-oci delete --force`; then CAUSE_ENDED. */
void unit_clear_up(struct unit *u);

/* --- restore.c --- */
int service_restore(struct container_service *s, struct err *err) MUST_CHECK;

/* --- ops --- */
/* Ends a container_op, later on the loop; unit NULL = there is none (any more). */
void op_finish(struct container_service *s, struct container_op *request, struct unit *u,
	       const struct err *err);

#endif
