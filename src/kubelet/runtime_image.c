/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images for the kubelet: is it there, or pull it with whichever of the pod's credentials fit.
 * Pulls of one name by several containers at once are the store's to join.
 */
#include "base/mem.h"
#include "base/num.h"
#include "image/image.h"
#include "image/reference.h"
#include "kubelet/limits.h"
#include "kubelet/runtime_internal.h"

struct image_call {
	struct task task;
	struct image_pull pull;
	struct runtime *runtime;
	struct runtime_image *op;
	struct arena arena;
	struct err err;
	bool failed;
};

static void image_fill(struct runtime_image *op, const struct image *image)
{
	uint64_t user;
	struct str name, group;

	if (str_copy_to(str_from(image->id), op->ret_id, sizeof(op->ret_id)) < 0)
		op->ret_id[0] = 0;
	op->ret_digest_name = image->digests.count > 0 ? image->digests.items[0] : STR_NONE;
	op->ret_size_bytes = image->size_bytes;
	op->ret_user = 0;
	(void)str_cut(image->config.user, ':', &name,
		      &group); /* without a group the name is all of it */
	if (!str_is_empty(name))
		op->ret_user = num_parse_u64(name, UINT32_MAX, "user", &user, NULL) == 0
				       ? (int64_t)user
				       : -1;
}

static void image_end(struct image_call *call)
{
	struct runtime_image *op = call->op;
	struct err err = call->err;
	bool failed = call->failed;

	arena_deinit(&call->arena);
	mem_free(call);
	op->op.done(&op->op, failed ? &err : NULL);
}

static void pulled(struct image_pull *pull, struct image *image, const struct err *err)
{
	struct image_call *call = CONTAINER_OF(pull, struct image_call, pull);

	if (err) {
		call->failed = true;
		call->err = *err;
		if (call->err.code == ERR_BAD_REQUEST || call->err.code == ERR_PARSE)
			call->err.code = ERR_UNAVAILABLE; /* the name itself was checked before */
	} else {
		image_fill(call->op, image);
	}
	image_end(call);
}

static void looked(struct task *task)
{
	image_end(CONTAINER_OF(task, struct image_call, task));
}

void runtime_image(struct pod_runtime *rt, struct runtime_image *op)
{
	struct image_call *call = NEW(struct image_call);
	struct runtime *r = runtime_of(rt);
	struct reference reference;
	struct image *image;

	call->runtime = r;
	call->op = op;
	arena_init(&call->arena, (size_t)4 << 20);
	task_init(&call->task, looked);
	call->failed = reference_parse(op->name, &call->arena, &reference, &call->err) < 0;
	if (!call->failed && op->pull) {
		call->pull = (struct image_pull){ .reference = op->name,
						  .done = pulled,
						  .owner = call };
		for (size_t i = 0; i < op->credential_count; i++)
			if (image_auth_find(op->credentials[i], op->name, &call->arena,
					    &call->pull.auth))
				break;
		image_pull(r->images, &call->pull);
		return;
	}
	if (!call->failed) {
		image = image_find(r->images, op->name, &call->err);
		call->failed = !image;
		if (image)
			image_fill(op, image);
		else if (call->err.code == ERR_BAD_REQUEST)
			call->err.code = ERR_NOT_FOUND;
	}
	env_defer(r->env, &call->task);
}
