/* Items in a file: a header (what it is, how many bytes) and its data, each padded to words of 8 bytes; behind the last
 * item the checksum of all words.
 *
 * Plain bytes, not HDF5: a checkpoint is written from the first byte to the last and never changed, so that one
 * checksum finds every damage, before anything of it is believed; a reader that has to follow pointers through a damaged
 * file cannot say as much. Each step of the checksum is invertible in the word and in the sum so far, so no change of
 * one word is missed. Numbers lie as in memory (little-endian). */
#include "runtime/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.h"

enum { BUFFER = 1 << 20, FORMAT = 1, LONGEST_TEXT = 1 << 24 };
static const char magic[8] = {'N', 'S', 'L', 's', 't', 'a', 't', 'e'};

struct file_header {
  char magic[8];
  uint32_t format, order; /* order: 1, in the byte order of the machine */
};
struct item {
  char name[24];
  uint32_t index, zero;
  uint64_t bytes;
};

uint64_t rt_checksum(uint64_t sum, const void *data, uint64_t bytes) {
  const char *at = data;
  for (uint64_t word; bytes; at += 8) {
    word = 0;
    uint64_t n = bytes < 8 ? bytes : 8;
    if (n == 8) memcpy(&word, at, 8);
    else memcpy(&word, at, n);
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    sum ^= sum >> 29;
    bytes -= n;
  }
  return sum;
}

static uint64_t padding(uint64_t bytes) { return -bytes & 7; }

static void failed(struct rt_archive *a, int error) {
  if (!a->error) a->error = error;
}

/* ---- writing */

static void file_write(struct rt_archive *a, const char *at, uint64_t bytes) {
  while (!a->error && bytes) {
    ssize_t n = write(a->fd, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failed(a, rt_fail(NSL_EIO, "cannot write %s: %s", a->path, strerror(n ? errno : ENOSPC)));
      return;
    }
    at += n;
    bytes -= (uint64_t)n;
  }
}

static void buffer_write(struct rt_archive *a) {
  file_write(a, a->buffer, a->n);
  a->n = 0;
}

/* Data and their padding. */
static void put(struct rt_archive *a, const void *data, uint64_t bytes) {
  uint64_t room = padding(bytes), all = bytes + room;
  if (!a->path || !a->buffer) return;
  a->checksum = rt_checksum(a->checksum, data, bytes);
  if (all > BUFFER - a->n) buffer_write(a);
  if (all > BUFFER) {
    file_write(a, data, bytes);
    bytes = 0;
    all = room;
  }
  if (bytes) memcpy(a->buffer + a->n, data, bytes);
  memset(a->buffer + a->n + bytes, 0, room);
  a->n += all;
}

static int buffer_make(struct rt_archive *a, const char *path, bool writes) {
  *a = (struct rt_archive){.path = path, .fd = -1, .writes = writes};
  if (!path) return 0;
  a->buffer = rt_alloc(&a->mem, BUFFER, 1);
  return a->buffer ? 0 : (a->error = NSL_EMEMORY);
}

int rt_archive_create(struct rt_archive *a, const char *path) {
  struct file_header header = {.format = FORMAT, .order = 1};
  memcpy(header.magic, magic, sizeof magic);
  if (buffer_make(a, path, true) || !path) return a->error;
  a->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (a->fd < 0) return a->error = rt_fail(NSL_EIO, "cannot write %s: %s", path, strerror(errno));
  put(a, &header, sizeof header);
  return a->error;
}

int rt_archive_end(struct rt_archive *a) {
  if (!a->path) return a->error;
  uint64_t sum = a->checksum;
  if (a->buffer) put(a, &sum, sizeof sum);
  if (a->buffer) buffer_write(a);
  if (!a->error && fsync(a->fd) != 0) failed(a, rt_fail(NSL_EIO, "cannot write %s: %s", a->path, strerror(errno)));
  int fd = a->fd;
  a->fd = -1;
  if (fd >= 0 && close(fd) != 0) failed(a, rt_fail(NSL_EIO, "cannot write %s: %s", a->path, strerror(errno)));
  rt_archive_close(a);
  return a->error;
}

