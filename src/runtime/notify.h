/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) for the program in a container: whoever starts us names a socket in NOTIFY_SOCKET. The container sees a
 * folder of its state folder with a socket of ours in it, and of what arrives there only READY=1 goes on, so that a
 * container cannot claim to be another process or keep a watchdog fed.
 */
#ifndef CUBE_RUNTIME_NOTIFY_H
#define CUBE_RUNTIME_NOTIFY_H

#include "base/arena.h"
#include "runtime/container.h"

#define NOTIFY_DIR "notify" /* in the state folder */

struct notify {
	int sock;      /* where the container writes; -1: nobody waits for it */
	pid_t main_pid; /* who is the service from then on */
};

/* Mounts and environment of the container-to-be. Returns where the folder is mounted; NULL when nobody waits. */
const char *notify_prepare(const char *root, const char *id, struct oci_spec *spec, struct arena *arena);
/* The folder that is mounted there. */
int notify_make_dir(const struct container *c, const char *at, struct err *err) MUST_CHECK;
/* What notify_make_dir() was told; NULL for a container without the folder. */
const char *notify_destination(const struct container *c, struct arena *arena);
/* For containers that have the folder already: the mount alone. */
void notify_mount(const char *root, const char *id, const char *at, struct oci_spec *spec, struct arena *arena);
/* Listens, before the program runs. ret->sock is -1 when nobody waits or the container was made without. */
int notify_open(const struct container *c, struct notify *ret, struct err *err) MUST_CHECK;
/* One message. *ret_ready: it was passed on, and nothing else will be. */
int notify_pass(const struct notify *notify, bool *ret_ready, struct err *err) MUST_CHECK;
/* What comes when there is nothing more to pass on. */
void notify_discard(const struct notify *notify);
/* In place of the program, when it was ready before. Does nothing when nobody waits. */
int notify_ready(pid_t main_pid, struct err *err) MUST_CHECK;
/* Until the program is ready or has ended. */
int notify_wait(const struct notify *notify, int pidfd, struct err *err) MUST_CHECK;

#endif
