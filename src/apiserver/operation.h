/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One write to the registry, from whichever caller: everything that happens between a decoded
 * request and the store, the same for every kind. The caller owns the memory until done ran. A
 * write is decided against the newest state, also one that is not on disk yet, and is done once the
 * store has committed it; conflicts that the caller cannot cause (a patch, an update without
 * resourceVersion) are retried here.
 */
#ifndef CUBE_APISERVER_OPERATION_H
#define CUBE_APISERVER_OPERATION_H

#include "api/object.h"
#include "api/transport.h"
#include "apiserver/admission_policy.h"
#include "apiserver/annotations.h"
#include "apiserver/authz.h"
#include "apiserver/outcome.h"
#include "apiserver/refusal.h"
#include "store/store.h"

struct registry;
struct service_claim;
struct user;

struct conversion;
struct delete_options;
struct image_review;
struct webhook_run;
struct operation;

/* A part of an operation, with all that comes behind it. */
typedef enum outcome operation_step(struct operation *op);

enum operation_verb {
	OPERATION_CREATE,
	OPERATION_UPDATE,
	OPERATION_PATCH,
	OPERATION_DELETE,
	OPERATION_VERB_COUNT
};

/*
 * What an operation waits for between two of its steps:
 *
 *	operation_start ──▶ a step ── operation_wait ──▶ WAIT_x ── operation_resume ──▶ op->resume
 *	                      │                            └────── operation_cancel ──▶ done
 *	                      ├────── submit ──▶ WAIT_STORE ── submit_done ──▶ begun again, or done
 *	                      └──▶ done
 *
 * It goes on with the very step that had to ask, not from its beginning: what was decided before
 * stays decided. Only an object that a webhook converts, and one that somebody else has changed
 * meanwhile, are looked at from the beginning.
 */
enum operation_wait {
	WAIT_NONE,
	WAIT_STORE,	    /* it is submitted, and cannot be taken back */
	WAIT_NAMESPACE,	    /* that NamespaceAutoProvision makes */
	WAIT_AUTHORIZATION, /* an authorizer outside: whether its user may do what it takes */
	WAIT_WEBHOOKS,	    /* of admission */
	WAIT_IMAGES,	    /* ImagePolicyWebhook */
	WAIT_CONVERSION,    /* of a custom object, by a webhook */
};

/* Another object's next state, written together with what needs it: a ResourceQuota's, or what says
 * that an address or port is taken. */
struct operation_charge {
	struct str key;
	int64_t expected_revision;
	yyjson_mut_doc *doc;  /* owned by the operation, or */
	struct blob *removed; /* likewise: the last state of what is removed */
};

/* What admission is asked about when that is not the object itself: the body of a subresource. */
struct operation_body {
	const struct kind *kind; /* NULL: it is the object */
	yyjson_mut_doc *doc;	 /* owned; NULL: there is none (yet) */
	yyjson_doc *old;	 /* owned; as it is now; NULL: there is none */
	bool is_mutated;	 /* the mutating half of admission is over */
};

struct operation {
	/* what is asked for; set by the caller, strings live as long as the operation */
	struct registry *registry;
	struct arena *arena;
	enum operation_verb verb;
	const struct kind *kind;
	struct str namespace_, name, subresource;
	bool of_collection; /* one of several that one request removes */
	bool is_unasked;    /* neither webhooks nor policies decide: the server needs it to start */
	struct str user;    /* its name */
	const struct user *who; /* NULL: a role of this process, which is trusted */
	struct str field_manager;
	bool dry_run;
	enum field_check check;
	struct str body_bytes; /* object, or DeleteOptions; as JSON or YAML text, or */
	enum object_format body_format;
	yyjson_mut_doc *body; /* as a tree: owned by the operation; NULL with body_bytes */
	yyjson_doc *patch;    /* of OPERATION_PATCH; owned */
	enum api_patch patch_type;
	struct str patch_duplicates; /* fields that the patch has twice; empty: none */
	bool force;		     /* of an apply */
	bool wants_object; /* answer with the object also where a client gets a Status (in process)
			    */
	void (*done)(struct operation *op);
	void *owner;