void rt_archive_close(struct rt_archive *a) {
  if (a->path && a->fd >= 0) close(a->fd);
  a->fd = -1;
  rt_mem_free(&a->mem);
}

/* ---- reading */

/* As many bytes as the file has, at most `bytes`. */
static uint64_t file_read(struct rt_archive *a, char *to, uint64_t bytes) {
  uint64_t had = 0;
  while (!a->error && had < bytes) {
    ssize_t n = read(a->fd, to + had, bytes - had);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed(a, rt_fail(NSL_EIO, "cannot read %s: %s", a->path, strerror(errno)));
    if (n <= 0) break;
    had += (uint64_t)n;
  }
  return had;
}

static int damaged(struct rt_archive *a) {
  failed(a, rt_fail(NSL_EINPUT, "%s is damaged or cut off: its checksum does not fit", a->path));
  return a->error;
}

/* The checksum of everything against the last word. */
static int check(struct rt_archive *a, uint64_t size) {
  uint64_t sum = 0, last = 0, left = size - sizeof sum;
  if (size % 8 || size < sizeof(struct file_header) + sizeof sum) return damaged(a);
  while (left) {
    uint64_t want = left < BUFFER ? left : BUFFER, n = file_read(a, a->buffer, want);
    if (a->error) return a->error;
    if (n < want) return damaged(a);
    sum = rt_checksum(sum, a->buffer, n);
    left -= n;
  }
  if (file_read(a, (char *)&last, sizeof last) != sizeof last || last != sum) return damaged(a);
  if (lseek(a->fd, 0, SEEK_SET) != 0) failed(a, rt_fail(NSL_EIO, "cannot read %s: %s", a->path, strerror(errno)));
  a->left = size - sizeof sum;
  return a->error;
}

static void take(struct rt_archive *a, void *to, uint64_t bytes);

int rt_archive_open(struct rt_archive *a, const char *path, struct rt_mem *into) {
  struct file_header header = {0};
  struct stat st;
  if (buffer_make(a, path, false)) return a->error;
  a->into = into;
  a->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (a->fd < 0 || fstat(a->fd, &st) != 0)
    return a->error = rt_fail(NSL_EIO, "cannot read %s: %s", path, strerror(errno));
  if (!S_ISREG(st.st_mode)) return a->error = rt_fail(NSL_EINPUT, "%s is no checkpoint", path);
  uint64_t n = file_read(a, (char *)&header, sizeof header);
  if (!a->error && (n < sizeof magic || memcmp(header.magic, magic, sizeof magic) != 0))
    return a->error = rt_fail(NSL_EINPUT, "%s is no checkpoint", path);
  if (!a->error && n == sizeof header && header.order == 1 && header.format != FORMAT && header.format < 1000)
    return a->error = rt_fail(NSL_EINPUT, "%s has format %u; this program reads format %d", path, header.format, FORMAT);
  if (!a->error && lseek(a->fd, 0, SEEK_SET) == 0) check(a, (uint64_t)st.st_size);
  take(a, &header, sizeof header);
  return a->error;
}

/* Data and their padding. */
static void take(struct rt_archive *a, void *to, uint64_t bytes) {
  char *at = to;
  uint64_t room = padding(bytes);
  if (a->error || bytes > a->left || bytes + room > a->left) {
    if (!a->error) rt_archive_odd(a, "its end");
    return;
  }
  a->left -= bytes + room;
  for (uint64_t all = bytes + room; all;) {
    if (a->at == a->n) {
      uint64_t want = BUFFER;
      a->at = 0;
      a->n = file_read(a, a->buffer, want);
      if (!a->n) {
        damaged(a); /* it has changed since it was checked */
        return;
      }
    }
    uint64_t have = a->n - a->at, n = all < have ? all : have, data = n < bytes ? n : bytes;
    memcpy(at, a->buffer + a->at, data);
    at += data;
    bytes -= data;
    a->at += n;
    all -= n;
  }
}

