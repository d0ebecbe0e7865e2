/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cube-load: load generator for HTTPS servers on this machine. One thread, epoll and OpenSSL
 * directly, because what the generator costs is taken from what it measures. Speaks HTTP/1.1 with
 * keep-alive or HTTP/2; refuses any address but loopback. --help lists the options; load_http.c has
 * the connections.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"
#include "load.h"

#define FILE_BYTES_MAX (16u << 20)
#define EVENTS_PER_WAIT 256
#define SPINNING_WATCHERS_MIN 1000

static const char usage[] =
	"Usage: cube-load [OPTION]... https://127.0.0.1:PORT/PATH\n"
	"Sends requests over many connections and reports rate and latency. Loopback only.\n"
	"  --connections N    concurrent connections (1)\n"
	"  --requests N       stop after N answers\n"
	"  --seconds S        stop after S seconds (10 when neither is given)\n"
	"  --method M         GET (default), POST, PUT, PATCH, DELETE, ...\n"
	"  --body FILE        request body; each %d in it and in PATH becomes the request's number\n"
	"  --first N          number of the first request (0)\n"
	"  --header 'A: b'    one more header; may be repeated\n"
	"  --mix 'W M PATH [FILE]'  a kind of request with weight W instead of METHOD and PATH; may be repeated\n"
	"  --watch            each connection asks once and counts lines; with --requests: stop after N lines in all\n"
	"  --http2            HTTP/2; --streams N requests at once on each connection (1)\n"
	"  --ca --cert --key FILE   PEM files; without --ca the server's certificate is not checked\n"
	"  --pid PID          also report the CPU time of that process\n"
	"  --json             report as one JSON object; its ...Ns are of the machine's monotonic clock, roundNs when\n"
	"                     each watcher had had a line, two lines, and so on\n";

int load_fail(const char *what, const char *why)
{
	fprintf(stderr, "cube-load: %s: %s\n", what, why);
	return -1;
}

int64_t load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* --- figures --- */

/* Log-linear: 64 steps per power of two, so each step is within 1.6 %. */
static size_t bucket_of(uint64_t ns)
{
	int power;

	if (ns < 64)
		return (size_t)ns;
	power = 63 - __builtin_clzll(ns) - 6;
	return NUM_MIN((size_t)(power + 1) * 64 + (size_t)((ns >> power) & 63), (size_t)LOAD_BUCKETS - 1);
}

static double ms_of(size_t bucket)
{
	uint64_t low = bucket < 64 ? bucket : (64 + bucket % 64) << (bucket / 64 - 1);

	return (double)low / 1e6;
}

void load_answered(struct load *load, int status, int64_t started_ns)
{
	int64_t ns = load_now_ns() - started_ns;

	load->latency[bucket_of((uint64_t)ns)]++;
	load->latency_max_ns = NUM_MAX(load->latency_max_ns, ns);
	load->by_status[status >= 0 && status < 600 ? status : 0]++;
	load->answers++;
	if (load->request_max > 0 && load->answers >= load->request_max)
		load->stop = true;
}

static double percentile_ms(const struct load *load, double part)
{
	uint64_t want = (uint64_t)((double)load->answers * part), seen = 0;

	for (size_t i = 0; i < LOAD_BUCKETS; i++) {
		seen += load->latency[i];
		if (seen > want)
			return ms_of(i);
	}
	return (double)load->latency_max_ns / 1e6;
}

static double own_cpu_s(void)
{
	struct rusage usage_now;

	getrusage(RUSAGE_SELF, &usage_now);
	return (double)(usage_now.ru_utime.tv_sec + usage_now.ru_stime.tv_sec) +
	       (double)(usage_now.ru_utime.tv_usec + usage_now.ru_stime.tv_usec) / 1e6;
}