	/* what came of it */
	struct refusal refusal; /* code 0: all went well, and */
	struct blob
		*result; /* the object or Status to be answered, in the requested version; owned */
	int http_status;
	struct notices notices;		/* warnings for the client */
	struct annotations annotations; /* for the audit event; its arena is set by the caller */

	/* own */
	struct edit edit;	      /* edit.doc is owned */
	const struct kind *held_kind; /* counted from start to deinit; the client asked for it */
	struct operation_body body_seen;
	struct policy_rounds policy_rounds;
	operation_step *next; /* what comes when admission is over */
	size_t plugin_index;  /* of the validating plug-in that is asked */
	enum operation_wait waits_for;
	operation_step *resume;		   /* what comes then */
	struct webhook_run *webhooks;	   /* of WAIT_WEBHOOKS; in the arena */
	struct image_review *image_review; /* of WAIT_IMAGES; in the arena */
	struct review_wait asked;	   /* of WAIT_AUTHORIZATION */
	int questions;			   /* that were waited for */
	struct list provision;		   /* of WAIT_NAMESPACE */
	bool is_provisioned;		   /* that was waited for */
	struct conversion
		*old_conversion; /* old_blob in kind's version, when only a webhook knows it */
	struct conversion *conversion;	/* of what shall be, or of the answer */
	struct owner_view *owner_views; /* the object in versions that its owners wrote in; in the
					 * arena */
	bool is_mutated;		/* admission changed edit.doc: it is to be prepared again */
	int64_t deadline_ns;		/* monotonic, of all webhooks; 0: the usual one */
	const struct object_birth *birth;     /* of what is created; in the arena */
	const struct delete_options *options; /* of a deletion; in the arena */
	struct str key;
	struct blob *old_blob; /* the state this was decided against */
	struct blob *old_read; /* the same, as the definition of a custom kind has it now */
	bool is_outdated;      /* it would be stored as something else now, or in another version */
	int64_t old_revision;
	yyjson_doc *old_converted; /* old_blob in kind's version, when it is stored in another */
	int tries;
	struct str managed_fields; /* text of metadata.managedFields to be written; empty = none */
	bool is_applied;	   /* edit and managed_fields come from an apply */
	bool is_delete_write;	   /* what was submitted removes the key */
	bool returns_status;	   /* answer with a Status instead of the object, or */
	bool returns_scale;	   /* with its Scale */
	struct service_claim *claim;	  /* addresses and ports taken or given back with this */
	yyjson_mut_val *final_state;	  /* of a removal; in edit.doc */
	struct operation_charge *charges; /* of quotas; in the arena */
	size_t charge_count;
	struct store_op store_op;
	struct store_write write;
	struct list link; /* in flight */
};

/* Runs op->done, before it returns or later. */
void operation_start(struct operation *op);
/* Whoever asked is gone: an operation that waits for webhooks ends here, refused; one that was
 * submitted goes on. */
void operation_cancel(struct operation *op);
/* Those of clients that wait for webhooks when the server goes; roles take back their own. */
void operation_cancel_all(struct registry *registry);
/* Gives back all that the operation owns. After done. */
void operation_deinit(struct operation *op);

/* --- for the steps of operations: files create.c, update.c, delete.c, subresource.c --- */

/* Somebody was asked: resume comes when operation_resume is called. Returns OUTCOME_WAITING. */
enum outcome operation_wait(struct operation *op, enum operation_wait what,
			    operation_step *resume) MUST_CHECK;
/* For a conversion, to be begun again with what it brings. */
enum outcome operation_wait_to_begin(struct operation *op) MUST_CHECK;
/* Goes on with op->resume, or ends, when op->refusal has something to say. */
void operation_resume(struct operation *op);

