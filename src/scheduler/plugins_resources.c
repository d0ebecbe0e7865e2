/* SPDX-License-Identifier: Apache-2.0 */
/* Resources: what must fit, and which node would be least or most evenly used; where images are
 * already. */
#include <math.h>
#include "base/num.h"
#include "scheduler/cycle.h"

#define IMAGE_MIN_BYTES (INT64_C(23) << 20) /* smaller images do not matter ... */
#define IMAGE_MAX_BYTES \
	(INT64_C(1000) << 20) /* ... and above this, per container, they matter no more */

struct shortage {
	struct cycle *cycle;
	enum refusal refusal;
};

static void check(struct shortage *s, int64_t wanted, int64_t used, int64_t has, struct str text)
{
	if (wanted <= 0 || wanted <= has - used)
		return;
	/* Asking for more than the node has at all: nobody's leaving would help. */
	(void)cycle_refuse(s->cycle, REFUSED, text); /* the kind is decided here */
	if (wanted > has)
		s->refusal = REFUSED_FOR_GOOD;
	else if (s->refusal == REFUSED_NOT)
		s->refusal = REFUSED;
}

enum refusal fit_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	const struct amounts *want = &cycle->pod->request, *has = &node->allocatable,
			     *used = &node->requested;
	struct shortage s = { cycle, REFUSED_NOT };

	(void)index;
	check(&s, 1, used->pods, has->pods, STR("Too many pods"));
	check(&s, want->cpu_milli, used->cpu_milli, has->cpu_milli, STR("Insufficient cpu"));
	check(&s, want->memory, used->memory, has->memory, STR("Insufficient memory"));
	check(&s, want->ephemeral, used->ephemeral, has->ephemeral,
	      STR("Insufficient ephemeral-storage"));
	for (size_t i = 0; i < want->scalar_count; i++) {
		const struct amount_scalar *a = &want->scalars[i];
		int64_t scalar_has = amounts_scalar(has, a->name),
			scalar_used = amounts_scalar(used, a->name);

		if (a->value > scalar_has - scalar_used)
			check(&s, a->value, scalar_used, scalar_has,
			      str_printf_in(cycle->arena, "Insufficient " STR_FMT,
					    STR_ARG(a->name)));
	}
	return s.refusal;
}

static int64_t least(int64_t used, int64_t has)
{
	return has <= 0 || used > has ? 0 : (has - used) * SCORE_MAX / has;
}

bool least_allocated_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
			   int64_t *scores, size_t index)
{
	const struct pod_state *pod = cycle->pod;

	(void)index;
	for (size_t n = 0; n < count; n++) {
		const struct node_state *node = nodes[n];

		scores[n] = (least(node->assumed_cpu_milli + pod->assumed_cpu_milli,
				   node->allocatable.cpu_milli) +
			     least(node->assumed_memory + pod->assumed_memory,
				   node->allocatable.memory)) /
			    2;
	}
	return true;
}

static double fraction(int64_t used, int64_t has)
{
	return has <= 0 ? 1 : NUM_MIN((double)used / (double)has, 1.0);
}

bool balanced_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		    int64_t *scores, size_t index)
{
	const struct pod_state *pod = cycle->pod;

	(void)index;
	if (pod->request.cpu_milli == 0 && pod->request.memory == 0)
		return false; /* asks for nothing: cannot unbalance anything */
	for (size_t n = 0; n < count; n++) {
		const struct node_state *node = nodes[n];
		double cpu = fraction(node->requested.cpu_milli + pod->request.cpu_milli,
				      node->allocatable.cpu_milli);
		double memory = fraction(node->requested.memory + pod->request.memory,
					 node->allocatable.memory);

		scores[n] = (int64_t)((1 - fabs(cpu - memory) / 2) * SCORE_MAX);
	}
	return true;
}

static int64_t image_bytes_on(const struct cycle *cycle, const struct node_state *node,
			      struct str image)
{
	const struct image_use *use = map_get(cycle->cluster->images, image);

	if (!use || !map_get(&use->nodes, node->name))
		return 0;
	return use->size_bytes * (int64_t)use->node_count / (int64_t)cycle->cluster->node_count;
}

/* The name that nodes report: with ":latest" when neither tag nor digest is given. */
static struct str full_name(struct arena *arena, struct str image)
{
	size_t slash = str_rfind_char(image, '/'), colon = str_rfind_char(image, ':');

	if (colon != SIZE_MAX && (slash == SIZE_MAX || colon > slash))
		return image;
	return str_printf_in(arena, STR_FMT ":latest", STR_ARG(image));
}

bool image_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		 int64_t *scores, size_t index)
{
	int64_t containers = (int64_t)yyjson_arr_size(cycle->pod->containers);
	int64_t max = IMAGE_MAX_BYTES * NUM_MAX(containers, INT64_C(1));
	bool any = false;

	(void)index;
	if (!cycle->cluster->images || !cycle->cluster->images->count)
		return false;
	for (size_t n = 0; n < count; n++)
		scores[n] = 0;
	JSON_EACH (container, cycle->pod->containers) {
		struct str image = full_name(cycle->arena, json_get_str(container, "image"));

		if (!map_get(cycle->cluster->images, image))
			continue;
		any = true;
		for (size_t n = 0; n < count; n++)
			scores[n] += image_bytes_on(cycle, nodes[n], image);
	}
	for (size_t n = 0; any && n < count; n++) {
		int64_t bytes = NUM_MAX(scores[n], IMAGE_MIN_BYTES);

		bytes = NUM_MIN(bytes, max);
		scores[n] = (bytes - IMAGE_MIN_BYTES) * SCORE_MAX / (max - IMAGE_MIN_BYTES);
	}
	return any;
}
