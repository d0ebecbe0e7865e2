/* SPDX-License-Identifier: Apache-2.0 */
/* From claims to a user: mappings by claim and prefix or by expression, and rules that must hold.
 */
#include "apiserver/limits.h"
#include "apiserver/oidc.h"
#include "base/time.h"
#include "cel/cel.h"

#define NOT_BEFORE_LEEWAY_SECONDS 300 /* as upstream's verifier */

struct mapping {
	struct str claim, prefix; /* or */
	const struct cel_program *program;
	struct str expression;
};

struct rule {
	struct str claim, value; /* or */
	const struct cel_program *program;
	struct str expression, message;
};

struct extra {
	struct str key, expression;
	const struct cel_program *program;
};

struct oidc_rules {
	struct str_list audiences;
	struct mapping username, groups, uid;
	struct extra *extras;
	struct rule *claim_rules, *user_rules;
	size_t extra_count, claim_rule_count, user_rule_count;
};

/* --- compiling --- */

struct reader {
	struct arena *arena;
	struct str path; /* of the issuer */
	struct err *err;
};

static int refuse(struct reader *r, const char *field, const char *why)
{
	return err_set(r->err, ERR_INVALID, STR_FMT ".%s: %s", STR_ARG(r->path), field, why);
}

/* The user of user validation rules. */
static const struct cel_type list_of_text = { .kind = CEL_LIST,
					      .element = &cel_type_string,
					      .size_max = CEL_SIZE_UNKNOWN },
			     map_of_texts = { .kind = CEL_MAP,
					      .key = &cel_type_string,
					      .element = &list_of_text,
					      .unescapes = true,
					      .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_field user_fields[] = {
	{ STR_INIT("username"), STR_INIT("username"), &cel_type_string },
	{ STR_INIT("uid"), STR_INIT("uid"), &cel_type_string },
	{ STR_INIT("groups"), STR_INIT("groups"), &list_of_text },
	{ STR_INIT("extra"), STR_INIT("extra"), &map_of_texts },
};

static const struct cel_field *find_user_field(const struct cel_type *object, struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(user_fields); i++)
		if (str_eq(user_fields[i].name, name))
			return &user_fields[i];
	return NULL;
}