/* What the scheduler counted for the threads that another process has; 0 when it cannot be read. */
static double cpu_s_of(int pid)
{
	AUTO_BUF text = { 0 };
	struct str rest, part;
	char path[64];
	struct dirent *entry;
	uint64_t sum_ns = 0, ns;
	DIR *dir;

	if (pid == 0)
		return 0;
	buf_init(&text, 4096);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%.16s/schedstat", entry->d_name);
		buf_reset(&text);
		if (entry->d_name[0] == '.' || fd_read_file(dirfd(dir), path, 4095, &text, NULL) < 0)
			continue;
		rest = buf_str(&text);
		if (str_next_part(&rest, ' ', &part) && num_parse_u64(part, UINT64_MAX, "time", &ns, NULL) == 0)
			sum_ns += ns;
	}
	if (dir)
		closedir(dir);
	return (double)sum_ns / 1e9;
}

static void report_json(const struct load *load, double seconds, double cpu_s, double server_cpu_s)
{
	const char *comma = "";

	printf("{\"seconds\":%.3f,\"answers\":%llu,\"perSecond\":%.1f,\"lines\":%llu,\"bytes\":%llu,"
	       "\"failures\":%llu,",
	       seconds, (unsigned long long)load->answers, (double)load->answers / seconds,
	       (unsigned long long)load->lines, (unsigned long long)load->bytes, (unsigned long long)load->failures);
	printf("\"firstRequestNs\":%lld,\"lastLineNs\":%lld,", (long long)load->first_request_ns,
	       (long long)load->last_line_ns);
	printf("\"p50Ms\":%.3f,\"p90Ms\":%.3f,\"p99Ms\":%.3f,\"maxMs\":%.3f,\"generatorCpuSeconds\":%.3f,"
	       "\"serverCpuSeconds\":%.3f,\"status\":{",
	       percentile_ms(load, 0.5), percentile_ms(load, 0.9), percentile_ms(load, 0.99),
	       (double)load->latency_max_ns / 1e6, cpu_s, server_cpu_s);
	for (int i = 0; i < 600; i++) {
		if (load->by_status[i] == 0)
			continue;
		printf("%s\"%d\":%llu", comma, i, (unsigned long long)load->by_status[i]);
		comma = ",";
	}
	printf("},\"roundNs\":[");
	comma = "";
	for (uint64_t i = 0; i < load->lines / load->round_lines && i < LOAD_ROUNDS_MAX; i++, comma = ",")
		printf("%s%lld", comma, (long long)load->round_ns[i]);
	printf("]}\n");
}

static void report_text(const struct load *load, double seconds, double cpu_s, double server_cpu_s)
{
	double answers = load->answers > 0 ? (double)load->answers : 1;

	printf("%llu answers in %.3f s: %.0f/s, %.1f MB/s\n", (unsigned long long)load->answers, seconds,
	       (double)load->answers / seconds, (double)load->bytes / seconds / 1e6);
	if (load->lines > 0)
		printf("%llu lines: %.0f/s\n", (unsigned long long)load->lines, (double)load->lines / seconds);
	printf("latency ms: p50 %.3f  p90 %.3f  p99 %.3f  max %.3f\n", percentile_ms(load, 0.5),
	       percentile_ms(load, 0.9), percentile_ms(load, 0.99), (double)load->latency_max_ns / 1e6);
	printf("generator CPU: %.3f s, %.1f us a request\n", cpu_s, cpu_s * 1e6 / answers);
	if (load->pid > 0)
		printf("server CPU: %.3f s, %.1f us a request\n", server_cpu_s, server_cpu_s * 1e6 / answers);
	for (int i = 0; i < 600; i++) {
		if (load->by_status[i] > 0)
			printf("status %d: %llu\n", i, (unsigned long long)load->by_status[i]);
	}
	if (load->failures > 0)
		printf("failed connections: %llu (%s)\n", (unsigned long long)load->failures, load->failure);
}

/* --- options --- */

