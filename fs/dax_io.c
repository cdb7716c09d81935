/* SPDX-License-Identifier: MIT */
/*
 * read(2) and write(2) on DAX files: copies between a buffer and persistent memory.
 *
 * Rule: the user buffer may be a mapping of the very range that is read or written, so nobody faults while it holds the
 * DAX lock. The buffer is touched first, the copy runs with page faults disabled, and what it could not copy is tried again after the lock
 * was dropped. write(2) orders: allocate (unwritten) -> unmap zero pages -> copy, durably -> mark written -> i_size. So no
 * reader sees the old contents of a new block, and nobody keeps a zero page where data is.
 *
 * A buffer that maps holes of the very range that is written would lose its zero page to the unmap each time round and never be
 * copied. So after a round without progress the bytes go through kernel memory, which is filled without the lock.
 * write(2) is called with the inode lock, read(2) without.
 *
 * O_DIRECT stands for a device that reads and writes user memory by physical address. Where a page of the buffer is a block of a DAX file
 * it is pinned (mm/pin.h), the copy goes to the block itself (step DMA), and the pin is dropped. The inode lock is taken before the
 * first pin, by read(2) as well: who waits for pins holds the inode lock of the pinned file, so nobody with a pin may wait for one.
 */
#include "fs/dax_priv.h"
#include "mm/kmem.h"
#include "mm/pin.h"
#include "mm/poison.h"
#include "mm/uaccess.h"

#define CHUNK_PAGES 16u /* copied under one lock: bounds how long a fault waits */

/* A user buffer, or (kernel callers) kernel memory. */
struct buffer {
	uaddr_t user;
	char *kernel; /* non-NULL: this one */
	bool device;  /* it is pinned persistent memory, and a device copies */
};

/* What copying is called where it begins. */
static void step_copy(const struct buffer *b, u64 pgoff)
{
	if (b->device)
		PROTOCOL_STEP_ARG(DMA, pgoff);
	else
		PROTOCOL_STEP_ARG(COPY_DATA, pgoff);
}

static int buffer_touch(const struct buffer *b, u64 off, size_t n, bool write)
{
	return b->kernel ? 0 : prefault_user(uaddr_add(b->user, off), n, write);
}

/* Into persistent memory; bytes copied. They are durable after the caller's pmem_fence(). */
static size_t copy_in(char *dst, const struct buffer *b, u64 off, size_t n)
{
	size_t left = 0;

	if (b->device) {
		left = cpu_copy_from_pmem(dst, b->kernel + off, n);
		pmem_flush(dst, n - left);
		return n - left;
	}
	if (b->kernel) {
		pmem_copy(dst, b->kernel + off, n);
		return n;
	}
	left = pmem_copy_from_user(dst, uaddr_add(b->user, off), n);
	return n - left;
}

/* Out of persistent memory (src NULL: zeros of a hole); bytes copied. */
static size_t copy_out(const struct buffer *b, u64 off, const char *src, size_t n)
{
	size_t left = 0;

	if (b->kernel) {
		char *dst = b->kernel + off;

		if (src)
			left = cpu_copy_from_pmem(dst, src, n);
		else if (b->device)
			pmem_zero(dst, n);
		else
			memset(dst, 0, n);
		if (b->device) {
			pmem_flush(dst, n - left);
			pmem_fence();
		}
		return n - left;
	}
	pagefault_disable();
	left = src ? cpu_copy_to_user(uaddr_add(b->user, off), src, n)
		   : cpu_zero_user(uaddr_add(b->user, off), n);
	pagefault_enable();
	return n - left;
}

/* Bytes of the piece e, from `at` on, before its first bad page; -EIO: none. At most n. */
static ssize_t good_bytes(const struct extent *e, u64 at, size_t n)
{
	u64 pages;

	if (!poison_any() || e->state == EXTENT_HOLE)
		return (ssize_t)n;
	pages = poison_good_pages(e->pa, e->len);
	return pages ? (ssize_t)MIN(n, ((e->pgoff + pages) << PAGE_SHIFT) - at) : -EIO;
}

/* The blocks of e from page `from` on could not be marked: those behind the end that this write has allocated go again, as far as they can. */
static void take_back(struct inode *i, const struct extent *e, u64 from)
{
	u64 first = MAX(from, DIV_ROUND_UP(inode_size(i), PAGE_SIZE)), past = e->pgoff + e->len;

	if (e->is_new && first < past)
		i->ops->remove_blocks(i, first, past - 1);
}

/* Marks the blocks of e that hold [pos, end), which is copied, written. Bytes of that until an error; the error, if there are none. */
static ssize_t mark_written(
	struct inode *i, struct mapping *m, struct dax_lock *l, const struct extent *e, u64 pos, u64 end)
{
	u64 first = pos >> PAGE_SHIFT, past = DIV_ROUND_UP(end, PAGE_SIZE), p = first;
	struct extent marked;
	int err = 0;

