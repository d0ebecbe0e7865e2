/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon and `cube-oci` say to each other: the sealed job a monitor or an exec is started
 * with, the one line it answers, and the frames on the monitor's socket. src/shim/README.md tells
 * the whole story; this header is shared by both sides because container/ must not include shim/.
 * Numbers are in host byte order: both ends run on one machine.
 */
#ifndef CUBE_OCI_MONITOR_H
#define CUBE_OCI_MONITOR_H

#include <stdint.h>

#define MONITOR_JOB_VERSION 1
#define MONITOR_JOB_BYTES_MAX (4u << 20)

/* Descriptors of a spawned `cube-oci monitor` and `cube-oci exec --job`. */
enum {
	MONITOR_JOB_FD = 3,     /* sealed memfd with the job (JSON), fd_sealed() */
	MONITOR_READY_FD = 4,   /* pipe or socket: one line of JSON, then closed */
	MONITOR_CONSOLE_FD = 5, /* exec with a terminal only: unix socket over which the pty's master comes back */
};

/* Files in a container's state folder. */
#define MONITOR_SOCKET_NAME "monitor.sock"
#define MONITOR_EXIT_NAME "exit.json"

/* Every message on monitor.sock, in both directions, is one of these and then length_bytes of payload. */
struct monitor_frame {
	uint32_t length_bytes;
	uint8_t type;   /* enum monitor_type */
	uint8_t stream; /* INPUT 0, OUTPUT 1 or 2; else 0 */
	uint16_t tag;   /* chosen by the client, repeated in the answer */
};
#define MONITOR_PAYLOAD_MAX 32768u

enum monitor_type {
	/* client → monitor; each but INPUT and INPUT_END is answered by exactly one REPLY or ERROR with its tag */
	MONITOR_ATTACH = 1,    /* struct monitor_attach: from now on copy these streams to me */
	MONITOR_INPUT = 2,     /* bytes for stdin; the monitor stops reading this connection while stdin is full */
	MONITOR_INPUT_END = 3, /* this client's stdin ended; closes the container's when stdinOnce */
	MONITOR_RESIZE = 4,    /* struct monitor_resize */
	MONITOR_START = 5,     /* second phase of a job with "start": false; REPLY once the program was exec'd */
	MONITOR_STATE = 6,     /* REPLY holds JSON: {"status","pid","startedAt","oomKilled"} */
	MONITOR_REOPEN_LOG = 7,
	MONITOR_KILL = 8,      /* struct monitor_kill; safe against reuse of the pid */

	/* monitor → client */
	MONITOR_OUTPUT = 64, /* bytes the container wrote to stdout (stream 1) or stderr (2); terminals: all on 1 */
	MONITOR_REPLY = 65,
	MONITOR_ERROR = 66,  /* payload: text */
	MONITOR_OOM = 67,    /* a process of the container was killed for lack of memory */
	MONITOR_EXITED = 68, /* payload: the bytes of exit.json; every connection gets it, after all OUTPUT; then EOF */
};

struct monitor_attach {
	uint8_t want_stdin, want_stdout, want_stderr, unused;
};
struct monitor_resize {
	uint16_t rows, columns;
};
struct monitor_kill {
	uint32_t signal;
	uint32_t all; /* 1: every process of the container, 0: its first one */
};

#endif
