/* HDF5 behind int results. The library prints nothing, and its clean-up at exit is switched off: after a full
 * disk it would try to write again, and loop. A file that failed once is only closed, and its caller removes
 * it. */
#include "runtime/h5.h"

#include <errno.h>
#include <string.h>

#include "runtime/error.h"

enum { CHUNK_BYTES = 1 << 16 };

static int h5_fail(struct rt_h5 *h) {
  if (!h->failed) {
    h->failed = true;
    const char *why = errno ? strerror(errno) : "the HDF5 library failed";
    rt_fail(NSL_EIO, "cannot write %s: %s", h->path, why);
  }
  return NSL_EIO;
}

int rt_h5_create(struct rt_h5 *h, const char *path) {
  *h = (struct rt_h5){.file = -1, .path = path};
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  errno = 0;
  hid_t how = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(how, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
  H5Pset_fclose_degree(how, H5F_CLOSE_STRONG); /* closes the datasets with the file */
  hid_t root = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_obj_track_times(root, 0); /* the same run, the same file */
  h->file = H5Fcreate(path, H5F_ACC_TRUNC, root, how);
  H5Pclose(root);
  H5Pclose(how);
  if (h->file < 0) return h5_fail(h);
  uint32_t magic = 0x0A7A, version[2] = {0, 1};
  hsize_t two = 2;
  hid_t one = H5Screate(H5S_SCALAR), pair = H5Screate_simple(1, &two, NULL);
  hid_t a = H5Acreate2(h->file, "magic", H5T_STD_U32LE, one, H5P_DEFAULT, H5P_DEFAULT);
  hid_t b = H5Acreate2(h->file, "version", H5T_STD_U32LE, pair, H5P_DEFAULT, H5P_DEFAULT);
  bool ok = a >= 0 && b >= 0 && H5Awrite(a, H5T_NATIVE_UINT32, &magic) >= 0 &&
            H5Awrite(b, H5T_NATIVE_UINT32, version) >= 0;
  H5Aclose(a);
  H5Aclose(b);
  H5Sclose(one);
  H5Sclose(pair);
  return ok ? 0 : h5_fail(h);
}

int rt_h5_close(struct rt_h5 *h) {
  if (h->file < 0) return 0;
  errno = 0;
  bool ok = h->failed || H5Fflush(h->file, H5F_SCOPE_LOCAL) >= 0;
  if (!ok) h5_fail(h);
  if (H5Fclose(h->file) < 0 && !h->failed) h5_fail(h);
  h->file = -1;
  return h->failed ? NSL_EIO : 0;
}

/* The library would make parents itself, but with the time of day in them. */
hid_t rt_h5_group(struct rt_h5 *h, hid_t in, const char *name) {
  char path[1024];
  hid_t utf8 = H5Pcreate(H5P_LINK_CREATE), how = H5Pcreate(H5P_GROUP_CREATE), g = -1;
  H5Pset_char_encoding(utf8, H5T_CSET_UTF8);
  H5Pset_obj_track_times(how, 0);
  errno = 0;
  for (const char *end = name; end && !h->failed;) {
    end = strchr(end, '/');
    snprintf(path, sizeof path, "%.*s", (int)(end ? end - name : (ptrdiff_t)strlen(name)), name);
    if (end && end++ && H5Lexists(in, path, H5P_DEFAULT) > 0) continue;
    if (g >= 0) H5Gclose(g);
    g = H5Gcreate2(in, path, utf8, how, H5P_DEFAULT);
    if (g < 0) h5_fail(h);
  }
  H5Pclose(how);
  H5Pclose(utf8);
  return g;
}

/* Without the time of day, so that equal runs make equal files. */
static hid_t set_make(struct rt_h5 *h, hid_t in, const char *name, hid_t type, int rank, const hsize_t *now,
                      const hsize_t *most, const hsize_t *chunk) {
  hid_t space = H5Screate_simple(rank, now, most), how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(how, rank, chunk);
  H5Pset_obj_track_times(how, 0);
  hid_t set = H5Dcreate2(in, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  H5Pclose(how);
  H5Sclose(space);
  if (set < 0) h5_fail(h);
  return set;
}

hid_t rt_h5_growing(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t cols) {
  hsize_t now[2] = {0, cols}, most[2] = {H5S_UNLIMITED, cols}, chunk[2] = {1, cols};
  uint64_t row = H5Tget_size(type) * (cols ? cols : 1);
  if (row < CHUNK_BYTES) chunk[0] = CHUNK_BYTES / row;
  return set_make(h, in, name, type, cols ? 2 : 1, now, most, chunk);
}

hid_t rt_h5_fixed(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t rows, uint64_t cols, uint64_t *ret_place) {
  hsize_t size[2] = {rows, cols};
  hid_t space = H5Screate_simple(2, size, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(how, H5D_CONTIGUOUS);
  H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(how, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(how, 0);
  errno = 0;
  hid_t set = H5Dcreate2(in, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  haddr_t place = set < 0 ? HADDR_UNDEF : H5Dget_offset(set);
  H5Pclose(how);
  H5Sclose(space);
  if (place == HADDR_UNDEF) h5_fail(h);
  *ret_place = place;
  return place == HADDR_UNDEF ? -1 : set;
}

int rt_h5_flush(struct rt_h5 *h) {
  errno = 0;
  return h->failed || H5Fflush(h->file, H5F_SCOPE_LOCAL) < 0 ? h5_fail(h) : 0;
}

int rt_h5_append(struct rt_h5 *h, hid_t set, hid_t memory_type, uint64_t had, uint64_t rows, uint64_t cols,
                 const void *data) {
  if (!rows || h->failed) return h->failed ? NSL_EIO : 0;
  hsize_t size[2] = {had + rows, cols}, start[2] = {had, 0}, count[2] = {rows, cols};
  int rank = cols ? 2 : 1;
  errno = 0;
  if (H5Dset_extent(set, size) < 0) return h5_fail(h);
  hid_t there = H5Dget_space(set), here = H5Screate_simple(rank, count, NULL);
  bool ok = H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
            H5Dwrite(set, memory_type, here, there, H5P_DEFAULT, data) >= 0;
  H5Sclose(there);
  H5Sclose(here);
  return ok ? 0 : h5_fail(h);
}

hid_t rt_h5_table(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t rows, uint64_t cols) {
  uint64_t most = CHUNK_BYTES / H5Tget_size(type), wide = cols < 1 ? 1 : cols > most ? most : cols;
  uint64_t high = rows < 1 ? 1 : rows > most / wide ? most / wide : rows;
  hsize_t now[2] = {0, 0}, last[2] = {H5S_UNLIMITED, H5S_UNLIMITED}, chunk[2] = {high, wide};
  return set_make(h, in, name, type, 2, now, last, chunk);
}

/* Where [row][col, col + n) lies in a set of one or two dimensions. */
static hid_t piece_of(hid_t set, uint64_t row, uint64_t col, uint64_t n) {
  hid_t there = H5Dget_space(set);
  bool flat = H5Sget_simple_extent_ndims(there) == 1;
  hsize_t start[2] = {flat ? col : row, col}, count[2] = {flat ? n : 1, n};
  if (H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, count, NULL) >= 0) return there;
  H5Sclose(there);
  return -1;
}

int rt_h5_put(struct rt_h5 *h, hid_t set, uint64_t row, uint64_t col, uint64_t n, const double *data) {
  if (!n || h->failed) return h->failed ? NSL_EIO : 0;
  hsize_t size[2] = {0, 0}, count = n;
  errno = 0;
  hid_t space = H5Dget_space(set);
  H5Sget_simple_extent_dims(space, size, NULL);
  H5Sclose(space);
  if (size[0] < row + 1) size[0] = row + 1;
  if (size[1] < col + n) size[1] = col + n;
  if (H5Dset_extent(set, size) < 0) return h5_fail(h);
  hid_t there = piece_of(set, row, col, n), here = H5Screate_simple(1, &count, NULL);
  bool ok = there >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, here, there, H5P_DEFAULT, data) >= 0;
  if (there >= 0) H5Sclose(there);
  H5Sclose(here);
  return ok ? 0 : h5_fail(h);
}

int rt_h5_get(struct rt_h5 *h, hid_t set, uint64_t row, uint64_t col, uint64_t n, hid_t memory_type, void *data) {
  if (!n || h->failed) return h->failed ? NSL_EIO : 0;
  hsize_t count = n;
  errno = 0;
  hid_t there = piece_of(set, row, col, n), here = H5Screate_simple(1, &count, NULL);
  bool ok = there >= 0 && H5Dread(set, memory_type, here, there, H5P_DEFAULT, data) >= 0;
  if (there >= 0) H5Sclose(there);
  H5Sclose(here);
  return ok ? 0 : h5_fail(h);
}

int rt_h5_extend(struct rt_h5 *h, hid_t set, uint64_t n) {
  hsize_t size = n;
  errno = 0;
  return h->failed || H5Dset_extent(set, &size) < 0 ? h5_fail(h) : 0;
}

int rt_h5_text(struct rt_h5 *h, hid_t on, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  hid_t a = H5Acreate2(on, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool ok = a >= 0 && H5Awrite(a, type, &text) >= 0;
  if (a >= 0) H5Aclose(a);
  H5Sclose(space);
  H5Tclose(type);
  return ok ? 0 : h5_fail(h);
}

int rt_h5_array(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t n, const void *data,
                const char *units) {
  hsize_t size = n;
  hid_t space = H5Screate_simple(1, &size, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(how, 0);
  hid_t set = H5Dcreate2(in, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  H5Pclose(how);
  bool ok = set >= 0 && (!n || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  H5Sclose(space);
  if (!ok) h5_fail(h);
  int e = ok && units ? rt_h5_text(h, set, "units", units) : ok ? 0 : NSL_EIO;
  if (set >= 0) H5Dclose(set);
  return e;
}

int rt_h5_sorting(struct rt_h5 *h, hid_t group) {
  static const char *const names[] = {"none", "by_id", "by_time"};
  hid_t type = H5Tenum_create(H5T_NATIVE_UINT8), space = H5Screate(H5S_SCALAR);
  for (uint8_t i = 0; i < 3; i++) H5Tenum_insert(type, names[i], &i);
  hid_t a = H5Acreate2(group, "sorting", type, space, H5P_DEFAULT, H5P_DEFAULT);
  uint8_t by_time = 2;
  bool ok = a >= 0 && H5Awrite(a, type, &by_time) >= 0;
  if (a >= 0) H5Aclose(a);
  H5Sclose(space);
  H5Tclose(type);
  return ok ? 0 : h5_fail(h);
}
