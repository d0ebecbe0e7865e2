/* SPDX-License-Identifier: Apache-2.0 */
/* What nodeInfo says of this build. CUBE_VERSION comes from the build. */
#ifndef CUBE_KUBELET_VERSION_H
#define CUBE_KUBELET_VERSION_H

#define KUBELET_KUBERNETES_VERSION "v1.36.0+cube"
#define KUBELET_RUNTIME_VERSION "cube://" CUBE_VERSION

#if defined(__x86_64__)
#define KUBELET_ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define KUBELET_ARCHITECTURE "arm64"
#elif defined(__riscv)
#define KUBELET_ARCHITECTURE "riscv64"
#else
#error "name this architecture as Go does"
#endif

#endif
