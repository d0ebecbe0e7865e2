/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pattern → tree → program. The parser is a recursive descent whose depth is bounded; repetitions
 * are unrolled when the program is written, which is bounded too. Messages are Go's.
 */
#include "base/num.h"
#include "codec/regex_internal.h"

#define POINT_MAX 0x10ffff

enum node_kind { NODE_EMPTY, NODE_CLASS, NODE_TEST, NODE_SEQUENCE, NODE_CHOICE, NODE_REPEAT };

struct node {
	enum node_kind kind;
	struct regex_class *class;
	enum regex_test test;
	struct node *left, *right; /* sequence, choice; left of a repeat */
	unsigned min, max;	   /* repeat; UNLIMITED */
	bool lazy;
};

#define UNLIMITED UINT32_MAX

struct flags {
	bool fold, multi_line, dot_all, lazy;
};

struct parser {
	struct arena *arena;
	struct str rest;
	struct flags flags;
	unsigned depth;
	struct err *err;
	/* the program */
	struct regex_instruction *program;
	uint32_t count, room;
	bool failed;
};

static void *fail(struct parser *p, const char *what, struct str where)
{
	if (!p->failed)
		err_set(p->err, ERR_PARSE, "error parsing regexp: %s: `" STR_FMT "`", what,
			STR_ARG(where));
	p->failed = true;
	return NULL;
}

static struct node *new_node(struct parser *p, enum node_kind kind)
{
	struct node *node = ARENA_NEW(p->arena, struct node);

	node->kind = kind;
	return node;
}

static bool take(struct parser *p, const char *text)
{
	return str_strip_prefix(&p->rest, str_from(text));
}

