/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving asks the running server over etcd's API, as `etcdctl snapshot save` does; restoring is for
 * a server that does not run, and puts the state there was aside instead of removing it.
 */
#include "main/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "loop/loop.h"
#include "main/server.h"
#include "net/grpc_client.h"
#include "net/tls.h"
#include "store/etcd_proto.h"
#include "store/store.h"

#define FILE_BYTES_MAX ((size_t)256 << 10)

struct snapshot_opts {
	struct server_opts server; /* first */
};

struct saving {
	struct loop *loop;
	int fd;
	struct err err;
	bool failed, is_complete;
};

static void give_up(struct saving *s, const struct err *err)
{
	if (!s->failed)
		s->err = *err;
	s->failed = true;
	loop_stop(s->loop);
}

static void on_message(void *arg, struct grpc_call *call, struct str message)
{
	struct saving *s = arg;
	struct etcd_snapshot_answer answer;
	AUTO_ARENA arena = { 0 };
	struct err err;

	arena_init(&arena, 1 << 20);
	if (s->failed)
		return;
	if (proto_decode(&etcd_snapshot_answer_message, message, &arena, &answer, &err) < 0 ||
	    fd_write_all(s->fd, answer.blob.ptr, answer.blob.len, &err) < 0)
		give_up(s, &err);
}

static void on_end(void *arg, struct grpc_call *call, const struct grpc_status *status)
{
	struct saving *s = arg;
	struct err err;

	s->is_complete = status->code == GRPC_OK;
	if (!s->is_complete) {
		err_set(&err, ERR_UNAVAILABLE, "%s", status->message);
		give_up(s, &err);
	}
	loop_stop(s->loop);
}

static void on_closed(void *arg, const struct err *err)
{
	struct saving *s = arg;

	if (!s->is_complete)
		give_up(s, err);
}

static int read_pem(struct arena *arena, struct str dir, const char *name, struct str *ret,
		    struct err *err)
{
	struct str path = path_join(arena, dir, str_from(name));
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, path.ptr, FILE_BYTES_MAX, &bytes, err) < 0)
		return -1;
	*ret = str_in(arena, buf_str(&bytes));
	mem_wipe(bytes.ptr, bytes.len);
	return 0;
}

static int open_client(struct arena *arena, const struct server_plan *plan, struct tls_client **ret,
		       struct err *err)
{
	struct str dir = path_join(arena, plan->pki_dir, STR("etcd"));
	struct tls_client_options tls = { .http2 = true };

	if (read_pem(arena, dir, "ca.crt", &tls.ca_pem, err) < 0 ||
	    read_pem(arena, dir, "healthcheck-client.crt", &tls.certificate_pem, err) < 0 ||
	    read_pem(arena, dir, "healthcheck-client.key", &tls.key_pem, err) < 0)
		return -1;
	return tls_client_new(&tls, ret, err);
}

/* All of the answer into the file. */
static int fetch(struct saving *s, struct tls_client *tls, const struct address *address,
		 struct err *err)
{
	static const struct grpc_channel_events channel_events = { .on_closed = on_closed };
	static const struct grpc_call_events call_events = { .on_message = on_message,
							     .on_end = on_end };
	char text[ADDRESS_TEXT_BYTES], frame[GRPC_PREFIX_BYTES] = "";
	struct grpc_channel_options options = { .tls = tls,
						.port = address_port(address),
						.keepalive_ms = 10000 };
	struct str host = str_from(address_format(address, text));
	struct grpc_channel *channel;
	struct grpc_call *call;

	host = str_slice(host, 0, str_rfind_char(host, ':'));
	if (host.len > 2 && host.ptr[0] == '[')
		host = str_slice(host, 1, host.len - 1);
	s->loop = loop_new();
	options.env = loop_env(s->loop);
	options.host = host;
	channel = grpc_channel_new(&options, &channel_events, s);
	call = grpc_call_new(channel, "/etcdserverpb.Maintenance/Snapshot", 0, &call_events, s);
	grpc_call_send(call, str_sub(frame, sizeof(frame)), true); /* a request without fields */
	loop_run(s->loop);
	grpc_channel_free(channel);
	loop_free(s->loop);
	if (!s->failed)
		return 0;
	*err = s->err;
	return err_wrap(err, "is the server running? (etcd's API at %s)", text);
}

