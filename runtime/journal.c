/* The journal of recorded data: what goes to the HDF5 and CSV files goes here too, in the same pieces.
 *
 * HDF5 changes its files in place, so one that is killed may leave nothing readable. The journal only grows; a
 * checkpoint says how long it was and what its checksum was then, and what lies behind is cut off. A resumed run makes
 * its files anew from the journal, piece by piece as they were written, so that in the end they have the bytes of a run
 * that was never interrupted. It lives until the run is complete. */
#include "runtime/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/archive.h"
#include "runtime/error.h"

static uint64_t header_sum(const struct rt_journal_block *b) {
  return rt_checksum(1, b, offsetof(struct rt_journal_block, checksum));
}

static int cannot(const struct rt_journal *j, const char *what) {
  return rt_fail(NSL_EIO, "cannot %s %s: %s", what, j->path, strerror(errno));
}

int rt_journal_open(struct rt_journal *j, const char *path) {
  *j = (struct rt_journal){.fd = -1};
  if (!(j->path = rt_text(&j->mem, path))) return NSL_EMEMORY;
  j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (j->fd < 0) return cannot(j, "write");
  if (flock(j->fd, LOCK_EX | LOCK_NB) == 0) return 0;
  close(j->fd);
  j->fd = -1;
  return rt_fail(NSL_EIO, "another process is at work on the run of %s", path);
}

/* An empty one, of a run that did not come to its first checkpoint, goes. */
void rt_journal_close(struct rt_journal *j) {
  struct stat st;
  if (j->path && j->fd >= 0) {
    if (fstat(j->fd, &st) == 0 && st.st_size == 0) unlink(j->path);
    close(j->fd);
  }
  j->fd = -1;
  rt_drop(&j->buffer);
  rt_mem_free(&j->mem);
}

int rt_journal_clear(struct rt_journal *j) {
  j->size = j->checksum = 0;
  return ftruncate(j->fd, 0) == 0 && lseek(j->fd, 0, SEEK_SET) == 0 ? 0 : cannot(j, "write");
}

static int all_write(struct rt_journal *j, const char *at, uint64_t bytes) {
  while (bytes) {
    ssize_t n = write(j->fd, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = ENOSPC;
    if (n <= 0) return cannot(j, "write");
    at += n;
    bytes -= (uint64_t)n;
  }
  return 0;
}

int rt_journal_add(struct rt_journal *j, struct rt_journal_block block, const void *data) {
  block.checksum = header_sum(&block);
  int e = all_write(j, (const char *)&block, sizeof block);
  if (!e) e = all_write(j, data, block.bytes);
  j->size += sizeof block + block.bytes;
  j->checksum = rt_checksum(rt_checksum(j->checksum, &block, sizeof block), data, block.bytes);
  return e;
}

int rt_journal_sync(struct rt_journal *j) { return fdatasync(j->fd) == 0 ? 0 : cannot(j, "write"); }

/* ---- back again */

static int damaged(const struct rt_journal *j) {
  return rt_fail(NSL_EINPUT, "%s is damaged or cut off: it does not hold what the checkpoint has recorded", j->path);
}

static int all_read(struct rt_journal *j, void *to, uint64_t bytes) {
  char *at = to;
  while (bytes) {
    ssize_t n = read(j->fd, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot(j, "read");
    if (n == 0) return damaged(j);
    at += n;
    bytes -= (uint64_t)n;
  }
  return 0;
}

static int block_read(struct rt_journal *j, uint64_t size, rt_journal_fn *take, void *context) {
  struct rt_journal_block b;
  int e = all_read(j, &b, sizeof b);
  if (e) return e;
  j->size += sizeof b;
  if (b.checksum != header_sum(&b) || b.bytes > size - j->size) return damaged(j);
  if ((e = rt_grow(&j->buffer, &j->buffer_cap, b.bytes + 1, 1)) || (e = all_read(j, j->buffer, b.bytes))) return e;
  j->size += b.bytes;
  j->checksum = rt_checksum(rt_checksum(j->checksum, &b, sizeof b), j->buffer, b.bytes);
  return take ? take(context, &b, j->buffer) : 0;
}

static int pass(struct rt_journal *j, uint64_t size, rt_journal_fn *take, void *context) {
  j->size = j->checksum = 0;
  if (lseek(j->fd, 0, SEEK_SET) != 0) return cannot(j, "read");
  int e = 0;
  while (!e && j->size < size)
    e = size - j->size < sizeof(struct rt_journal_block) ? damaged(j) : block_read(j, size, take, context);
  return e;
}

int rt_journal_replay(struct rt_journal *j, uint64_t size, uint64_t checksum, rt_journal_fn *take, void *context) {
  int e = pass(j, size, NULL, NULL);
  if (!e && j->checksum != checksum) e = damaged(j);
  if (!e) e = pass(j, size, take, context);
  rt_drop(&j->buffer);
  j->buffer_cap = 0;
  if (!e && (ftruncate(j->fd, (off_t)size) != 0 || lseek(j->fd, 0, SEEK_END) < 0)) e = cannot(j, "write");
  return e;
}
