/* SPDX-License-Identifier: Apache-2.0 */
/* From a container's spec to what the runtime is asked to create. */
#ifndef CUBE_KUBELET_CONTAINER_CONFIG_H
#define CUBE_KUBELET_CONTAINER_CONFIG_H

#include "kubelet/kubelet_internal.h"

/* Fills in create (all but op) from spec, environment, volumes and image; everything lives in the
 * arena. err is the message of CreateContainerConfigError. */
int container_config(struct pod *pod, size_t index, const struct runtime_image *image,
		     struct arena *arena, struct runtime_container_create *create,
		     struct err *err) MUST_CHECK;
/* The pod's pull secrets as dockerconfigjson texts. */
size_t config_pull_secrets(struct pod *pod, struct arena *arena, const struct str **ret);

#endif