static int read_text(const char *path, struct str *ret)
{
	struct buf bytes;
	struct err err;

	buf_init(&bytes, FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &bytes, &err) < 0)
		return load_fail(path, err.msg);
	*ret = buf_take(&bytes);
	return 0;
}

static int parse_count(const char *text, const char *what, uint64_t *ret)
{
	struct err err;

	return num_parse_u64(str_from(text), UINT32_MAX, what, ret, &err) < 0 ? load_fail(what, err.msg) : 0;
}

/* "3 POST /path file" */
static int parse_mix(struct load *load, const char *text)
{
	struct load_kind *kind = &load->kinds[load->kind_count];
	struct str rest = str_from(text), weight, file;
	struct err err;

	if (load->kind_count == LOAD_KINDS_MAX)
		return load_fail("--mix", "too many");
	(void)str_cut(rest, ' ', &weight, &rest);
	(void)str_cut(rest, ' ', &kind->method, &rest);
	(void)str_cut(rest, ' ', &kind->path, &file);
	if (num_parse_u64(weight, 1000000, "weight", &kind->weight, &err) < 0 || kind->path.len == 0)
		return load_fail("--mix", "expected 'WEIGHT METHOD PATH [FILE]'");
	load->kind_count++;
	load->weight_sum += kind->weight;
	return file.len > 0 ? read_text(file.ptr, &kind->body) : 0;
}

enum { OPT_CONNECTIONS = 1, OPT_REQUESTS, OPT_SECONDS, OPT_METHOD, OPT_BODY, OPT_FIRST, OPT_HEADER, OPT_MIX, OPT_WATCH,
       OPT_HTTP2, OPT_STREAMS, OPT_CA, OPT_CERT, OPT_KEY, OPT_PID, OPT_JSON, OPT_HELP };
static const struct option options[] = {
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "requests", required_argument, NULL, OPT_REQUESTS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "method", required_argument, NULL, OPT_METHOD },
	{ "body", required_argument, NULL, OPT_BODY },
	{ "first", required_argument, NULL, OPT_FIRST },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "mix", required_argument, NULL, OPT_MIX },
	{ "watch", no_argument, NULL, OPT_WATCH },
	{ "http2", no_argument, NULL, OPT_HTTP2 },
	{ "streams", required_argument, NULL, OPT_STREAMS },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "cert", required_argument, NULL, OPT_CERT },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "pid", required_argument, NULL, OPT_PID },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static int take_option(struct load *load, int option, struct load_kind *only)
{
	uint64_t number;

	switch (option) {
	case OPT_CONNECTIONS:
		return parse_count(optarg, "--connections", &load->conn_count);
	case OPT_REQUESTS:
		return parse_count(optarg, "--requests", &load->request_max);
	case OPT_SECONDS:
		return parse_count(optarg, "--seconds", &load->second_max);
	case OPT_METHOD:
		only->method = str_from(optarg);
		return 0;
	case OPT_BODY:
		return read_text(optarg, &only->body);
	case OPT_FIRST:
		return parse_count(optarg, "--first", &load->next_number);
	case OPT_HEADER:
		if (load->header_count == LOAD_HEADERS_MAX)
			return load_fail("--header", "too many");
		load->headers[load->header_count++] = str_from(optarg);
		return 0;
	case OPT_MIX:
		return parse_mix(load, optarg);
	case OPT_WATCH:
		load->watch = true;
		return 0;
	case OPT_HTTP2:
		load->http2 = true;
		return 0;
	case OPT_STREAMS:
		return parse_count(optarg, "--streams", &load->stream_count);
	case OPT_CA:
		return read_text(optarg, &load->tls_options.ca_pem);
	case OPT_CERT:
		return read_text(optarg, &load->tls_options.certificate_pem);
	case OPT_KEY:
		return read_text(optarg, &load->tls_options.key_pem);
	case OPT_PID:
		if (parse_count(optarg, "--pid", &number) < 0)
			return -1;
		load->pid = (int)number;
		return 0;
	case OPT_JSON:
		load->json = true;
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs("Try --help.\n", stderr);
		return -1;
	}
}

