/* SPDX-License-Identifier: Apache-2.0 */
/* The table of cube-oci's commands, as runc and crun have them. */
#include "runtime/commands.h"

#include <limits.h>

#define BUNDLE                                                                            \
	{                                                                                 \
		"bundle", 'b', true, false,                                               \
			"Folder with config.json and the root (default: the current one)" \
	}
#define CONFIG                                                                           \
	{                                                                                \
		"config", 'f', true, false, "Another file of the bundle than config.json" \
	}
#define CONSOLE                                                                                 \
	{                                                                                       \
		"console-socket", 0, true, false, "Unix socket that gets the terminal's master" \
	}
#define PID_FILE                                                              \
	{                                                                     \
		"pid-file", 0, true, false, "File to write the process id to" \
	}
#define PIDFD                                                                                  \
	{                                                                                      \
		"pidfd-socket", 0, true, false, "Unix socket that gets a pidfd of the process" \
	}
#define NO_PIVOT                                                                        \
	{                                                                               \
		"no-pivot", 0, false, false,                                            \
			"Move the root instead of pivot_root (for a root on a ramdisk)" \
	}
#define NO_KEYRING                                                         \
	{                                                                  \
		"no-new-keyring", 0, false, false,                         \
			"Keep the session keyring of the caller"           \
	}
#define PRESERVE                                                                             \
	{                                                                                    \
		"preserve-fds", 0, true, false, "Pass descriptors 3 to 3+N-1 to the program" \
	}
#define FORMAT                                              \
	{                                                   \
		"format", 'f', true, false, "table or json" \
	}
#define END                                 \
	{                                   \
		NULL, 0, false, false, NULL \
	}

static const struct command_flag create_flags[] = { BUNDLE,   CONFIG,	  CONSOLE,  PIDFD, PID_FILE,
						    NO_PIVOT, NO_KEYRING, PRESERVE, END };
static const struct command_flag run_flags[] = {
	BUNDLE,
	CONFIG,
	CONSOLE,
	PIDFD,
	PID_FILE,
	NO_PIVOT,
	NO_KEYRING,
	PRESERVE,
	{ "detach", 'd', false, false, "Return once the program runs" },
	{ "keep", 0, false, false, "Do not delete the container when it has ended" },
	{ "no-subreaper", 0, false, false, "Do not adopt orphaned processes" },
	END,
};
static const struct command_flag kill_flags[] = {
	{ "all", 'a', false, false, "Signal every process of the container" },
	{ "regex", 'r', false, false, "ID is a regular expression: each container that matches" },
	END,
};
static const struct command_flag delete_flags[] = {
	{ "force", 'f', false, false, "Kill it first if it still runs; no error if it does not exist" },
	{ "regex", 'r', false, false, "ID is a regular expression: each container that matches" },
	END,
};
static const struct command_flag exec_flags[] = {
	CONSOLE,
	PIDFD,
	PID_FILE,
	PRESERVE,
	{ "cwd", 0, true, false, "Working folder in the container" },
	{ "env", 'e', true, true, "name=value" },
	{ "tty", 't', false, false, "Give it a terminal" },
	{ "user", 'u', true, false, "UID[:GID]" },
	{ "additional-gids", 'g', true, true, "Supplementary group" },
	{ "process", 'p', true, false, "File with the process as JSON" },
	{ "detach", 'd', false, false, "Return once the program runs" },
	{ "process-label", 0, true, false, "SELinux label" },
	{ "apparmor", 0, true, false, "AppArmor profile" },
	{ "no-new-privs", 0, false, false, "Set no_new_privs" },
	{ "cap", 'c', true, true, "Additional capability" },
	{ "cgroup", 0, true, true, "[controller[,...]:]folder below the container's cgroup" },
	{ "ignore-paused", 0, false, false, "Also in a paused container" },
	{ "job", 0, false, false, "Read a sealed job from fd 3, answer on fd 4 (for daemons)" },
	END,
};
static const struct command_flag ps_flags[] = { FORMAT, END };
static const struct command_flag list_flags[] = { FORMAT, { "quiet", 'q', false, false, "Only ids" }, END };
static const struct command_flag spec_flags[] = {
	BUNDLE,
	{ "rootless", 0, false, false, "For a user without privileges" },
	END,
};
static const struct command_flag events_flags[] = {
	{ "stats", 0, false, false, "Print once" },
	{ "interval", 0, true, false, "Time between two lines (default 5s)" },
	END,
};
static const struct command_flag update_flags[] = {
	{ "resources", 'r', true, false, "File with linux.resources as JSON, - for stdin" },
	{ "memory", 0, true, false, "Memory limit in bytes" },
	{ "memory-reservation", 0, true, false, "Memory the container is to keep under pressure" },
	{ "memory-swap", 0, true, false, "Memory and swap together, -1 for no limit" },
	{ "cpu-share", 0, true, false, "CPU shares" },
	{ "cpu-shares", 0, true, false, "CPU shares" },
	{ "cpu-quota", 0, true, false, "CPU time per period in us" },
	{ "cpu-period", 0, true, false, "Period in us" },
	{ "cpu-burst", 0, true, false, "CPU time that may be saved up in us" },
	{ "cpu-rt-period", 0, true, false, "Realtime period in us" },
	{ "cpu-rt-runtime", 0, true, false, "Realtime runtime in us" },
	{ "cpu-idle", 0, true, false, "1: only when nobody else wants the CPU" },
	{ "cpuset-cpus", 0, true, false, "CPUs it may use" },
	{ "cpuset-mems", 0, true, false, "Memory nodes it may use" },
	{ "pids-limit", 0, true, false, "Number of processes" },
	{ "blkio-weight", 0, true, false, "Weight for block I/O" },
	{ "l3-cache-schema", 0, true, false, "Intel RDT; refused" },
	{ "mem-bw-schema", 0, true, false, "Intel RDT; refused" },
	END,
};
#define CRIU_FLAGS                                                                                     \
	{ "image-path", 0, true, false, "Folder of the images (default ./checkpoint)" },              \
	{ "work-path", 0, true, false, "Folder of criu's log and other files" },                      \
	{ "tcp-established", 0, false, false, "Allow open TCP connections" },                         \
	{ "ext-unix-sk", 0, false, false, "Allow unix sockets to the outside" },                      \
	{ "shell-job", 0, false, false, "Allow jobs of a shell outside" },                            \
	{ "file-locks", 0, false, false, "Handle file locks" },                                       \
	{ "manage-cgroups-mode", 0, true, false, "soft (default), full, strict or ignore" },          \
	{ "empty-ns", 0, true, true, "network: make the namespace, but restore nothing in it" },      \
	{ "auto-dedup", 0, false, false, "Drop from the images what is there twice" },                \
	{ "lazy-pages", 0, false, false, "Bring memory only when it is used" }