static int save_to(struct arena *arena, const struct server_plan *plan,
		   const struct snapshot_opts *opts, struct str path, struct err *err)
{
	struct str partial = str_printf_in(arena, STR_FMT ".part", STR_ARG(path));
	struct str where = opts->server.etcd_listen;
	struct tls_client *tls;
	struct address address;
	struct saving s = { .fd = -1 };
	int r;

	if (address_parse(where, &address, err) < 0)
		return err_wrap(err, "--etcd-listen");
	if (open_client(arena, plan, &tls, err) < 0)
		return -1;
	s.fd = open(partial.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	r = s.fd < 0 ? err_os(err, "create '%s'", partial.ptr) : fetch(&s, tls, &address, err);
	tls_client_free(tls);
	if (r == 0 && fsync(s.fd) < 0)
		r = err_os(err, "write '%s'", partial.ptr);
	if (r == 0 && rename(partial.ptr, str_c_in(arena, path)) < 0)
		r = err_os(err, "rename '%s'", partial.ptr);
	if (r < 0 && s.fd >= 0)
		(void)unlink(partial.ptr); /* of no use */
	fd_close(&s.fd);
	return r;
}

static int save_run(struct cmd_run *run, struct err *err)
{
	const struct snapshot_opts *opts = run->opts;
	struct server_plan plan;

	if (server_plan(&opts->server, run->arena, &plan, err) < 0 ||
	    save_to(run->arena, &plan, opts, run->args[0], err) < 0)
		return err_wrap(err, "snapshot");
	printf("Snapshot saved at " STR_FMT "\n", STR_ARG(run->args[0]));
	return 0;
}

/* Of a restore that was killed: half a store. */
static int remove_rest(const char *fresh, struct err *err)
{
	return access(fresh, F_OK) == 0 ? fd_remove_tree(AT_FDCWD, fresh, err) : 0;
}

/* In one step: at no moment is there no store, which a server started then would make anew. */
static int put_in_place(const struct server_plan *plan, const char *fresh, const char *dir,
			const char *old, struct err *err)
{
	AUTO_FD parent = open(plan->data_dir.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (parent < 0)
		return err_os(err, "open '%s'", plan->data_dir.ptr);
	if (access(dir, F_OK) < 0) {
		r = rename(fresh, dir);
	} else {
		r = rename(fresh, old);
		if (r == 0)
			r = renameat2(AT_FDCWD, old, AT_FDCWD, dir, RENAME_EXCHANGE);
	}
	if (r < 0)
		return err_os(err, "put '%s' in place", dir);
	return fsync(parent) < 0 ? err_os(err, "fsync '%s'", plan->data_dir.ptr) : 0;
}

static int restore_run(struct cmd_run *run, struct err *err)
{
	const struct snapshot_opts *opts = run->opts;
	struct server_plan plan;
	struct str dir, fresh, old;

	if (server_plan(&opts->server, run->arena, &plan, err) < 0 ||
	    server_refuse_running(&plan, run->arena, err) < 0)
		return -1;
	dir = path_join(run->arena, plan.data_dir, STR("store"));
	fresh = path_join(run->arena, plan.data_dir, STR("store.restoring"));
	old = path_join(run->arena, plan.data_dir, STR("store.before-restore"));
	if (access(old.ptr, F_OK) == 0)
		return err_set(err, ERR_EXISTS,
			       "%s is there from an earlier restore: move it away first", old.ptr);
	if (fd_make_dirs(AT_FDCWD, plan.data_dir.ptr, 0755, err) < 0 ||
	    remove_rest(fresh.ptr, err) < 0 ||
	    store_snapshot_restore(str_c_in(run->arena, run->args[0]), fresh.ptr, err) < 0 ||
	    put_in_place(&plan, fresh.ptr, dir.ptr, old.ptr, err) < 0)
		return -1;
	printf("Restored to %s; the state before, if there was one, is in %s\n", dir.ptr, old.ptr);
	return 0;
}

#define PLACE(name_, field_, fallback_, help_) \
	FLAG_STRING(0, name_, struct snapshot_opts, server.field_, fallback_, help_)

/* Those that decide where things are, with the defaults of cube server. */
#define PLACES                                                                                 \
	PLACE("data-dir", data_dir, "/var/lib/cube",                                           \
	      "as given to cube server; so are the following"),                                \
		PLACE("run-dir", run_dir, "/run/cube", "sockets and state of what runs now"),  \
		PLACE("kubeconfig", kubeconfig, "/etc/kubernetes/admin.conf",                  \
		      "administrator's kubeconfig"),                                           \
		PLACE("cert-dir", pki_dir, "", "keys and certificates"),                       \
		PLACE("pod-cidr", pod_cidr, "10.244.0.0/24", "addresses of this node's pods"), \
		PLACE("service-cidr", service_cidr, "10.96.0.0/12", "addresses of services"),  \
		PLACE("bridge", bridge, "cube0", "bridge of this node's pods"),                \
		PLACE("cgroup-root", cgroup_root, "/", "parent of all cgroups made"),          \
		PLACE("store", store, "lmdb", "where the cluster's state is kept")

static const struct flag save_flags[] = {
	PLACES,
	PLACE("etcd-listen", etcd_listen, "127.0.0.1:2379", "address of the server's etcd API"),
	{ 0 },
};
static const struct flag restore_flags[] = { PLACES, { 0 } };

const struct cmd cmd_snapshot_save = {
	.path = "snapshot save",
	.args = "FILE",
	.args_min = 1,
	.args_max = 1,
	.summary = "Save the state of the running cluster to a file",
	.description = "The same file as of `etcdctl snapshot save`. What is encrypted at rest is "
		       "so in it: keep the "
		       "encryption's keys too.",
	.example = "  cube snapshot save /srv/backup/cluster.db",
	.run = save_run,
	.opts_size = sizeof(struct snapshot_opts),
	.flags = save_flags,
};

const struct cmd cmd_snapshot_restore = {
	.path = "snapshot restore",
	.args = "FILE",
	.args_min = 1,
	.args_max = 1,
	.summary = "Make a saved state the cluster's; the server must not run",
	.description = "The state there was is put aside, beside the new one. Files of a real etcd "
		       "are not read.",
	.example = "  cube snapshot restore /srv/backup/cluster.db",
	.run = restore_run,
	.opts_size = sizeof(struct snapshot_opts),
	.flags = restore_flags,
};
