/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a server built on net/ can do: what the HTTP layer alone costs, for script/bench
 * to compare with the API server. Loopback only. Writes ca.pem, client.pem and client.key into the
 * given folder, prints its address. GET /bytes/N N bytes from one shared blob GET /list/N N blobs
 * of 2 KiB by a source GET /watch/N/M N events of 1 KiB, M ms apart POST the body back
 */
#include <signal.h>
#include <stdio.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "loop/loop.h"
#include "net/http_server.h"
#include "net/x509.h"

#define BLOB_BYTES (1u << 20)
#define ITEM_BYTES 2048u

struct target {
	struct env *env;
	struct blob *blob;
};

struct list_source {
	struct target *target;
	uint64_t left;
};

struct watch {
	struct target *target;
	struct http_exchange *x;
	struct timer timer;
	uint64_t left, every_ms;
};

static int list_fill(void *arg, struct http_piece *to, size_t max)
{
	struct list_source *source = arg;
	size_t count = 0;

	for (; count < max && source->left > 0; count++, source->left--)
		to[count] = (struct http_piece){ str_sub(source->target->blob->bytes, ITEM_BYTES),
						 source->target->blob };
	return (int)count;
}

static void watch_end(struct watch *w)
{
	timer_stop(&w->timer);
	http_end(w->x);
	mem_free(w);
}

static void watch_tick(struct timer *timer)
{
	struct watch *w = CONTAINER_OF(timer, struct watch, timer);
	struct http_piece piece = { str_sub(w->target->blob->bytes, 1023), w->target->blob };

	if (w->left-- == 0) {
		watch_end(w);
		return;
	}
	http_send(w->x, (struct http_piece[]){ piece, HTTP_BYTES(STR("\n")) }, 2);
	timer_start(&w->timer, (int64_t)w->every_ms);
}

static void watch_closed(void *arg, struct http_exchange *x)
{
	watch_end(arg);
}

static const struct http_exchange_events watch_events = { .on_closed = watch_closed };

static void on_watch(struct target *t, struct http_exchange *x, uint64_t count, uint64_t every_ms)
{
	struct watch *w = NEW(struct watch);

	*w = (struct watch){ .target = t, .x = x, .left = count, .every_ms = every_ms };
	timer_init(&w->timer, t->env, watch_tick);
	http_set_events(x, &watch_events, w);
	http_start(x, 200, NULL);
	timer_start(&w->timer, (int64_t)every_ms);
}

static uint64_t number_of(struct str text)
{
	uint64_t number = 0;

	return num_parse_u64(text, UINT32_MAX, "number", &number, NULL) < 0 ? 0 : number;
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct target *t = arg;
	struct http_header type = HTTP_HEADER(STR("Content-Type"), STR("application/json"));
	struct http_headers headers = { &type, 1 };
	struct str rest = x->path, count, every;

	if (x->method == HTTP_POST) {
		http_respond(x, 201, &headers, &HTTP_BYTES(x->body), 1);
	} else if (str_strip_prefix(&rest, STR("/bytes/"))) {
		struct str bytes = str_sub(t->blob->bytes, NUM_MIN((size_t)number_of(rest), (size_t)BLOB_BYTES));

		http_respond(x, 200, &headers, &(struct http_piece){ bytes, t->blob }, 1);
	} else if (str_strip_prefix(&rest, STR("/list/"))) {
		struct list_source *list = ARENA_NEW(&x->arena, struct list_source);

		*list = (struct list_source){ t, number_of(rest) };
		http_respond_source(x, 200, &headers, &(struct http_source){ .fill = list_fill, .arg = list,
			.length_bytes = (int64_t)(list->left * ITEM_BYTES) });
	} else if (str_strip_prefix(&rest, STR("/watch/"))) {
		(void)str_cut(rest, '/', &count, &every);
		on_watch(t, x, number_of(count), number_of(every));
	} else {
		http_respond_bytes(x, 404, STR("text/plain"), STR("not found\n"));
	}
}

static const struct http_handlers handlers = { .on_request = on_request };

static int make_pair(struct env *env, struct x509_spec *spec, const struct x509_pair *issuer, struct arena *arena,
		     struct x509_pair *ret, struct err *err)
{
	char *serial = arena_alloc(arena, 16);

	env_random(env, serial, 16);
	spec->serial_bytes = str_sub(serial, 16);
	spec->not_before_ns = env_wall_ns(env) - 60 * TIME_NS_PER_SECOND;
	spec->not_after_ns = spec->not_before_ns + 86400 * TIME_NS_PER_SECOND;
	return x509_make(spec, issuer, arena, ret, err);
}

static int make_tls(struct env *env, const char *folder, struct tls_server **ret, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct str ip = STR("127.0.0.1");
	struct x509_spec ca_spec = { .common_name = STR("load-ca"), .usage = X509_USAGE_CA };
	struct x509_spec server_spec = { .common_name = STR("load"), .usage = X509_USAGE_SERVER, .ip_names = &ip,
					 .ip_name_count = 1 };
	struct x509_spec client_spec = { .common_name = STR("client"), .usage = X509_USAGE_CLIENT };
	struct x509_pair ca, server, client;
	struct tls_server_options options;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (make_pair(env, &ca_spec, NULL, &arena, &ca, err) < 0 ||
	    make_pair(env, &server_spec, &ca, &arena, &server, err) < 0 ||
	    make_pair(env, &client_spec, &ca, &arena, &client, err) < 0 ||
	    x509_write_pair(&ca, str_c_in(&arena, str_printf_in(&arena, "%s/ca.pem", folder)),
			    str_c_in(&arena, str_printf_in(&arena, "%s/ca.key", folder)), err) < 0 ||
	    x509_write_pair(&client, str_c_in(&arena, str_printf_in(&arena, "%s/client.pem", folder)),
			    str_c_in(&arena, str_printf_in(&arena, "%s/client.key", folder)), err) < 0)
		return -1;
	options = (struct tls_server_options){ .certificate_pem = server.certificate_pem, .key_pem = server.key_pem,
					       .client_ca_pem = ca.certificate_pem };
	return tls_server_new(&options, ret, err);
}

static void on_signal(void *arg, int signo)
{
	loop_stop(arg);
}

static int serve(struct loop *loop, const char *folder, struct err *err)
{
	struct target target = { loop_env(loop), blob_alloc(BLOB_BYTES) };
	struct http_server_options options = { .env = target.env, .handlers = &handlers, .arg = &target,
					       .plain_http2 = true };
	struct http_server *server;
	struct tls_server *tls = NULL;
	struct address address, bound;
	char text[ADDRESS_TEXT_BYTES];
	int failed;

	memset(target.blob->bytes, 'x', BLOB_BYTES);
	if (folder && make_tls(target.env, folder, &tls, err) < 0)
		return -1;
	options.tls = tls;
	server = http_server_new(&options);
	failed = address_parse(STR("127.0.0.1:0"), &address, err) < 0 ||
		 http_server_listen(server, &address, 0600, &bound, err) < 0 ||
		 loop_on_signal(loop, SIGTERM, on_signal, loop, err) < 0;
	if (!failed) {
		printf("%s\n", address_format(&bound, text));
		fflush(stdout);
		loop_run(loop);
	}
	http_server_free(server);
	tls_server_free(tls);
	blob_unref(target.blob);
	return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct loop *loop = loop_new();
	struct err err;

	if (serve(loop, argc > 1 ? argv[1] : NULL, &err) < 0) {
		fprintf(stderr, "cube-load-target: %s\n", err.msg);
		return 1;
	}
	loop_free(loop);
	return 0;
}