static const struct command_flag checkpoint_flags[] = {
	CRIU_FLAGS,
	{ "parent-path", 0, true, false, "Earlier images, relative to --image-path" },
	{ "leave-running", 'R', false, false, "Let it run afterwards" },
	{ "status-fd", 0, true, false, "Gets a zero byte once lazy pages can be served" },
	{ "page-server", 0, true, false, "ADDRESS:PORT to send memory to" },
	{ "pre-dump", 0, false, false, "Only its memory, and let it run" },
	END,
};
static const struct command_flag restore_flags[] = {
	CRIU_FLAGS,
	BUNDLE,
	CONSOLE,
	PID_FILE,
	NO_PIVOT,
	{ "detach", 'd', false, false, "Return once the program runs" },
	{ "no-subreaper", 0, false, false, "Do not adopt orphaned processes" },
	{ "lsm-profile", 0, true, false, "TYPE:NAME of another profile" },
	{ "lsm-mount-context", 0, true, false, "Another context for its mounts" },
	END,
};
static const struct command_flag any_flags[] = { END };

const struct command runtime_commands[] = {
	{ "create", "create [flags] ID", "Make a container", create_flags, 1, 1, command_create },
	{ "start", "start ID", "Run the program of a created container", any_flags, 1, 1,
	  command_start },
	{ "run", "run [flags] ID", "create and start", run_flags, 1, 1, command_run_container },
	{ "state", "state ID", "Print a container's state", any_flags, 1, 1, command_state },
	{ "kill", "kill [flags] ID [SIGNAL]", "Send a signal (default TERM)", kill_flags, 1, 2,
	  command_kill },
	{ "delete", "delete [flags] ID", "Remove what a container holds", delete_flags, 1, 1,
	  command_delete },
	{ "exec", "exec [flags] ID COMMAND [ARG...]", "Run another program in it", exec_flags, 0,
	  INT_MAX, command_exec },
	{ "ps", "ps [flags] ID [PS OPTION...]", "Show its processes", ps_flags, 1, INT_MAX,
	  command_ps },
	{ "list", "list [flags]", "List containers", list_flags, 0, 0, command_list },
	{ "pause", "pause ID", "Freeze all its processes", any_flags, 1, 1, command_pause },
	{ "resume", "resume ID", "Let them go on", any_flags, 1, 1, command_resume },
	{ "update", "update [flags] ID", "Change limits", update_flags, 1, 1, command_update },
	{ "spec", "spec [flags]", "Write an example config.json", spec_flags, 0, 0, command_spec },
	{ "events", "events [flags] ID", "Print figures of its cgroups", events_flags, 1, 1,
	  command_events },
	{ "features", "features", "Print what this runtime can do", any_flags, 0, 0,
	  command_features },
	{ "checkpoint", "checkpoint [flags] ID", "Save its processes into files", checkpoint_flags, 1, 1,
	  command_checkpoint },
	{ "restore", "restore [flags] ID", "Bring saved processes back", restore_flags, 1, 1, command_restore },
	{ 0 },
};
