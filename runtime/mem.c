/* The only file that allocates. Pools keep a list of their blocks and are freed whole; blocks of 1 MiB and
 * more are mapped, with huge pages (measured: 10 % of a large network's run time) where several are filled:
 * to clear one takes as long as a small model's set-up. State and accumulators of a large network (a `close` pool) lie
 * in chunks of huge pages altogether, side by side in memory too, so that they do not push each other out of the
 * second-level cache by chance (measured: a step took up to 50 % longer in some runs). Everything is zeroed and aligned
 * to 64 bytes. */
#include "runtime/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/error.h"

enum { LINE = 64, LARGE = 1 << 20, HUGE_PAGE = 1 << 21, SEVERAL = 4 };

struct rt_block {
  struct rt_block *next;
  void *at;
  uint64_t mapped; /* bytes; 0: from the heap */
};

static int no_memory(double bytes) {
  return rt_fail(NSL_EMEMORY, "out of memory (asked for %.3g MB more)", bytes / 1e6);
}

static struct rt_block *block_add(struct rt_mem *m) {
  struct rt_block *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->next = m->blocks;
  m->blocks = b;
  return b;
}

static void *map(struct rt_mem *m, uint64_t bytes, bool huge) {
  struct rt_block *b = block_add(m);
  if (!b || bytes > (uint64_t)1 << 46) {
    no_memory((double)bytes);
    return NULL;
  }
  bytes = (bytes + 2 * HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    no_memory((double)bytes);
    return NULL;
  }
  b->at = at;
  b->mapped = bytes;
  if (huge) madvise(at, bytes, MADV_HUGEPAGE);
  uintptr_t aligned = ((uintptr_t)at + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
  return (char *)at + (aligned - (uintptr_t)at);
}

void *rt_reserve(struct rt_mem *m, uint64_t bytes, uint64_t used) { return map(m, bytes, used >= SEVERAL * HUGE_PAGE); }

static void *chunk_take(struct rt_mem *m, uint64_t bytes) {
  if (bytes > m->left) {
    uint64_t size = (bytes + HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
    char *at = map(m, size, true);
    if (!at) return NULL;
    if (size - bytes < m->left) return at; /* the rest of the last one is larger */
    m->next = at;
    m->left = size;
  }
  void *at = m->next;
  m->next += bytes;
  m->left -= bytes;
  return at;
}

void *rt_alloc(struct rt_mem *m, uint64_t n, uint64_t size) {
  uint64_t bytes;
  if (__builtin_mul_overflow(n, size, &bytes) || bytes > (uint64_t)1 << 46) {
    no_memory((double)n * (double)size);
    return NULL;
  }
  if (bytes >= LARGE && !m->close) return rt_reserve(m, bytes, bytes);
  bytes = (bytes + LINE) & ~(uint64_t)(LINE - 1); /* never 0 */
  if (m->close && (m->total += bytes) > LARGE) return chunk_take(m, bytes);
  struct rt_block *b = block_add(m);
  if (b) b->at = aligned_alloc(LINE, bytes);
  if (!b || !b->at) {
    no_memory((double)bytes);
    return NULL;
  }
  return memset(b->at, 0, bytes);
}

char *rt_text(struct rt_mem *m, const char *text) {
  char *copy = rt_alloc(m, strlen(text) + 1, 1);
  return copy ? strcpy(copy, text) : NULL;
}

void rt_mem_free(struct rt_mem *m) {
  for (struct rt_block *b = m->blocks, *next; b; b = next) {
    next = b->next;
    if (b->mapped)
      munmap(b->at, b->mapped);
    else
      free(b->at);
    free(b);
  }
  *m = (struct rt_mem){.close = m->close};
}

int rt_grow(void *array, size_t *cap, size_t want, size_t size) {
  if (want <= *cap) return 0;
  size_t n = *cap < SIZE_MAX / 2 ? *cap + *cap / 2 : SIZE_MAX, bytes;
  n = n < want ? want : n;
  n = n < 64 ? 64 : n;
  void *at;
  memcpy(&at, array, sizeof at);
  if (__builtin_mul_overflow(n, size, &bytes)) return no_memory((double)n * (double)size);
  at = realloc(at, bytes);
  if (!at) return no_memory((double)bytes);
  memcpy(array, &at, sizeof at);
  *cap = n;
  return 0;
}

void rt_drop(void *array) {
  void *at, *none = NULL;
  memcpy(&at, array, sizeof at);
  free(at);
  memcpy(array, &none, sizeof none);
}

/* The first number in a file, or 0. */
static uint64_t file_number(const char *path, const char *after) {
  FILE *f = fopen(path, "re");
  if (!f) return 0;
  char line[256];
  unsigned long long number = 0;
  while (fgets(line, sizeof line, f)) {
    size_t skip = after ? strlen(after) : 0;
    if (after && strncmp(line, after, skip) != 0) continue;
    if (sscanf(line + skip, "%llu", &number) == 1) break;
  }
  fclose(f);
  return number;
}

uint64_t rt_memory_left(void) {
  uint64_t left = file_number("/proc/meminfo", "MemAvailable:") * 1024;
  if (!left) left = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t limit = file_number("/sys/fs/cgroup/memory.max", NULL);
  uint64_t used = file_number("/sys/fs/cgroup/memory.current", NULL);
  if (limit && limit > used && limit - used < left) left = limit - used;
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur == RLIM_INFINITY) return left;
  uint64_t had = file_number("/proc/self/statm", NULL) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t own = space.rlim_cur > had ? space.rlim_cur - had : 0;
  return own < left ? own : left;
}

uint64_t rt_memory_limit(void) {
  uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t limit = file_number("/sys/fs/cgroup/memory.max", NULL);
  struct rlimit space;
  if (limit && limit < all) all = limit;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY && space.rlim_cur < all)
    all = space.rlim_cur;
  return all;
}

uint64_t rt_memory_peak(void) {
  struct rusage use;
  return getrusage(RUSAGE_SELF, &use) == 0 ? (uint64_t)use.ru_maxrss * 1024 : 0;
}