void rt_archive_odd(struct rt_archive *a, const char *name) {
  failed(a, rt_fail(NSL_EINPUT, "%s does not fit this program: %s is not as it must be", a->path, name));
}

/* ---- items */

/* The header of an item; gives its size. */
static uint64_t item_begin(struct rt_archive *a, const char *name, uint32_t index, uint64_t bytes) {
  struct item here = {.index = index, .bytes = bytes}, there = {0};
  snprintf(here.name, sizeof here.name, "%s", name);
  if (a->writes) {
    put(a, &here, sizeof here);
    return bytes;
  }
  take(a, &there, sizeof there);
  for (size_t i = 0; i < sizeof there.name; i++)
    if (there.name[i] && (there.name[i] < ' ' || there.name[i] > '~')) there.name[i] = '?';
  there.name[sizeof there.name - 1] = 0;
  if (a->error) return 0;
  if (strcmp(there.name, here.name) != 0 || there.index != index)
    failed(a, rt_fail(NSL_EINPUT, "%s does not fit this program: `%s` %u is there where `%s` %u must be", a->path,
                      there.name, there.index, here.name, index));
  if (!a->error && there.bytes > a->left) rt_archive_odd(a, name);
  return a->error ? 0 : there.bytes;
}

void rt_archive_data(struct rt_archive *a, const char *name, uint32_t index, void *data, uint64_t bytes) {
  if (a->error) return;
  uint64_t there = item_begin(a, name, index, bytes);
  if (a->error) return;
  if (a->writes) put(a, data, bytes);
  else if (there == bytes) take(a, data, bytes);
  else
    failed(a, rt_fail(NSL_EINPUT, "%s does not fit this program: `%s` %u has %llu bytes, not %llu", a->path, name, index,
                      (unsigned long long)there, (unsigned long long)bytes));
}

void rt_archive_pass(struct rt_archive *a, const char *name) {
  struct item there = {0};
  while (!a->error && strcmp(there.name, name) != 0) {
    char data[4096];
    take(a, &there, sizeof there);
    there.name[sizeof there.name - 1] = 0;
    if (!a->error && there.bytes > a->left) rt_archive_odd(a, name);
    for (uint64_t left = a->error ? 0 : there.bytes; left && !a->error;) {
      uint64_t n = left < sizeof data ? left : sizeof data; /* whole words, but for the last piece */
      take(a, data, n);
      left -= n;
    }
  }
}

void rt_archive_u64(struct rt_archive *a, const char *name, uint64_t *v) {
  rt_archive_data(a, name, 0, v, sizeof *v);
}

void rt_archive_real(struct rt_archive *a, const char *name, double *v) {
  rt_archive_data(a, name, 0, v, sizeof *v);
}

void rt_archive_text(struct rt_archive *a, const char *name, const char **text) {
  uint64_t bytes = a->writes ? strlen(*text) : 0;
  if (a->error) return;
  bytes = item_begin(a, name, 0, bytes);
  if (a->writes) {
    put(a, *text, bytes);
    return;
  }
  char *own = a->error || bytes > LONGEST_TEXT ? NULL : rt_alloc(a->into, bytes + 1, 1);
  if (!own && !a->error) failed(a, bytes > LONGEST_TEXT ? NSL_EINPUT : NSL_EMEMORY);
  take(a, own, bytes);
  if (!a->error && strlen(own) != bytes) rt_archive_odd(a, name);
  *text = a->error ? "" : own;
}

void rt_archive_array(struct rt_archive *a, const char *name, uint32_t index, void *array, uint64_t *n, uint64_t size) {
  void *at;
  if (a->error) return;
  memcpy(&at, array, sizeof at);
  uint64_t bytes = item_begin(a, name, index, a->writes ? *n * size : 0);
  if (a->writes) {
    put(a, at, bytes);
    return;
  }
  if (!a->error && bytes % size) rt_archive_odd(a, name);
  if (a->error) return;
  at = rt_alloc(a->into, bytes, 1);
  if (!at) failed(a, NSL_EMEMORY);
  take(a, at, bytes);
  *n = a->error ? 0 : bytes / size;
  memcpy(array, &at, sizeof at);
}
