/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be done with files before a monitor is spawned, and the job it gets: mount sources
 * and devices looked up, hosts, hostname and resolv.conf written, the OCI config built and sealed.
 * On worker threads.
 */
#ifndef CUBE_CONTAINER_JOB_H
#define CUBE_CONTAINER_JOB_H

#include "container/config.h"

struct job_input {
	const char *id, *dir_path, *state_path, *log_path, *empty_path;
	const struct container_spec *spec;
	const struct oci_image_config *image; /* NULL for a sandbox */
	const struct str_list *layers;	      /* of the image, topmost first */
	const struct container_user *user;
	struct config_namespace network, ipc, uts, pid;
	struct str hostname, cgroup_path;
	struct str files_path; /* folder with hosts, hostname, resolv.conf: the sandbox's or the own
				  one */
	struct str shm_path;
	bool has_cgroup_v1;
};

/* Returns a sealed descriptor, or -1. *ret_two_phase: sub paths have to be checked before the
 * program may run. */
int job_build(const struct job_input *in, bool *ret_two_phase, struct err *err) MUST_CHECK;
/* After the mounts were made and before the program runs: each sub path is what it was. */
int job_check_sub_paths(const struct container_spec *spec, pid_t pid, struct err *err) MUST_CHECK;

struct job_files {
	const struct container_spec *spec;
	struct str hostname;
	struct str address; /* the sandbox's, or empty */
};
/* Writes hosts, hostname and resolv.conf into dir_path. */
int job_write_files(const char *dir_path, const struct job_files *files,
		    struct err *err) MUST_CHECK;

#endif
