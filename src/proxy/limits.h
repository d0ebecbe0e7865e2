/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the service proxy. */
#ifndef CUBE_PROXY_LIMITS_H
#define CUBE_PROXY_LIMITS_H

#define PROXY_RULES_BYTES_MAX ((size_t)64 << 20) /* text of one transaction */
#define PROXY_ENDPOINTS_MAX 4096 /* of one service port; more are left out, with a log line */
#define PROXY_ADDRESSES_MAX 64	 /* external and load-balancer addresses of one service */
#define PROXY_APPLY_DELAY_MS 5	 /* changes that come this close together make one transaction */
#define PROXY_RETRY_MS 5000	 /* after the kernel refused a transaction */
#define PROXY_MASQUERADE_MARK 0x4000

#endif
