/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an object's bytes to what the store's back end keeps, and back: struct store_options' seal
 * and open. The LMDB file has the bytes as they are sent; etcd, shared with others, has them as
 * kube-apiserver does, without a resourceVersion. Either may be encrypted.
 */
#ifndef CUBE_APISERVER_STORED_FORM_H
#define CUBE_APISERVER_STORED_FORM_H

#include "apiserver/encryption.h"
#include "apiserver/kms_metrics.h"
#include "base/map.h"
#include "store/store.h"

struct stored_form {
	bool is_shared;		       /* etcd's form */
	struct encryption *encryption; /* or NULL; owned */
	struct kms_metrics metrics;
	bool is_reloading; /* another configuration may follow */
	struct map marks;  /* key → encryption_mark of what is stored; those in clear have none */
};

/* Before anything else of it is used, the encryption included. server_id: whose metrics these are. */
void stored_form_init(struct stored_form *form, struct str server_id);
/* Sets expired and what is about stored bytes; form must live as long as the store. */
void stored_form_options(struct stored_form *form, struct store_options *options);
/* Bytes that somebody else wrote as a value of the store: for the etcd server; arg is the form. */
struct blob *stored_form_adopt(void *arg, struct str key, struct blob *bytes, int64_t revision,
			       struct err *err) MUST_CHECK;
/* What is stored already counts as stale where the new one would write it otherwise. Takes e. */
void stored_form_replace(struct stored_form *form, struct encryption *e);
void stored_form_deinit(struct stored_form *form);

#endif