	/* Blocks past the end that are written need a size that covers them. */
	atomic_store(&i->write_end, end);
	while (p < past) {
		err = i->ops->map_extent(i, p, past - p, MAP_MARK_WRITTEN, &marked);
		if (err) {
			take_back(i, e, p);
			break;
		}
		p += marked.len;
	}
	if (p == first)
		return err;
	dax_unmap_zero(m, l, first, p - 1);
	return (ssize_t)(MIN(end, p << PAGE_SHIFT) - pos);
}

/* Writes [pos, pos+n) of one piece whose blocks are `e`. Bytes written, short when the buffer faulted or a block could not be marked. Lock held. */
static ssize_t write_piece(struct inode *i, struct mapping *m, struct dax_lock *l, const struct extent *e,
	const struct buffer *b, u64 off, u64 pos, size_t n)
{
	u64 start = e->pgoff << PAGE_SHIFT;
	char *blocks = phys_to_virt(e->pa);
	size_t done;

	step_copy(b, e->pgoff);
	done = copy_in(blocks + (pos - start), b, off, n);
	if (e->state == EXTENT_UNWRITTEN && done) {
		u64 end = pos + done, first = pos >> PAGE_SHIFT;

		/* What the copy left of its first and last page was never written: it reads as zeros. */
		pmem_zero(blocks + ((first << PAGE_SHIFT) - start), pos & PAGE_MASK);
		pmem_zero(blocks + (end - start), ALIGN_UP(end, PAGE_SIZE) - end);
		pmem_fence();
		return mark_written(i, m, l, e, pos, end);
	}
	pmem_fence();
	return (ssize_t)done;
}

static ssize_t write_chunk(
	struct inode *i, struct mapping *m, const struct buffer *b, u64 off, u64 pos, size_t n)
{
	u64 first = pos >> PAGE_SHIFT, last = (pos + n - 1) >> PAGE_SHIFT, old_size;
	struct dax_lock l;
	ssize_t done = 0;
	int err = dax_lock(m, &l, DAX_FOR_WRITE, first, last);

	if (err)
		return err;
	old_size = inode_size(i);
	if (pos > old_size) /* the old tail becomes content */
		err = dax_zero_part(i, old_size, MIN(ALIGN_UP(old_size, PAGE_SIZE), pos));
	while (!err && (size_t)done < n) {
		u64 at = pos + done, page = at >> PAGE_SHIFT;
		struct extent e;
		ssize_t copied, want;

		PROTOCOL_STEP_ARG(LOOKUP, page);
		err = i->ops->map_extent(i, page, last - page + 1, MAP_RESERVE, &e);
		if (err)
			break;
		dax_unmap_zero(m, &l, page, page + e.len - 1);
		want = good_bytes(&e, at, MIN(n - done, ((page + e.len) << PAGE_SHIFT) - at));
		copied = want < 0 ? want : write_piece(i, m, &l, &e, b, off + done, at, (size_t)want);
		if (copied < 0)
			err = (int)copied;
		else
			done += copied;
		if (copied < want || want < 0)
			break;
	}
	if (done && pos + done > old_size) {
		PROTOCOL_STEP_ARG(SET_SIZE, pos + done);
		inode_set_size(i, pos + done);
	}
	atomic_store(&i->write_end, 0);
	dax_unlock(m, &l);
	return done ? done : err;
}

/* At most a page by way of kernel memory: for buffers that a copy under the lock cannot reach. */
static ssize_t write_bounced(
	struct inode *i, struct mapping *m, const struct buffer *b, u64 off, u64 pos, size_t n)
{
	char *page = kmalloc(PAGE_SIZE);
	ssize_t got;

	if (!page)
		return -ENOMEM;
	n = MIN(n, PAGE_SIZE);
	got = copy_from_user(page, uaddr_add(b->user, off), n);
	if (!got)
		got = write_chunk(i, m, &(struct buffer){.kernel = page}, 0, pos, n);
	kfree(page);
	return got;
}

static ssize_t do_write(struct inode *i, const struct buffer *b, size_t n, u64 pos)
{
	struct mapping *m = dax_mapping(i);
	ssize_t done = 0, got;

	if (!m)
		return -ENOMEM;
	while ((size_t)done < n) {
		u64 at = pos + done;
		size_t chunk = MIN(n - done, CHUNK_PAGES * PAGE_SIZE - (at & PAGE_MASK));
		size_t segment_left = HUGE_SIZE - at % HUGE_SIZE; /* stay local for the range lock */

		chunk = MIN(chunk, segment_left);
		got = buffer_touch(b, done, chunk, false);
		if (got) { /* a chunk that is partly readable: what can be read of its first page, then the error */
			chunk = MIN(chunk, PAGE_SIZE - (b->user.v + done) % PAGE_SIZE);
			got = buffer_touch(b, done, chunk, false);
		}
		if (!got)
			got = write_chunk(i, m, b, done, at, chunk);
		if (!got)
			got = b->kernel ? -EIO : write_bounced(i, m, b, done, at, chunk);
		if (got < 0)
			return done ? done : got;
		done += got;
	}
	return done;
}

