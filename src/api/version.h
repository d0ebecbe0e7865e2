/* SPDX-License-Identifier: Apache-2.0 */
/* Which Kubernetes this is, and what Go calls the machine it was built for. */
#ifndef CUBE_API_VERSION_H
#define CUBE_API_VERSION_H

#define KUBERNETES_MAJOR "1"
#define KUBERNETES_MINOR "36"
#define KUBERNETES_MINOR_BEFORE "35" /* with which it is still compatible */
#define KUBERNETES_VERSION "v" KUBERNETES_MAJOR "." KUBERNETES_MINOR ".0"

#if defined(__x86_64__)
#define GO_ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define GO_ARCHITECTURE "arm64"
#elif defined(__riscv)
#define GO_ARCHITECTURE "riscv64"
#else
#error "name this architecture as Go does"
#endif

#endif
