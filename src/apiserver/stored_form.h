/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an object's bytes to what the store's back end keeps, and back: struct store_options' seal
 * and open. The LMDB file has the bytes as they are sent; etcd, shared with others, has them as
 * kube-apiserver does, without a resourceVersion. Either may be encrypted.
 */
#ifndef CUBE_APISERVER_STORED_FORM_H
#define CUBE_APISERVER_STORED_FORM_H

#include "apiserver/encryption.h"
#include "base/map.h"
#include "store/store.h"

struct stored_form {
	bool is_shared;		       /* etcd's form */
	struct encryption *encryption; /* or NULL; borrowed */
	struct map stale;	       /* keys whose stored bytes have an older key, or none */
};

/* Sets expired, seal, open and arg; form must live as long as the store. */
void stored_form_options(struct stored_form *form, struct store_options *options);
/* Bytes that somebody else wrote as a value of the store: for the etcd server; arg is the form. */
struct blob *stored_form_adopt(void *arg, struct str key, struct blob *bytes, int64_t revision,
			       struct err *err) MUST_CHECK;
void stored_form_deinit(struct stored_form *form);

#endif