ssize_t dax_write(struct inode *i, uaddr_t buf, size_t n, u64 pos)
{
	return do_write(i, &(struct buffer){.user = buf}, n, pos);
}

ssize_t dax_kwrite(struct inode *i, const void *buf, size_t n, u64 pos)
{
	return do_write(i, &(struct buffer){.kernel = (char *)(uintptr_t)buf}, n, pos);
}

static ssize_t read_chunk(struct inode *i, struct mapping *m, enum dax_lock_for who, const struct buffer *b,
	u64 off, u64 pos, size_t n)
{
	u64 first = pos >> PAGE_SHIFT, last = (pos + n - 1) >> PAGE_SHIFT, size;
	struct dax_lock l;
	size_t done = 0;
	int err = dax_lock(m, &l, who, first, last);

	if (err)
		return err;
	PROTOCOL_STEP_ARG(CHECK_SIZE, first);
	size = inode_size(i);
	n = pos >= size ? 0 : MIN(n, size - pos);
	while (done < n) {
		u64 at = pos + done, page = at >> PAGE_SHIFT;
		struct extent e;
		size_t copied;
		ssize_t want;

		PROTOCOL_STEP_ARG(LOOKUP, page);
		err = i->ops->map_extent(i, page, last - page + 1, MAP_LOOK, &e);
		if (err)
			break;
		want = good_bytes(&e, at, MIN(n - done, ((page + e.len) << PAGE_SHIFT) - at));
		if (want < 0) {
			err = (int)want;
			break;
		}
		step_copy(b, page);
		copied = copy_out(b, off + done,
			e.state == EXTENT_MAPPED ? (char *)phys_to_virt(e.pa) + (at & PAGE_MASK) : NULL,
			(size_t)want);
		done += copied;
		if (copied < (size_t)want)
			break;
	}
	dax_unlock(m, &l);
	return done ? (ssize_t)done : err;
}

static ssize_t do_read(struct inode *i, enum dax_lock_for who, const struct buffer *b, size_t n, u64 pos)
{
	struct mapping *m = dax_mapping(i);
	ssize_t done = 0, got;

	if (!m)
		return -ENOMEM;
	while ((size_t)done < n) {
		u64 at = pos + done, size = inode_size(i);
		size_t chunk = MIN(n - done, CHUNK_PAGES * PAGE_SIZE - (at & PAGE_MASK));

		if (at >= size)
			break;
		chunk = MIN(MIN(chunk, HUGE_SIZE - at % HUGE_SIZE), size - at);
		got = buffer_touch(b, done, chunk, true);
		if (got) {
			chunk = MIN(chunk, PAGE_SIZE - (b->user.v + done) % PAGE_SIZE);
			got = buffer_touch(b, done, chunk, true);
		}
		if (!got)
			got = read_chunk(i, m, who, b, done, at, chunk);
		if (got < 0)
			return done ? done : got;
		done += got;
	}
	return done;
}

ssize_t dax_read(struct inode *i, uaddr_t buf, size_t n, u64 pos)
{
	return do_read(i, DAX_FOR_READ, &(struct buffer){.user = buf}, n, pos);
}

ssize_t dax_kread(struct inode *i, void *buf, size_t n, u64 pos)
{
	return do_read(i, DAX_FOR_READ, &(struct buffer){.kernel = buf}, n, pos);
}

/* The part of a transfer whose buffer lies in one page. DAX_FOR_WRITE for a read as well: the inode lock is held. */
static ssize_t direct_piece(struct inode *i, uaddr_t buf, size_t n, u64 pos, bool write)
{
	struct buffer b = {.user = buf};
	struct mm_pin pin;
	ssize_t done;
	int err = mm_pin(thread_current()->mm, buf, !write, &pin);

	if (err && err != -EOPNOTSUPP)
		return err;
	if (!err)
		b = (struct buffer){
			.kernel = (char *)phys_to_virt(pin.pa) + (buf.v & PAGE_MASK), .device = true};
	done = write ? do_write(i, &b, n, pos) : do_read(i, DAX_FOR_WRITE, &b, n, pos);
	if (!err)
		mm_unpin(&pin);
	return done;
}

static ssize_t direct(struct inode *i, uaddr_t buf, size_t n, u64 pos, bool write)
{
	ssize_t done = 0;

	if (!user_range_ok(buf, n))
		return -EFAULT;
	while ((size_t)done < n) {
		uaddr_t at = uaddr_add(buf, done);
		size_t piece = MIN(n - done, PAGE_SIZE - (at.v & PAGE_MASK));
		ssize_t got = direct_piece(i, at, piece, pos + done, write);

		if (got < 0)
			return done ? done : got;
		done += got;
		if ((size_t)got < piece)
			break;
	}
	return done;
}

ssize_t dax_direct_write(struct inode *i, uaddr_t buf, size_t n, u64 pos)
{
	return direct(i, buf, n, pos, true);
}

ssize_t dax_direct_read(struct inode *i, uaddr_t buf, size_t n, u64 pos)
{
	return direct(i, buf, n, pos, false);
}