/* The next code point. The pattern is well-formed UTF-8. */
static uint32_t take_point(struct parser *p)
{
	unsigned char c = (unsigned char)p->rest.ptr[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t point = n == 1 ? c : n == 2 ? c & 0x1f : n == 3 ? c & 0x0f : c & 0x07;

	for (size_t i = 1; i < n; i++)
		point = point << 6 | ((unsigned char)p->rest.ptr[i] & 0x3f);
	p->rest = str_sub(p->rest.ptr + n, p->rest.len - n);
	return point;
}

/* What was read since before. */
static struct str since(const struct parser *p, struct str before)
{
	return str_sub(before.ptr, before.len - p->rest.len);
}

static struct node *class_node(struct parser *p, struct regex_class *class, bool negate)
{
	struct node *node = new_node(p, NODE_CLASS);

	regex_class_finish(p->arena, class, negate);
	node->class = class;
	return node;
}

static struct node *point_node(struct parser *p, uint32_t point)
{
	struct regex_class *class = ARENA_NEW(p->arena, struct regex_class);

	regex_class_add(p->arena, class, point, point);
	if (p->flags.fold)
		regex_class_fold(p->arena, class);
	return class_node(p, class, false);
}

static struct node *test_node(struct parser *p, enum regex_test test)
{
	struct node *node = new_node(p, NODE_TEST);

	node->test = test;
	return node;
}

/* ---- escapes ---- */

static int hex_value(uint32_t c)
{
	if (c >= '0' && c <= '9')
		return (int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (int)(c - 'a' + 10) : -1;
}

/* Behind \x: two digits, or any number in braces. */
static bool take_hex(struct parser *p, uint32_t *ret)
{
	uint32_t value = 0;
	bool braces = take(p, "{");
	int digits = 0;

	while (p->rest.len > 0 && (braces || digits < 2) &&
	       hex_value((unsigned char)p->rest.ptr[0]) >= 0) {
		value = value * 16 + (uint32_t)hex_value(take_point(p));
		digits++;
		if (value > POINT_MAX)
			return false;
	}
	*ret = value;
	return braces ? digits > 0 && take(p, "}") : digits == 2;
}

/* An escape that stands for one code point; *p is behind the backslash. */
static bool take_escape(struct parser *p, uint32_t *ret)
{
	static const char names[] = "afnrtv";
	static const char values[] = "\a\f\n\r\t\v";
	struct str before = p->rest;
	uint32_t c = take_point(p);
	const char *found = c < 128 && c ? strchr(names, (int)c) : NULL;

	if (found) {
		*ret = (unsigned char)values[found - names];
		return true;
	}
	if (c == 'x')
		return take_hex(p, ret);
	/* "\1" would be a backreference, "\12" and "\0" are octal */
	if ((c >= '1' && c <= '7' && p->rest.len > 0 && p->rest.ptr[0] >= '0' &&
	     p->rest.ptr[0] <= '7') ||
	    c == '0') {
		*ret = c - '0';
		for (int i = 0;
		     i < 2 && p->rest.len > 0 && p->rest.ptr[0] >= '0' && p->rest.ptr[0] <= '7';
		     i++)
			*ret = *ret * 8 + (take_point(p) - '0');
		return true;
	}
	*ret = c;
	if (c < 128 && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
	    c != '_')
		return true;
	p->rest = before;
	return false;
}

/* \d and its like; false when it is none. */
static bool take_perl(struct parser *p, struct regex_class *class)
{
	static const char names[] = "dswDSW";
	struct regex_class named = { 0 };
	char c;

	if (p->rest.len < 2 || p->rest.ptr[0] != '\\' || !p->rest.ptr[1] ||
	    !strchr(names, p->rest.ptr[1]))
		return false;
	c = p->rest.ptr[1];
	p->rest = str_sub(p->rest.ptr + 2, p->rest.len - 2);
	regex_class_perl(p->arena, &named, (char)(c | 0x20));
	regex_class_finish(p->arena, &named, c < 'a');
	regex_class_add_all(p->arena, class, &named);
	return true;
}

static struct node *parse_quoted(struct parser *p)
{
	struct node *node = new_node(p, NODE_EMPTY);

	while (p->rest.len > 0 && !take(p, "\\E")) {
		struct node *pair = new_node(p, NODE_SEQUENCE);

		pair->left = node;
		pair->right = point_node(p, take_point(p));
		node = pair;
	}
	return node;
}

/* "\\p{Greek}" or "\\pL" at the front. */
static struct str unicode_class_text(struct str s)
{
	size_t end = s.len > 2 && s.ptr[2] == '{' ? str_find_char(s, '}', 0) : 2;

	return str_slice(s, 0, end == SIZE_MAX ? s.len : end + 1);
}

static struct node *parse_escape(struct parser *p)
{
	struct str before = p->rest;
	struct regex_class *class = ARENA_NEW(p->arena, struct regex_class);
	uint32_t point;

	if (take_perl(p, class))
		return class_node(p, class, false);
	if (take(p, "\\A"))
		return test_node(p, REGEX_TEXT_START);
	if (take(p, "\\z"))
		return test_node(p, REGEX_TEXT_END);
	if (take(p, "\\b"))
		return test_node(p, REGEX_WORD);
	if (take(p, "\\B"))
		return test_node(p, REGEX_NOT_WORD);
	if (take(p, "\\Q"))
		return parse_quoted(p);
	(void)take(p, "\\"); /* it is there */
	if (p->rest.len == 0)
		return fail(p, "trailing backslash at end of expression", STR_NONE);
	if (p->rest.ptr[0] == 'p' || p->rest.ptr[0] == 'P')
		return fail(p, "invalid character class range", unicode_class_text(before));
	if (!take_escape(p, &point))
		return fail(p, "invalid escape sequence", str_slice(before, 0, 2));
	return point_node(p, point);
}

/* ---- classes ---- */

static bool take_posix(struct parser *p, struct regex_class *class)
{
	struct regex_class named = { 0 };
	struct str before = p->rest;
	size_t end;
	bool negate;

	if (!str_has_prefix(p->rest, STR("[:")))
		return false;
	end = str_find(p->rest, STR(":]"), 2);
	if (end == SIZE_MAX)
		return false;
	negate = p->rest.ptr[2] == '^';
	if (!regex_class_posix(p->arena, &named, str_slice(p->rest, negate ? 3 : 2, end))) {
		fail(p, "invalid character class range", str_slice(before, 0, end + 2));
		return false;
	}
	regex_class_finish(p->arena, &named, negate);
	regex_class_add_all(p->arena, class, &named);
	p->rest = str_slice(p->rest, end + 2, p->rest.len);
	return true;
}

/* One end of a range. */
static bool take_class_point(struct parser *p, struct str whole, uint32_t *ret)
{
	struct str before = p->rest;

	if (p->rest.len == 0) {
		fail(p, "missing closing ]", whole);
		return false;
	}
	if (!take(p, "\\")) {
		*ret = take_point(p);
		return true;
	}
	if (p->rest.len == 0) {
		fail(p, "trailing backslash at end of expression", STR_NONE);
		return false;
	}
	if (take_escape(p, ret))
		return true;
	fail(p, "invalid escape sequence", str_slice(before, 0, 2));
	return false;
}

static struct node *parse_class(struct parser *p)
{
	struct str whole = p->rest;
	struct regex_class *class = ARENA_NEW(p->arena, struct regex_class);
	bool negate;

	(void)take(p, "["); /* it is there */
	negate = take(p, "^");
	for (bool first = true; first || !take(p, "]"); first = false) {
		struct str before = p->rest;
		uint32_t low;
		uint32_t high;

		if (take_perl(p, class) || take_posix(p, class))
			continue;
		if (p->failed || !take_class_point(p, whole, &low))
			return NULL;
		high = low;
		if (p->rest.len > 1 && p->rest.ptr[0] == '-' && p->rest.ptr[1] != ']') {
			(void)take(p, "-"); /* it is there */
			if (!take_class_point(p, whole, &high))
				return NULL;
		}
		if (high < low)
			return fail(p, "invalid character class range", since(p, before));
		regex_class_add(p->arena, class, low, high);
	}
	if (p->flags.fold)
		regex_class_fold(p->arena, class);
	return class_node(p, class, negate);
}

/* ---- groups and repetitions ---- */

static struct node *parse_choice(struct parser *p);

/* (?i-s) and (?i: behind "(?"; *ret_group: a group follows. */
static bool take_flags(struct parser *p, struct str whole, bool *ret_group)
{
	bool value = true;
	bool any = false;

	while (p->rest.len > 0) {
		uint32_t c = take_point(p);

		if (c == ':' || c == ')') {
			*ret_group = c == ':';
			if (!value && !any)
				break;
			return true;
		}
		any = true;
		if (c == 'i')
			p->flags.fold = value;
		else if (c == 'm')
			p->flags.multi_line = value;
		else if (c == 's')
			p->flags.dot_all = value;
		else if (c == 'U')
			p->flags.lazy = value;
		else if (c == '-' && value)
			value = any = false;
		else
			break;
	}
	fail(p, "invalid or unsupported Perl syntax", since(p, whole));
	return false;
}

static bool take_group_name(struct parser *p, struct str whole)
{
	size_t end = str_find_char(p->rest, '>', 0);
	bool good = end != SIZE_MAX && end > 0;

	for (size_t i = 0; good && i < end; i++) {
		char c = p->rest.ptr[i];

		good = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		       c == '_';
	}
	if (!good) {
		fail(p, "invalid named capture",
		     str_slice(whole, 0,
			       end == SIZE_MAX ? whole.len : whole.len - p->rest.len + end + 1));
		return false;
	}
	p->rest = str_slice(p->rest, end + 1, p->rest.len);
	return true;
}

static struct node *parse_group(struct parser *p)
{
	struct str whole = p->rest;
	struct flags outside = p->flags;
	struct node *node;

	(void)take(p, "("); /* it is there */
	if (take(p, "?P<") || take(p, "?<")) {
		if (!take_group_name(p, whole))
			return NULL;
	} else if (take(p, "?")) {
		bool is_group = false;

		if (!take_flags(p, whole, &is_group))
			return NULL;
		if (!is_group)
			return new_node(p, NODE_EMPTY);
	}
	if (++p->depth > REGEX_DEPTH_MAX)
		return fail(p, "expression nests too deeply", whole);
	node = parse_choice(p);
	p->depth--;
	if (!node)
		return NULL;
	if (!take(p, ")"))
		return fail(p, "missing closing )", whole);
	p->flags = outside;
	return node;
}

static bool take_number(struct parser *p, unsigned *ret)
{
	size_t len = 0;
	uint64_t value;

	while (len < p->rest.len && p->rest.ptr[len] >= '0' && p->rest.ptr[len] <= '9')
		len++;
	if (len == 0)
		return false;
	if (len > 1 && p->rest.ptr[0] == '0')
		return false;
	*ret = num_parse_u64(str_sub(p->rest.ptr, len), 100000, "count", &value, NULL) < 0
		       ? 100000
		       : (unsigned)value;
	p->rest = str_slice(p->rest, len, p->rest.len);
	return true;
}

/* {n}, {n,}, {n,m}: false, and nothing taken, when it is none (then it is text). */
static bool take_braces(struct parser *p, unsigned *ret_min, unsigned *ret_max)
{
	struct str before = p->rest;

	if (take(p, "{") && take_number(p, ret_min)) {
		*ret_max = *ret_min;
		if (take(p, ",") && !take_number(p, ret_max))
			*ret_max = UNLIMITED;
		if (take(p, "}"))
			return true;
	}
	p->rest = before;
	return false;
}

static struct node *parse_repeats(struct parser *p, struct node *node, struct str atom)
{
	bool repeated = false;

	while (node && p->rest.len > 0) {
		struct str before = p->rest;
		unsigned min = 0;
		unsigned max = UNLIMITED;
		struct node *repeat;

		if (take(p, "?"))
			max = 1;
		else if (take(p, "+"))
			min = 1;
		else if (!take(p, "*") && !take_braces(p, &min, &max))
			break;
		if (min > REGEX_REPEAT_MAX ||
		    (max != UNLIMITED && (max > REGEX_REPEAT_MAX || max < min)))
			return fail(p, "invalid repeat count", since(p, before));
		if (repeated)
			return fail(p, "invalid nested repetition operator", since(p, atom));
		repeat = new_node(p, NODE_REPEAT);
		repeat->left = node;
		repeat->min = min;
		repeat->max = max;
		repeat->lazy = take(p, "?") != p->flags.lazy;
		node = repeat;
		repeated = true;
		atom = before;
	}
	return node;
}

static struct node *parse_atom(struct parser *p)
{
	char c = p->rest.ptr[0];
	struct regex_class *class;
	unsigned min;
	unsigned max;
	struct str before = p->rest;

	switch (c) {
	case '(':
		return parse_group(p);
	case '[':
		return parse_class(p);
	case '\\':
		return parse_escape(p);
	case '*':
	case '+':
	case '?':
		return fail(p, "missing argument to repetition operator", str_slice(p->rest, 0, 1));
	case '{':
		if (take_braces(p, &min, &max))
			return fail(p, "missing argument to repetition operator", since(p, before));
		break;
	case '.':
		class = ARENA_NEW(p->arena, struct regex_class);
		(void)take(p, "."); /* it is there */
		if (!p->flags.dot_all)
			regex_class_add(p->arena, class, '\n', '\n');
		return class_node(p, class, true);
	case '^':
		(void)take(p, "^"); /* it is there */
		return test_node(p, p->flags.multi_line ? REGEX_LINE_START : REGEX_TEXT_START);
	case '$':
		(void)take(p, "$"); /* it is there */
		return test_node(p, p->flags.multi_line ? REGEX_LINE_END : REGEX_TEXT_END);
	default:
		break;
	}
	return point_node(p, take_point(p));
}

static struct node *parse_sequence(struct parser *p)
{
	struct node *node = NULL;

	while (p->rest.len > 0 && p->rest.ptr[0] != '|' && p->rest.ptr[0] != ')') {
		struct str before = p->rest;
		struct node *next = parse_atom(p);
		struct node *pair;

		next = parse_repeats(p, next, before);
		if (!next)
			return NULL;
		if (!node) {
			node = next;
			continue;
		}
		pair = new_node(p, NODE_SEQUENCE);
		pair->left = node;
		pair->right = next;
		node = pair;
	}
	return node ? node : new_node(p, NODE_EMPTY);
}

static struct node *parse_choice(struct parser *p)
{
	struct node *node = parse_sequence(p);

	while (node && take(p, "|")) {
		struct node *choice = new_node(p, NODE_CHOICE);

		choice->left = node;
		choice->right = parse_sequence(p);
		if (!choice->right)
			return NULL;
		node = choice;
	}
	return node;
}

/* ---- program ---- */

static uint32_t emit(struct parser *p, struct regex_instruction instruction)
{
	if (p->count == REGEX_PROGRAM_MAX) {
		if (!p->failed)
			err_set(p->err, ERR_TOO_LARGE,
				"error parsing regexp: expression too large");
		p->failed = true;
		return 0;
	}
	if (p->count == p->room) {
		uint32_t room = p->room ? 2 * p->room : 32;
		struct regex_instruction *larger = arena_array(p->arena, room, sizeof(*larger));

		if (p->count > 0)
			memcpy(larger, p->program, p->count * sizeof(*larger));
		p->program = larger;
		p->room = room;
	}
	p->program[p->count] = instruction;
	return p->count++;
}

static void write_node(struct parser *p, const struct node *node);

/* Chains that lean left are as deep as they are long: walk them. */
static void write_chain(struct parser *p, const struct node *node)
{
	const struct node **parts;
	size_t count = 1;
	size_t i;

	for (const struct node *n = node; n->kind == NODE_SEQUENCE; n = n->left)
		count++;
	parts = arena_array(p->arena, count, sizeof(*parts));
	i = count;
	for (; node->kind == NODE_SEQUENCE; node = node->left)
		parts[--i] = node->right;
	parts[0] = node;
	for (i = 0; i < count && !p->failed; i++)
		write_node(p, parts[i]);
}

static void write_choice(struct parser *p, const struct node *node)
{
	const struct node **parts;
	uint32_t *jumps;
	size_t count = 1;
	size_t i;

	for (const struct node *n = node; n->kind == NODE_CHOICE; n = n->left)
		count++;
	parts = arena_array(p->arena, count, sizeof(*parts));
	jumps = arena_array(p->arena, count, sizeof(*jumps));
	i = count;
	for (; node->kind == NODE_CHOICE; node = node->left)
		parts[--i] = node->right;
	parts[0] = node;
	for (i = 0; i < count && !p->failed; i++) {
		uint32_t split = 0;

		if (i + 1 < count)
			split = emit(p, (struct regex_instruction){ .op = REGEX_OP_SPLIT,
								    .next = p->count + 1 });
		write_node(p, parts[i]);
		if (i + 1 == count)
			break;
		jumps[i] = emit(p, (struct regex_instruction){ .op = REGEX_OP_JUMP });
		p->program[split].other = p->count;
	}
	for (i = 0; i + 1 < count && !p->failed; i++)
		p->program[jumps[i]].next = p->count;
}

static uint32_t write_split(struct parser *p, bool lazy)
{
	uint32_t at = emit(p, (struct regex_instruction){ .op = REGEX_OP_SPLIT });

	if (!p->failed) /* the way out is filled in later */
		*(lazy ? &p->program[at].other : &p->program[at].next) = at + 1;
	return at;
}

static void set_exit(struct parser *p, uint32_t split, bool lazy, uint32_t to)
{
	if (!p->failed)
		*(lazy ? &p->program[split].next : &p->program[split].other) = to;
}

static void write_repeat(struct parser *p, const struct node *node)
{
	uint32_t last = p->count;
	uint32_t *exits;
	unsigned more;

	for (unsigned i = 0; i < node->min && !p->failed; i++) {
		last = p->count;
		write_node(p, node->left);
	}
	if (node->max == UNLIMITED && node->min > 0) { /* x+: back to the last one */
		uint32_t split = emit(p, (struct regex_instruction){ .op = REGEX_OP_SPLIT,
								     .next = last,
								     .other = last });

		set_exit(p, split, node->lazy, split + 1);
		return;
	}
	if (node->max == UNLIMITED) {
		uint32_t split = write_split(p, node->lazy);

		write_node(p, node->left);
		emit(p, (struct regex_instruction){ .op = REGEX_OP_JUMP, .next = split });
		set_exit(p, split, node->lazy, p->count);
		return;
	}
	more = node->max - node->min;
	exits = arena_array(p->arena, more + 1, sizeof(*exits));
	for (unsigned i = 0; i < more && !p->failed; i++) {
		exits[i] = write_split(p, node->lazy);
		write_node(p, node->left);
	}
	for (unsigned i = 0; i < more; i++)
		set_exit(p, exits[i], node->lazy, p->count);
}

static void write_node(struct parser *p, const struct node *node)
{
	if (p->failed)
		return;
	switch (node->kind) {
	case NODE_EMPTY:
		break;
	case NODE_CLASS:
		emit(p, (struct regex_instruction){
				.op = REGEX_OP_CLASS, .class = node->class, .next = p->count + 1 });
		break;
	case NODE_TEST:
		emit(p, (struct regex_instruction){ .op = REGEX_OP_EMPTY,
						    .test = (uint8_t)node->test,
						    .next = p->count + 1 });
		break;
	case NODE_SEQUENCE:
		write_chain(p, node);
		break;
	case NODE_CHOICE:
		write_choice(p, node);
		break;
	case NODE_REPEAT:
		write_repeat(p, node);
		break;
	}
}

/* True when every match begins with ^ outside of a repetition. */
static bool is_anchored(const struct node *node)
{
	while (node->kind == NODE_SEQUENCE)
		node = node->left;
	if (node->kind == NODE_CHOICE)
		return is_anchored(node->right) && is_anchored(node->left);
	return node->kind == NODE_TEST && node->test == REGEX_TEXT_START;
}

const struct regex *regex_compile(struct arena *arena, struct str pattern, struct err *err)
{
	struct parser p = { .arena = arena, .rest = pattern, .err = err };
	struct regex *regex;
	struct node *node;

	if (pattern.len > REGEX_TEXT_BYTES_MAX) {
		err_set(err, ERR_TOO_LARGE, "error parsing regexp: expression too large");
		return NULL;
	}
	if (!str_is_utf8(pattern)) {
		err_set(err, ERR_PARSE, "error parsing regexp: invalid UTF-8");
		return NULL;
	}
	node = parse_choice(&p);
	if (node && p.rest.len > 0)
		node = fail(&p, "unexpected )", p.rest);
	if (!node)
		return NULL;
	write_node(&p, node);
	emit(&p, (struct regex_instruction){ .op = REGEX_OP_MATCH });
	if (p.failed)
		return NULL;
	regex = ARENA_NEW(arena, struct regex);
	*regex = (struct regex){ .program = p.program,
				 .count = p.count,
				 .anchored = is_anchored(node) };
	regex_find_first(regex, arena);
	return regex;
}
