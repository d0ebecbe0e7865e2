/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What validation rules cost: ten rules of a schema run on one object, and each kind of expression
 * by itself. Prints the fastest of many rounds, in microseconds.
 */
#include <stdio.h>
#include <time.h>
#include "base/assert.h"
#include "base/time.h"
#include "cel/cel.h"

#define ROUNDS 20
#define EVALUATIONS 2000

static const char *const texts[] = {
	"self.a <= self.b",
	"has(self.x) ? self.x > 1 : true",
	"self.a in [1, 2, 3]",
	"self.name.startsWith('my') && self.name.size() < 64",
	"self.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
	"self.l.exists(x, x == 3)",
	"self.l.all(x, x > 0 && x < 100)",
	"self.l.map(x, x * 2).size() == 10",
	"'a is %d'.format([self.a]) != ''",
	"quantity(self.q).isLessThan(quantity('10Gi'))",
};

static const char object[] = "{\"a\":1,\"b\":2,\"name\":\"my-name-is-long-enough-123\","
			     "\"l\":[1,2,3,4,5,6,7,8,9,10],\"q\":\"5Gi\"}";

static int64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * TIME_NS_PER_SECOND + now.tv_nsec;
}

/* Microseconds of one evaluation. */
static double measure(const struct cel_program *program, struct cel_value self,
		      struct arena *scratch)
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_ns();
		double took;

		for (int i = 0; i < EVALUATIONS; i++) {
			struct cel_evaluation evaluation = {
				.arena = scratch,
				.variables = &self,
				.cost_max = CEL_CALL_COST_MAX,
			};
			struct cel_value result;

			ASSERT(cel_evaluate(program, &evaluation, &result, NULL) == 0 &&
			       result.boolean);
			arena_reset(scratch);
		}
		took = (double)(clock_ns() - start) / 1e3 / EVALUATIONS;
		best = took < best ? took : best;
	}
	return best;
}

int main(void)
{
	const struct cel_variable variable = { STR("self"), &cel_type_dyn };
	const struct cel_env env = { .variables = &variable, .variable_count = 1 };
	AUTO_JSON doc = json_parse(str_from(object), sizeof(object), NULL);
	struct cel_value self = cel_json(yyjson_doc_get_root(doc), &cel_type_dyn);
	AUTO_ARENA arena = { 0 };
	AUTO_ARENA scratch = { 0 };
	AUTO_BUF messages = { 0 };
	double sum = 0;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		const struct cel_program *program = cel_compile(&arena, &env, str_from(texts[i]),
								&messages);
		double took;

		ASSERT(program);
		took = measure(program, self, &scratch);
		sum += took;
		printf("%7.3f us  %s\n", took, texts[i]);
	}
	printf("%7.3f us  all ten\n", sum);
	return 0;
}