struct subject operation_subject(const struct operation *op) PURE;	/* plural and name */
struct subject operation_kind_subject(const struct operation *op) PURE; /* Kind and name */
/* Whether the user of op may do that as well. REFUSED: in the caller's words. WAITING: for the
 * caller's own caller, down to who can say with operation_wait where it goes on. */
enum outcome operation_authorize(struct operation *op,
				 const struct authz_attributes *asked) MUST_CHECK;
/* What authorizers outside may be told to tell; NULL: no more, as answers are forgotten before they
 * are used. */
struct review_wait *operation_question(struct operation *op);
/* PUT and apply where nothing is: refuses who may not create; again comes when that is known. */
enum outcome operation_check_create(struct operation *op, operation_step *again) MUST_CHECK;
/* The body as an object of kind in op->edit, ready to be changed. */
int operation_read_body(struct operation *op, const struct kind *kind) MUST_CHECK;
/* A body may leave the name out; another one than the path's is refused. */
int operation_check_name(struct operation *op) MUST_CHECK;
/* A body may leave the namespace out; another one than the path's is refused. Where there is none,
 * what is given is nothing. */
int operation_check_namespace(struct operation *op) MUST_CHECK;
/* Owners that the object has twice stay once; its writer is told. For POST and PUT before what else
 * changes it; for all after admission's changes, too. */
void operation_drop_repeated_owners(struct operation *op, bool after_admission);
/* What was read is a subresource's body, of that kind: it moves to op->body_seen. */
void operation_take_body(struct operation *op, const struct kind *kind);
/* op->old_blob and op->edit.old from the newest state; refuses with NotFound. */
enum outcome operation_load(struct operation *op) MUST_CHECK;
int operation_take_fields(struct operation *op, const struct field_errors *errors,
			  struct subject subject) MUST_CHECK;
/* Writes op->edit.doc over the state the operation was decided against (or where nothing was), or
 * finishes a dry run. */
enum outcome operation_put(struct operation *op) MUST_CHECK;
/* Removes the key if it is still as loaded. final becomes the last state that watchers see; NULL:
 * as it was. */
enum outcome operation_remove(struct operation *op, yyjson_mut_val *final_state) MUST_CHECK;
/* Takes over what the write costs; replaces what was there. */
void operation_charge(struct operation *op, struct operation_charge *charges, size_t count);
/* Of a write that the charge, which must last as long, is part of. */
struct store_op operation_charge_op(const struct operation_charge *charge);
/* What it chose is not free any more: everything is decided anew, as after a lost race. */
MUST_CHECK operation_step operation_again;
/* Finishes with the state that is there. */
enum outcome operation_answer_old(struct operation *op) MUST_CHECK;
/* Finishes with a Status of success. */
enum outcome operation_answer_success(struct operation *op, struct str uid) MUST_CHECK;

MUST_CHECK operation_step create_run, update_run, patch_run, delete_run, finalize_update,
	ephemeral_update, scale_update, scale_patch, binding_create, eviction_create,
	token_request_create;
MUST_CHECK operation_step create_object; /* op->edit.doc holds it */
/* Another suffix behind generateName, or AlreadyExists. */
MUST_CHECK operation_step create_again;
/* op->edit.doc holds the new state, op->edit.old the present one. */
MUST_CHECK operation_step update_object;
int patch_apply_to(struct operation *op, yyjson_val *target, struct schema_at schema,
		   yyjson_mut_doc **ret) MUST_CHECK;
void scale_take_old(struct operation *op); /* op->body_seen.old := the Scale as it is */

/* What DELETE was asked for, from its body. */
struct delete_options {
	bool has_grace;
	int64_t grace_seconds;
	struct str uid, resource_version; /* preconditions, empty = none */
	struct str propagation;	 /* "Orphan", "Background", "Foreground", empty = the default */
	bool has_orphan, orphan; /* the deprecated orphanDependents */
};
enum outcome delete_with(struct operation *op, const struct delete_options *options) MUST_CHECK;

#endif
