/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of cube-load share. */
#ifndef CUBE_BENCH_LOAD_H
#define CUBE_BENCH_LOAD_H

#include "base/mem.h"
#include "net/address.h"
#include "net/tls.h"
#include "net/url.h"

#define LOAD_BUCKETS 4096
#define LOAD_KINDS_MAX 16
#define LOAD_HEADERS_MAX 32
#define LOAD_ROUNDS_MAX 64

struct load_kind {
	uint64_t weight;
	struct str method, path, body; /* path and body may hold %d */
};

struct load {
	struct url url;
	struct address address;
	struct tls_client_options tls_options;
	struct tls_client *tls;
	struct load_kind kinds[LOAD_KINDS_MAX];
	size_t kind_count;
	uint64_t weight_sum;
	struct str headers[LOAD_HEADERS_MAX];
	size_t header_count;
	uint64_t conn_count, stream_count, request_max, second_max;
	uint64_t next_number, started;
	bool watch, http2, json, stop;
	int pid, epoll_fd;

	size_t open_count;
	uint64_t answers, lines, bytes, failures;
	char failure[200];
	uint64_t latency[LOAD_BUCKETS];
	int64_t latency_max_ns, first_request_ns, last_line_ns;
	uint64_t round_lines; /* one for each watcher */
	int64_t round_ns[LOAD_ROUNDS_MAX]; /* when the last line of each round came */
	uint64_t by_status[600];
};

int load_fail(const char *what, const char *why);
int64_t load_now_ns(void);
void load_answered(struct load *load, int status, int64_t started_ns);

struct load_conn;
struct load_conn *load_conn_open(struct load *load);
void load_conn_turn(struct load_conn *c);
void load_conn_close(struct load_conn *c);

#endif
