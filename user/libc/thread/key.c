/* SPDX-License-Identifier: MIT */
/* Thread-specific data: a value a key in each control block. Creating and deleting keys is serialised by a mutex. */
#include "thread.h"

#include <errno.h>

static struct {
	int used;
	void (*destroy)(void *);
} keys[PTHREAD_KEYS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* In threads where the key was in use before, a new key is NULL: deletion cannot reach them, so creation starts a new generation. */
static unsigned int generation[PTHREAD_KEYS_MAX];

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	int err = EAGAIN;

	pthread_mutex_lock(&lock);
	for (pthread_key_t k = 0; k < PTHREAD_KEYS_MAX; k++) {
		if (keys[k].used)
			continue;
		keys[k].used = 1;
		keys[k].destroy = destroy;
		__atomic_fetch_add(&generation[k], 1, __ATOMIC_RELEASE);
		*key = k;
		err = 0;
		break;
	}
	pthread_mutex_unlock(&lock);
	return err;
}

int pthread_key_delete(pthread_key_t key)
{
	int err = EINVAL;

	pthread_mutex_lock(&lock);
	if (key < PTHREAD_KEYS_MAX && keys[key].used) {
		keys[key].used = 0;
		keys[key].destroy = NULL;
		err = 0;
	}
	pthread_mutex_unlock(&lock);
	return err;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	struct thread *self = thread_self();

	if (key >= PTHREAD_KEYS_MAX || !keys[key].used)
		return EINVAL;
	self->values[key].value = (void *)value;
	self->values[key].generation = __atomic_load_n(&generation[key], __ATOMIC_ACQUIRE);
	return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
	struct thread *self = thread_self();

	if (key >= PTHREAD_KEYS_MAX ||
		self->values[key].generation != __atomic_load_n(&generation[key], __ATOMIC_ACQUIRE))
		return NULL;
	return self->values[key].value;
}

/* Takes the calling thread's value of a key, and its destructor, if it has both. */
static void *take_value(struct thread *self, pthread_key_t key, void (**destroy)(void *))
{
	void *value = pthread_getspecific(key);

	self->values[key].value = NULL;
	if (!value)
		return NULL;
	pthread_mutex_lock(&lock);
	*destroy = keys[key].destroy;
	pthread_mutex_unlock(&lock);
	return *destroy ? value : NULL;
}

void __keys_end(struct thread *self)
{
	void (*destroy)(void *);
	void *value;
	int again = 1;

	/* A destructor may set values in its turn. */
	for (int round = 0; again && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
		again = 0;
		for (pthread_key_t k = 0; k < PTHREAD_KEYS_MAX; k++)
			if ((value = take_value(self, k, &destroy))) {
				destroy(value);
				again = 1;
			}
	}
}
