/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes and namespaces: clone3, pidfds, joining. Every function returns -errno on failure. Called by runtime/ and
 * shim/, which are single-threaded; nothing here may be used from a program with threads except process_signal().
 */
#ifndef CUBE_LINUX_PROCESS_H
#define CUBE_LINUX_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/attr.h"

/* Like fork(), with namespaces (CLONE_NEW…), born in the v2 cgroup cgroup_fd unless < 0. Returns the pid, 0 in the
 * child. *ret_pidfd is close-on-exec. */
pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd) MUST_CHECK;
int process_pidfd(pid_t pid) MUST_CHECK;
/* As the pid namespace numbers it that /proc was mounted in. */
pid_t process_pid_of(int pidfd) MUST_CHECK;
int process_signal(int pidfd, int signal) MUST_CHECK;
/* Waits without reaping others; status as waitpid. */
int process_wait(int pidfd, int *ret_status) MUST_CHECK;
/* Field 22 of /proc/<pid>/stat (start time in ticks since boot) and its state letter: with the pid it names one process
 * for good. -ESRCH when there is none. */
int process_start_ticks(pid_t pid, uint64_t *ret_ticks, char *ret_state) MUST_CHECK;
int process_set_subreaper(void) MUST_CHECK;
int64_t process_wall_ns(void);
int64_t process_mono_ns(void);

/* Namespaces as config.json names them ("pid", "network", "mount", …); 0 when unknown. */
uint64_t namespace_flag(const char *oci_name) PURE;
/* "pid", "net", "mnt", …: the file in /proc/<pid>/ns; "" when not exactly one known flag. */
const char *namespace_file(uint64_t flag) PURE;
extern const uint64_t namespace_all[8];
/* Those of a process that are not ours. */
uint64_t process_foreign_namespaces(pid_t pid);

#endif