static int parse_options(struct load *load, int argc, char **argv)
{
	struct load_kind only = { .weight = 1, .method = STR("GET") };
	struct err err;
	int option;

	load->conn_count = load->stream_count = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (take_option(load, option, &only) < 0)
			return -1;
	}
	if (optind != argc - 1)
		return load_fail("arguments", "expected one URL");
	if (url_parse(str_from(argv[optind]), &load->url, &err) < 0)
		return load_fail("URL", err.msg);
	only.path = str_from(strchr(argv[optind] + 8, '/'));
	if (only.path.len == 0)
		only.path = STR("/");
	if (load->kind_count == 0) {
		load->kinds[load->kind_count++] = only;
		load->weight_sum = 1;
	}
	if (load->url.scheme == URL_UNIX || address_from_ip(load->url.host, load->url.port, &load->address, &err) < 0)
		return load_fail("URL", "expected a numeric address");
	if (!address_is_loopback(&load->address))
		return load_fail("URL", "only loopback addresses are allowed");
	if (load->request_max == 0 && load->second_max == 0)
		load->second_max = 10;
	load->round_lines = load->conn_count * load->stream_count;
	load->tls_options.http2 = load->http2;
	load->tls_options.insecure = load->tls_options.ca_pem.len == 0;
	if (load->url.scheme == URL_HTTPS && tls_client_new(&load->tls_options, &load->tls, &err) < 0)
		return load_fail("TLS", err.msg);
	return load->conn_count > 0 && load->stream_count > 0 ? 0 : load_fail("counts", "must not be 0");
}

/* --- main --- */

static int run(struct load *load)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	struct load_conn **conns = mem_calloc(load->conn_count, sizeof(struct load_conn *));
	double cpu_before = own_cpu_s(), server_before = cpu_s_of(load->pid), seconds;
	int64_t started_ns = load_now_ns(), end_ns;

	end_ns = load->second_max ? started_ns + (int64_t)load->second_max * 1000000000LL : INT64_MAX;
	for (size_t i = 0; i < load->conn_count; i++) {
		conns[i] = load_conn_open(load);
		if (!conns[i])
			return -1;
	}
	while (!load->stop && load->open_count > 0) {
		int64_t left_ms = end_ns == INT64_MAX ? 1000 : (end_ns - load_now_ns()) / 1000000;
		int count;

		if (left_ms <= 0 && end_ns != INT64_MAX)
			break;
		/* One event for very many watchers: what it costs to wake their only thread thousands of times
		 * is not the server's, and would be paid on its processor. */
		if (load->watch && load->round_lines >= SPINNING_WATCHERS_MIN && load->lines % load->round_lines != 0)
			left_ms = 0;
		count = epoll_wait(load->epoll_fd, events, EVENTS_PER_WAIT, (int)left_ms);
		for (int i = 0; i < count && !load->stop; i++)
			load_conn_turn(events[i].data.ptr);
	}
	seconds = (double)(load_now_ns() - started_ns) / 1e9;
	if (load->json)
		report_json(load, seconds, own_cpu_s() - cpu_before, cpu_s_of(load->pid) - server_before);
	else
		report_text(load, seconds, own_cpu_s() - cpu_before, cpu_s_of(load->pid) - server_before);
	for (size_t i = 0; i < load->conn_count; i++)
		load_conn_close(conns[i]);
	mem_free(conns);
	return load->failures > 0 || (load->answers == 0 && load->lines == 0) ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct load *load = NEW(struct load);
	struct rlimit files;
	int failed;

	if (parse_options(load, argc, argv) < 0)
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files); /* else connections fail, and say so */
	}
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (load->epoll_fd < 0)
		return load_fail("epoll", strerror(errno)) < 0;
	failed = run(load);
	tls_client_free(load->tls);
	close(load->epoll_fd);
	mem_free(load);
	return failed < 0;
}
