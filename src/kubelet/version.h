/* SPDX-License-Identifier: Apache-2.0 */
/* What nodeInfo says of this build. CUBE_VERSION comes from the build. */
#ifndef CUBE_KUBELET_VERSION_H
#define CUBE_KUBELET_VERSION_H

#include "api/version.h"

#define KUBELET_KUBERNETES_VERSION KUBERNETES_VERSION "+cube"
#define KUBELET_RUNTIME_VERSION "cube://" CUBE_VERSION

#endif