static const struct cel_fields user_table = { .find = find_user_field };
static const struct cel_type user_type = { .kind = CEL_OBJECT,
					   .name = STR_INIT("kubernetes.UserInfo"),
					   .fields = &user_table,
					   .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_variable claims_variable = { STR_INIT("claims"), &cel_type_map_escaped },
				 user_variable = { STR_INIT("user"), &user_type };
static const struct cel_env claims_env = { .variables = &claims_variable, .variable_count = 1 },
			    user_env = { .variables = &user_variable, .variable_count = 1 };

static int refuse_expression(struct reader *r, const char *field, struct str text, struct str why)
{
	AUTO_BUF quoted = { 0 };

	buf_init(&quoted, REQUEST_BODY_BYTES_MAX);
	json_write_quoted(text, &quoted);
	return err_set(r->err, ERR_INVALID, STR_FMT ".%s: Invalid value: " STR_FMT ": " STR_FMT,
		       STR_ARG(r->path), field, STR_ARG(buf_str(&quoted)), STR_ARG(why));
}

static const struct cel_program *compile(struct reader *r, struct str text, const char *field,
					 const struct cel_env *env)
{
	const struct cel_program *program;
	AUTO_BUF messages = { 0 };

	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	program = cel_compile(r->arena, env, str_in(r->arena, text), &messages);
	if (!program)
		(void)refuse_expression(r, field, text, buf_str(&messages)); /* err has it */
	return program;
}

static int read_mapping(struct reader *r, yyjson_val *from, const char *field, struct mapping *to)
{
	struct str expression = json_get_str(from, "expression");

	to->claim = str_in(r->arena, json_get_str(from, "claim"));
	to->prefix = str_in(r->arena, json_get_str(from, "prefix"));
	if (to->claim.len && expression.len)
		return refuse(r, field, "claim and expression can't both be set");
	if (!expression.len)
		return 0;
	to->expression = str_in(r->arena, expression);
	to->program = compile(r, expression, str_printf_in(r->arena, "%s.expression", field).ptr,
			      &claims_env);
	return to->program ? 0 : -1;
}

static int read_rules(struct reader *r, yyjson_val *list, const char *field,
		      const struct cel_env *env, struct rule **ret)
{
	size_t count = 0;

	*ret = arena_array(r->arena, yyjson_arr_size(list) + 1, sizeof(**ret));
	JSON_EACH (item, list) {
		struct rule *rule = &(*ret)[count++];
		struct str expression = json_get_str(item, "expression");
		const char *at;

		rule->claim = str_in(r->arena, json_get_str(item, "claim"));
		rule->value = str_in(r->arena, json_get_str(item, "requiredValue"));
		rule->message = str_in(r->arena, json_get_str(item, "message"));
		rule->expression = str_in(r->arena, expression);
		if (!rule->claim.len == !expression.len)
			return refuse(r, field, "exactly one of claim or expression is required");
		if (!expression.len)
			continue;
		at = str_printf_in(r->arena, "%s[%zu].expression", field, count - 1).ptr;
		rule->program = compile(r, expression, at, env);
		if (!rule->program)
			return -1;
		if (cel_program_type(rule->program)->kind != CEL_BOOL)
			return refuse_expression(r, at, expression, STR("must evaluate to bool"));
	}
	return 0;
}

static int read_extras(struct reader *r, yyjson_val *list, struct oidc_rules *to)
{
	to->extras = arena_array(r->arena, yyjson_arr_size(list) + 1, sizeof(to->extras[0]));
	JSON_EACH (item, list) {
		struct extra *extra = &to->extras[to->extra_count++];

		extra->key = str_in(r->arena, json_get_str(item, "key"));
		if (!extra->key.len)
			return refuse(r, "claimMappings.extra[].key", "Required value");
		if (to->extra_count > USER_EXTRAS_MAX)
			return refuse(r, "claimMappings.extra", "too many");
		extra->program = compile(r, json_get_str(item, "valueExpression"),
					 str_printf_in(r->arena,
						       "claimMappings.extra[%zu].valueExpression",
						       to->extra_count - 1)
						 .ptr,
					 &claims_env);
		if (!extra->program)
			return -1;
	}
	return 0;
}

static void read_audiences(struct reader *r, yyjson_val *list, struct oidc_rules *to)
{
	struct str *items = arena_array(r->arena, yyjson_arr_size(list) + 1, sizeof(items[0]));

	to->audiences.items = items;
	JSON_EACH (item, list)
		items[to->audiences.count++] = str_in(r->arena, json_str(item));
}

static bool selects(const struct cel_program *program, const char *claim)
{
	return program && cel_program_selects(program, STR("claims"), str_from(claim));
}

/* An address that is a name must be one that was verified; an expression that takes it has to see
 * to that, here or in another one that all depends on. */
static int check_verified(struct reader *r, const struct oidc_rules *rules, struct str expression)
{
	bool verified = selects(rules->username.program, "email_verified");

	for (size_t i = 0; i < rules->extra_count; i++)
		verified |= selects(rules->extras[i].program, "email_verified");
	for (size_t i = 0; i < rules->claim_rule_count; i++)
		verified |= selects(rules->claim_rules[i].program, "email_verified");
	if (verified || !selects(rules->username.program, "email"))
		return 0;
	return refuse_expression(
		r, "claimMappings.username.expression", expression,
		STR("claims.email_verified must be used in claimMappings.username.expression or "
		    "claimMappings.extra[*].valueExpression or claimValidationRules[*].expression "
		    "when claims.email is used in claimMappings.username.expression"));
}

const struct oidc_rules *oidc_rules_new(yyjson_val *issuer, struct str path, struct arena *arena,
					struct err *err)
{
	struct reader r = { arena, path, err };
	struct oidc_rules *rules = ARENA_NEW(arena, struct oidc_rules);
	yyjson_val *mappings = json_get(issuer, "claimMappings"),
		   *claim_rules = json_get(issuer, "claimValidationRules"),
		   *user_rules = json_get(issuer, "userValidationRules");

	read_audiences(&r, json_get(issuer, "issuer.audiences"), rules);
	rules->claim_rule_count = yyjson_arr_size(claim_rules);
	rules->user_rule_count = yyjson_arr_size(user_rules);
	if (!rules->audiences.count)
		return refuse(&r, "issuer.audiences", "Required value: at least one is required"),
		       NULL;
	if (read_mapping(&r, json_get(mappings, "username"), "claimMappings.username",
			 &rules->username) < 0 ||
	    read_mapping(&r, json_get(mappings, "groups"), "claimMappings.groups", &rules->groups) <
		    0 ||
	    read_mapping(&r, json_get(mappings, "uid"), "claimMappings.uid", &rules->uid) < 0 ||
	    read_extras(&r, json_get(mappings, "extra"), rules) < 0 ||
	    read_rules(&r, claim_rules, "claimValidationRules", &claims_env, &rules->claim_rules) <
		    0 ||
	    read_rules(&r, user_rules, "userValidationRules", &user_env, &rules->user_rules) < 0)
		return NULL;
	if (!rules->username.claim.len && !rules->username.program)
		return refuse(&r, "claimMappings.username",
			      "Required value: claim or expression is required"),
		       NULL;
	if (check_verified(&r, rules, json_get_str(mappings, "username.expression")) < 0)
		return NULL;
	return rules;
}

/* --- applying --- */

struct making {
	const struct oidc_rules *rules;
	yyjson_val *claims;
	struct arena *arena;
	struct err *err;
};

static int evaluate(struct making *m, const struct cel_program *program, struct str expression,
		    struct cel_value variable, struct cel_value *ret)
{
	struct cel_evaluation evaluation = { .arena = m->arena,
					     .variables = &variable,
					     .cost_max = CEL_CALL_COST_MAX };

	if (cel_evaluate(program, &evaluation, ret, m->err) < 0)
		return err_wrap(m->err, "expression '" STR_FMT "' resulted in error",
				STR_ARG(expression));
	return 0;
}

/* A string, or each string of a list; what is null or empty gives none. */
static int take_strings(struct making *m, yyjson_mut_val *value, struct str_list *ret)
{
	size_t count = yyjson_mut_is_arr(value) ? yyjson_mut_arr_size(value) : 1;
	struct str *items = arena_array(m->arena, count + 1, sizeof(items[0]));

	*ret = (struct str_list){ items, 0 };
	if (!value || yyjson_mut_is_null(value) ||
	    (yyjson_mut_is_str(value) && !json_mut_str(value).len))
		return 0;
	if (yyjson_mut_is_str(value)) {
		items[ret->count++] = str_in(m->arena, json_mut_str(value));
		return 0;
	}
	if (!yyjson_mut_is_arr(value))
		return err_set(m->err, ERR_UNAUTHORIZED,
			       "expression must return a string or a list of strings");
	JSON_MUT_EACH (item, value) {
		if (!yyjson_mut_is_str(item))
			return err_set(m->err, ERR_UNAUTHORIZED,
				       "expression must return a string or a list of strings");
		if (json_mut_str(item).len)
			items[ret->count++] = str_in(m->arena, json_mut_str(item));
	}
	return 0;
}

static int strings_of(struct making *m, const struct mapping *mapping, const char *what,
		      struct str_list *ret)
{
	struct cel_value value;
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *out;

	*ret = (struct str_list){ 0 };
	if (mapping->program) {
		if (evaluate(m, mapping->program, mapping->expression,
			     cel_json(m->claims, &cel_type_map_escaped), &value) < 0)
			return err_wrap(m->err, "oidc: error evaluating %s claim expression", what);
		out = cel_to_json(doc, value, m->err);
	} else if (mapping->claim.len) {
		yyjson_val *claim = json_key(m->claims, mapping->claim);

		out = claim ? json_copy(doc, claim) : NULL;
	} else {
		return 0;
	}
	if (take_strings(m, out, ret) < 0)
		return mapping->program
			       ? err_wrap(m->err, "oidc: error evaluating %s claim expression",
					  what)
			       : err_wrap(m->err, "oidc: parse %s claim \"" STR_FMT "\"", what,
					  STR_ARG(mapping->claim));
	for (size_t i = 0; mapping->prefix.len && i < ret->count; i++)
		((struct str *)ret->items)[i] = str_printf_in(m->arena, STR_FMT STR_FMT,
							      STR_ARG(mapping->prefix),
							      STR_ARG(ret->items[i]));
	return 0;
}

/* "a", or ["a" "b"]. */
static void write_list(const struct str_list *list, struct buf *to)
{
	if (list->count > 1)
		buf_put_char(to, '[');
	for (size_t i = 0; i < list->count; i++)
		buf_printf(to, "%s\"" STR_FMT "\"", i ? " " : "", STR_ARG(list->items[i]));
	if (list->count > 1)
		buf_put_char(to, ']');
}

static int check_audience(struct making *m)
{
	yyjson_val *given = json_get(m->claims, "aud");
	const struct str_list *own = &m->rules->audiences;
	AUTO_BUF want = { 0 };
	AUTO_BUF got = { 0 };

	buf_init(&want, ERR_MSG_BYTES);
	buf_init(&got, ERR_MSG_BYTES);
	for (size_t i = 0; i < own->count; i++) {
		if (str_eq(json_str(given), own->items[i]))
			return 0;
		JSON_EACH (item, given)
			if (str_eq(json_str(item), own->items[i]))
				return 0;
	}
	write_list(own, &want);
	if (yyjson_is_arr(given))
		json_write(given, &got);
	else
		buf_printf(&got, "[\"" STR_FMT "\"]", STR_ARG(json_str(given)));
	return err_set(m->err, ERR_UNAUTHORIZED,
		       "oidc: verify token: oidc: expected audience %s" STR_FMT " got " STR_FMT,
		       own->count > 1 ? "in " : "", STR_ARG(buf_str(&want)),
		       STR_ARG(buf_str(&got)));
}

static int check_time(struct making *m, int64_t now_s)
{
	int64_t ends_s = json_get_int(m->claims, "exp", 0),
		begins_s = json_get_int(m->claims, "nbf", 0);
	char text[TIME_TEXT_BYTES];

	if (ends_s <= now_s && (ends_s < 0 || ends_s > INT64_MAX / TIME_NS_PER_SECOND))
		ends_s = 0;
	if (ends_s <= now_s)
		return err_set(m->err, ERR_UNAUTHORIZED,
			       "oidc: verify token: oidc: token is expired (Token Expiry: %s)",
			       time_format(ends_s * TIME_NS_PER_SECOND, text));
	if (begins_s > now_s + NOT_BEFORE_LEEWAY_SECONDS)
		return err_set(m->err, ERR_UNAUTHORIZED,
			       "oidc: verify token: oidc: current time is before the nbf (not "
			       "before) time");
	return 0;
}

static int check_claim(struct making *m, const struct rule *rule)
{
	yyjson_val *claim = json_key(m->claims, rule->claim);

	if (!claim)
		return err_set(m->err, ERR_UNAUTHORIZED,
			       "oidc: required claim " STR_FMT " not present in ID token",
			       STR_ARG(rule->claim));
	if (!yyjson_is_str(claim))
		return err_set(m->err, ERR_UNAUTHORIZED,
			       "oidc: parse claim " STR_FMT ": it is not a string",
			       STR_ARG(rule->claim));
	if (str_eq(json_str(claim), rule->value))
		return 0;
	return err_set(m->err, ERR_UNAUTHORIZED,
		       "oidc: required claim " STR_FMT " value does not match. Got = " STR_FMT
		       ", want = " STR_FMT,
		       STR_ARG(rule->claim), STR_ARG(json_str(claim)), STR_ARG(rule->value));
}

/* what: "claim validation expression", "user info validation rule". */
static int check_rule(struct making *m, const struct rule *rule, struct cel_value variable,
		      const char *what)
{
	struct cel_value value;

	if (!rule->program)
		return check_claim(m, rule);
	if (evaluate(m, rule->program, rule->expression, variable, &value) < 0)
		return err_wrap(m->err, "oidc: error evaluating %s", what);
	if (value.kind == CEL_BOOL && value.boolean)
		return 0;
	return err_set(m->err, ERR_UNAUTHORIZED,
		       "oidc: error evaluating %s: validation expression '" STR_FMT
		       "' failed: " STR_FMT,
		       what, STR_ARG(rule->expression), STR_ARG(rule->message));
}

static int check_email(struct making *m)
{
	yyjson_val *verified = json_key(m->claims, STR("email_verified"));

	if (!str_eq_c(m->rules->username.claim, "email") || !verified || json_bool(verified, false))
		return 0;
	return err_set(m->err, ERR_UNAUTHORIZED, "oidc: email not verified");
}

/* Which token it was, for who looks at the audit log. */
static void add_credential(struct making *m, struct user_extra *extras, struct user *user)
{
	struct str id = json_get_str(m->claims, "jti");
	struct str *value;

	if (!id.len)
		return;
	value = ARENA_NEW(m->arena, struct str);
	*value = str_printf_in(m->arena, "JTI=" STR_FMT, STR_ARG(id));
	extras[user->extra_count++] = (struct user_extra){
		STR(USER_CREDENTIAL_KEY), { value, 1 }
	};
}

static int make_extras(struct making *m, struct user *user)
{
	struct user_extra *extras = arena_array(m->arena, m->rules->extra_count + 2,
						sizeof(extras[0]));

	user->extras = extras;
	for (size_t i = 0; i < m->rules->extra_count; i++) {
		struct mapping mapping = { .program = m->rules->extras[i].program,
					   .expression = m->rules->extras[i].expression };
		struct str_list values;

		if (strings_of(m, &mapping, "extra", &values) < 0)
			return -1;
		if (values.count)
			extras[user->extra_count++] = (struct user_extra){ m->rules->extras[i].key,
									   values };
	}
	add_credential(m, extras, user);
	return 0;
}

static int make_user(struct making *m, struct user *user)
{
	struct str_list names, groups, uids;
	struct str *all;

	if (strings_of(m, &m->rules->username, "username", &names) < 0 ||
	    strings_of(m, &m->rules->groups, "group", &groups) < 0 ||
	    strings_of(m, &m->rules->uid, "uid", &uids) < 0 || make_extras(m, user) < 0)
		return -1;
	if (names.count != 1 || !names.items[0].len) /* nobody is called by no name */
		return m->rules->username.program
			       ? err_set(m->err, ERR_UNAUTHORIZED,
					 "oidc: empty username via CEL expression is not allowed")
			       : err_set(m->err, ERR_UNAUTHORIZED,
					 "oidc: parse username claims \"" STR_FMT
					 "\": claim not present",
					 STR_ARG(m->rules->username.claim));
	if (groups.count > USER_GROUPS_MAX)
		return err_set(m->err, ERR_UNAUTHORIZED, "oidc: too many groups");
	all = arena_array(m->arena, groups.count + 1, sizeof(all[0]));
	if (groups.count)
		memcpy(all, groups.items, groups.count * sizeof(all[0]));
	all[groups.count] = STR("system:authenticated");
	user->name = names.items[0];
	user->uid = uids.count ? uids.items[0] : STR_NONE;
	user->groups = all;
	user->group_count = groups.count + 1;
	return 0;
}

/* As rules see it: all of it is there, and none of what every user has. */
static int check_user(struct making *m, const struct user *user)
{
	struct user own = *user;
	AUTO_JSON_MUT doc = NULL;
	yyjson_mut_val *root;
	struct cel_value value;

	if (!m->rules->user_rule_count)
		return 0;
	own.group_count--; /* system:authenticated is the last one */
	doc = json_new_object();
	root = yyjson_mut_doc_get_root(doc);
	user_write(&own, doc, root);
	if (!json_mut_get(root, "uid"))
		json_set_str(doc, root, "uid", STR(""));
	(void)json_ensure_array(doc, root, "groups");
	(void)json_ensure_object(doc, root, "extra");
	value = cel_json_mut(root, &user_type);
	for (size_t i = 0; i < m->rules->user_rule_count; i++)
		if (check_rule(m, &m->rules->user_rules[i], value, "user info validation rule") < 0)
			return -1;
	return 0;
}

int oidc_rules_apply(const struct oidc_rules *rules, yyjson_val *claims, int64_t now_s,
		     struct arena *arena, const struct user **ret, struct err *err)
{
	struct making m = { rules, claims, arena, err };
	struct user *user = ARENA_NEW(arena, struct user);
	struct cel_value variable = cel_json(claims, &cel_type_map_escaped);

	if (check_audience(&m) < 0 || check_time(&m, now_s) < 0 || check_email(&m) < 0)
		return -1;
	for (size_t i = 0; i < rules->claim_rule_count; i++)
		if (check_rule(&m, &rules->claim_rules[i], variable,
			       "claim validation expression") < 0)
			return -1;
	if (make_user(&m, user) < 0 || check_user(&m, user) < 0)
		return -1;
	*ret = user;
	return 0;
}
