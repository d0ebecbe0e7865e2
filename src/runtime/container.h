/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container as the runtime sees it: its state folder <root>/<id>, its first process and its cgroups. The folder holds
 *   state.json   what `state` prints and more; written once, right after the first process was cloned
 *   config.json  the configuration it was made from (or job.json, which has it as "config")
 *   cgroup       a link whose text is the cgroup path, made before any cgroup: what `delete --force` goes by when the
 *                runtime was killed half-way
 *   start.sock   exists until the container is started: its first process listens on it
 *   exit.json    written by the monitor when it is over
 */
#ifndef CUBE_RUNTIME_CONTAINER_H
#define CUBE_RUNTIME_CONTAINER_H

#include <limits.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"
#include "linux/cgroup.h"
#include "oci/spec.h"

#define CONTAINER_STATE "state.json"
#define CONTAINER_CONFIG "config.json"
#define CONTAINER_JOB "job.json"
#define CONTAINER_CGROUP "cgroup"
#define CONTAINER_START "start.sock"
#define CONTAINER_STATE_MAX (256u << 10)
#define CONTAINER_ID_MAX 1024

enum container_status { CONTAINER_CREATING, CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_PAUSED, CONTAINER_STOPPED };

struct container {
	const char *id;          /* strings: borrowed from the arena or the caller */
	const char *root;        /* folder of all state folders */
	const char *bundle;
	const char *rootfs;
	const char *owner;
	int dir_fd;              /* the state folder */
	int pidfd;               /* -1 when it is not running */
	pid_t pid;
	uint64_t start_ticks;
	uint64_t namespaces;	    /* CLONE_NEW… that differ from the host's */
	uint64_t joined_namespaces; /* … and are another container's */
	int64_t created_ns;
	bool has_cgroup;
	bool has_poststop;
	enum container_status status; /* as container_open found it */
	struct cgroup cgroup;
	struct oci_map annotations;
};

struct program;

int container_id_check(const char *id, struct err *err) MUST_CHECK;
/* Makes the state folder; ERR_EXISTS when there is one (with may_exist: when it holds a container). */
int container_make_dir(struct container *c, bool may_exist, struct err *err) MUST_CHECK;
/* While it is locked it is being created; whoever starts it waits for that. */
int container_lock(const struct container *c, struct err *err) MUST_CHECK;
/* ERR_TIMEOUT when somebody else keeps it for so long. */
int container_lock_within(const struct container *c, int wait_ms, struct err *err) MUST_CHECK;
void container_unlock(const struct container *c);
/* Before it is removed by force: ends who is making it, and looks again at what there is then. */
int container_settle(struct container *c, struct arena *arena, struct err *err) MUST_CHECK;
int container_save(const struct container *c, struct err *err) MUST_CHECK;
/* Reads what is there. ERR_NOT_FOUND when there is no such container; a folder without state.json is CREATING. */
int container_open(const char *root, const char *id, struct arena *arena, struct container *ret,
		   struct err *err) MUST_CHECK;
void container_blank(struct container *ret);
void container_close(struct container *c);
#define AUTO_CONTAINER CLEANUP(container_close) struct container
/* The configuration it was made from. The document is the caller's. */
int container_spec(const struct container *c, struct arena *arena, struct oci_spec *ret, yyjson_doc **ret_doc,
		   struct err *err) MUST_CHECK;
const char *container_status_name(enum container_status status) PURE;
/* Kills what is left, removes cgroups and the state folder. */
int container_destroy(struct container *c, struct err *err) MUST_CHECK;
/* Its processes do not end with its first one: it has no pid namespace of its own. */
bool container_outlives_init(const struct container *c);
/* Returns -errno. Every process of it, by its cgroup. */
int container_signal_all(struct container *c, int signal) MUST_CHECK;
/* The calling process gets the container's session keyring, with program's label, instead of the one it inherited. */
int container_join_keyring(const struct container *c, const struct program *program, struct err *err) MUST_CHECK;
/* The JSON of `state` (also what hooks read); heap memory. */
char *container_state_json(const struct container *c, enum container_status status, bool pretty) MUST_CHECK;

#endif
