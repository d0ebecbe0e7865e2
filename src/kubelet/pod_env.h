/* SPDX-License-Identifier: Apache-2.0 */
/* The environment and the command line of a container. Pure; results live in the arena. */
#ifndef CUBE_KUBELET_POD_ENV_H
#define CUBE_KUBELET_POD_ENV_H

#include "base/map.h"
#include "client/informer.h"
#include "kubelet/volume_plan.h"

/* $(NAME) becomes the variable's value, $$(NAME) stays as $(NAME), unknown ones stay as they are.
 */
struct str env_expand(struct str text, const struct map *values,
		      struct arena *arena); /* values: const struct str * */

struct env_input {
	const struct pod_spec *spec;
	const struct pod_container *container;
	const struct volume_sources *sources;
	struct informer_set services; /* all namespaces */
	struct str
		master_address; /* KUBERNETES_SERVICE_* come from the default/kubernetes service */
};

struct env_result {
	struct str *list; /* "NAME=value" */
	size_t count;
	struct map values; /* for env_expand; env_result_deinit */
};

/* err: `configmap "x" not found`, `couldn't find key k in ConfigMap ns/x`, ...: the message of
 * CreateContainerConfigError. */
int env_build(const struct env_input *in, struct arena *arena, struct env_result *ret,
	      struct err *err) MUST_CHECK;
void env_result_deinit(struct env_result *r);

#endif
