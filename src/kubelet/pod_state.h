/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kubelet knows about a pod on this machine: what pod_plan and pod_status look at. Only
 * pod*.c change it. Deadlines are monotonic, times that the API is told are wall clock.
 */
#ifndef CUBE_KUBELET_POD_STATE_H
#define CUBE_KUBELET_POD_STATE_H

#include "kubelet/pod_runtime.h"
#include "kubelet/pod_spec.h"

/*
 *   WAITING ──start──> STARTING ──ok──> RUNNING ──exit──> EXITED ──start──> STARTING ...
 *                         └─failed─> WAITING (never ran) or EXITED (ran before)
 */
enum run_phase { RUN_WAITING, RUN_STARTING, RUN_RUNNING, RUN_EXITED };

/* Times and reason of one run of a container that has ended. */
struct run_end {
	bool present;
	char id[RUNTIME_ID_BYTES];
	int exit_code, signal;
	bool oom_killed;
	int64_t started_ns, finished_ns;
	char *message;	    /* heap, may be NULL */
	const char *reason; /* overrides the one made from the exit code; constant or NULL */
};

enum kill_reason {
	KILL_NONE,
	KILL_POD, /* the pod is being deleted, evicted, or is over */
	KILL_LIVENESS,
	KILL_STARTUP,
	KILL_CHANGED,	 /* the container's definition changed */
	KILL_SANDBOX,	 /* its sandbox is gone */
	KILL_POST_START, /* its hook failed */
};

struct run_state {
	enum run_phase phase;
	enum kill_reason kill_wanted; /* asked for by a probe; the plan turns it into a step */
	bool killing;		      /* TERM was sent or the preStop hook runs */
	char id[RUNTIME_ID_BYTES];    /* of the present or last run; empty before the first */
	char *image_id, *image_name, *image_digest_name; /* heap */
	uint64_t hash;
	uint32_t restart_count;
	int64_t started_ns;  /* wall */
	struct run_end end;  /* EXITED: this run's */
	struct run_end last; /* the run before */
	bool started;	     /* startup probe passed (or there is none), postStart done */
	bool ready;
	int64_t not_before_ns;	    /* monotonic: no start before this */
	bool crash_waiting;	    /* not_before_ns is because of a crash */
	int64_t crash_delay_ms;	    /* back-off of the next crash, 0 = none yet */
	int64_t crash_updated_ns;   /* monotonic, when it last grew */
	const char *waiting_reason; /* constant; NULL = the default */
	char *waiting_message;	    /* heap */
};

enum sandbox_phase {
	SANDBOX_NONE,
	SANDBOX_CREATING,
	SANDBOX_READY,
	SANDBOX_DEAD,
	SANDBOX_REMOVING
};
enum volumes_phase { VOLUMES_NONE, VOLUMES_BUSY, VOLUMES_READY, VOLUMES_REMOVING, VOLUMES_REMOVED };

struct sandbox_state {
	enum sandbox_phase phase;
	char id[RUNTIME_ID_BYTES];
	char address[INET6_ADDRSTRLEN];
	uint32_t attempt;
	int64_t not_before_ns;
};

struct pod_state {
	struct sandbox_state sandbox;
	enum volumes_phase volumes;
	int64_t volumes_not_before_ns;
	struct run_state *containers; /* as in the spec */
	size_t container_count;
	bool initialized;	 /* the init containers of this sandbox are through */
	bool running_operations; /* anything asked of the runtime is still going on */
	bool finished;		 /* over for good: nothing will be started any more */
	const char
		*reason;  /* constant: "Evicted", "DeadlineExceeded"; the pod has failed for this */
	char *message;	  /* heap */
	int64_t start_ns; /* wall: when the kubelet took the pod on */
};

bool container_wants_restart(const struct pod_container *spec, const struct run_state *state) PURE;

#endif
