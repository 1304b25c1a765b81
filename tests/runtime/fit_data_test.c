/* Recordings of fits: files read, their numbers on the steps of the run, and what is said of bad ones. */
#include <hdf5.h>
#include <unistd.h>

#include "runtime/fit_data.h"
#include "tests/runtime/model.h"

static char folder[64] = "/tmp/nsl-fit-XXXXXX";
static struct nsl_program program;
static struct rt_sim sim;

static void file_write(const char *name, const char *text) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "w");
  fputs(text, f);
  fclose(f);
}

static const struct nsl_sweep_column tiv[] = {
    {.name = "t", .unit = "ms", .unit_scale = 1, .dim = "12 0 0 0 0 0", .time = 1, .place = "f.nsl:3:1"},
    {.name = "I", .unit = "nA", .unit_scale = 1000, .dim = "0 0 12 0 0 0", .place = "f.nsl:3:9"},
    {.name = "V", .unit = "mV", .unit_scale = 1, .dim = "0 12 0 0 0 0", .place = "f.nsl:3:17"}};

static int read_one(uint32_t form, const struct nsl_sweep_column *columns, uint32_t n, const char *path, const char *name, double dt,
                    struct rt_trace *ret) {
  static struct nsl_recording rec;
  static struct nsl_sweep sweep;
  rec = (struct nsl_recording){.name = "rec", .form = form, .n_columns = n, .columns = columns, .place = "f.nsl:3:1"};
  sweep = (struct nsl_sweep){.path = path, .name = name, .place = "f.nsl:3:14"};
  sim.dt = dt;
  return rt_trace_read(&sim, &rec, &sweep, ret);
}

static struct rt_trace trace;
static int csv(const char *text, double dt) {
  file_write("a.csv", text);
  return read_one(NSL_SWEEPS_CSV, tiv, 3, "a.csv", "", dt, &trace);
}

static void refused(int e, const char *what) { ok(e && strstr(rt_error(), what), "refused: %s", e ? rt_error() : "it was not"); }

static bool near(const double *a, const double *want, uint64_t n) {
  for (uint64_t i = 0; i < n; i++)
    if (!(fabs(a[i] - want[i]) <= 1e-9)) return false;
  return true;
}

static const struct nsl_recording driven = {.name = "rec", .n_columns = 3, .columns = tiv};

static void test_csv(void) {
  double got[16];
  int e = csv("t,V,I\n10,-70,0\n10.5,-69,0.1\n11,nan,0.2\n11.5,-67,0.3\n12,-66,0.4\n", 0.5);
  ok(!e && trace.n == 5 && trace.n_steps == 4 && trace.times[1] == 0.5 && trace.values[1][1] == 100, "a CSV file; time from its first sample");
  e = rt_sample_mean(&driven, &trace, 1, 0.5, false, got);
  ok(!e && near(got, (double[]){0, 100, 200, 300}, 4), "on the file's own grid each sample holds over the step behind it");
  e = rt_sample_mean(&driven, &trace, 1, 1.0, false, got);
  ok(!e && near(got, (double[]){50, 250}, 2), "longer steps take the mean");
  e = csv("t,V,I\n0,-70,0\n1,-68,1\n2,-66,3\n", 0.25);
  if (!e) e = rt_sample_mean(&driven, &trace, 1, 0.25, true, got);
  ok(!e && near(got, (double[]){125, 375, 625, 875, 1250, 1750, 2250, 2750}, 8), "a given trace is a line between its samples");
  rt_sample_at(&trace, 2, 0.25, got);
  ok(near(got, (double[]){-69.5, -69, -68.5, -68, -67.5, -67, -66.5, -66}, 8), "what is compared is taken at the step's end");
  rt_sample_change(&trace, 2, 0.25, 2, got);
  ok(near(got, (double[]){0, 1, 1, 1, 1, 1, 1, 1}, 8), "changes over two steps");
  csv("t,V,I\n0,-70,0\n0.7,-68,1\n2,-66,3\n", 1);
  e = rt_sample_mean(&driven, &trace, 1, 1, false, got);
  ok(!e && trace.n_steps == 2 && near(got, (double[]){300, 1000}, 2), "samples at uneven times");
}

static void test_weights(void) {
  double got[16];
  const uint32_t V = 2;
  csv("t,V,I\n0,-70,0\n1,-70,0\n2,,0\n3,-50,0\n4,-30,0\n5,-30,0\n6,-30,0\n", 1);
  struct rt_weighing w = {.from = 1, .to = 5, .columns = &V, .n_columns = 1, .given = NSL_NONE, .fast = 20};
  double sum = rt_sample_weight(&trace, &w, 1, got);
  ok(sum == 3 && near(got, (double[]){0, 0, 1, 1, 1, 0}, 6), "a window, and what is missing, weigh nothing");
  rt_sample_at(&trace, V, 1, got);
  ok(near(got, (double[]){-70, -70, -50, -30, -30, -30}, 6), "where a number is missing, there is a number");
  w = (struct rt_weighing){.from = -INFINITY, .to = INFINITY, .given = V, .lag = 2, .fast = 20};
  rt_sample_weight(&trace, &w, 1, got);
  double half = 1 / 1.5; /* mean of |dV/dt| over two steps is 10 */
  ok(near(got, (double[]){0, 0, 0, 0, half * half, 1}, 6), "a residual counts less where the trace is fast, and not where it is unknown");
}

static void test_csv_bad(void) {
  refused(csv("t,V\n0,1\n1,2\n", 1), "no column `I`");
  refused(csv("t,V,I\n0,1,1\n2,1,1\n1,1,1\n", 1), "line 4, column t: the times must rise: 1 ms stands after 2 ms");
  refused(csv("t,V,I\n0,1,1\n1,oops,1\n", 1), "line 3, column V: `oops`");
  refused(csv("t,V,I\n0,1,1\n1,1\n", 1), "is the file cut off?");
  refused(csv("t,V,I\n0,1,1\n", 1), "1 sample");
  refused(csv("t,V,I\n0,1,1\n1,1,1\n", 5), "shorter than one step");
  double got[4];
  csv("t,V,I\n0,1,1\n1,1,\n2,1,1\n", 1);
  refused(rt_sample_mean(&driven, &trace, 1, 1, false, got), "line 3, column I: what drives the model must be a number");
  refused(read_one(NSL_SWEEPS_CSV, tiv + 1, 2, "a.csv", "", 1, &trace), "a CSV file has no rate");
  refused(read_one(NSL_SWEEPS_CSV, tiv, 3, "none.csv", "", 1, &trace), "there is no file none.csv");
}

/* ---- events */

static const struct nsl_sweep_events lists[] = {
    {.name = "s", .unit = "ms", .unit_scale = 1, .column = NSL_NONE, .place = "f.nsl:3:30"},
    {.name = "up", .unit = "", .column = 2, .level = -10, .place = "f.nsl:3:45"}};

static int read_events(uint32_t form, const char *path, const char *name, double dt) {
  static struct nsl_recording rec;
  static struct nsl_sweep sweep;
  bool timed = form == NSL_SWEEPS_CSV;
  static struct nsl_sweep_events moved[2];
  moved[0] = lists[0];
  moved[1] = lists[1];
  if (!timed) moved[1].column = 1;
  rec = (struct nsl_recording){.name = "rec", .form = form, .n_columns = timed ? 3 : 2, .columns = timed ? tiv : tiv + 1,
                               .n_events = 2, .events = moved, .place = "f.nsl:3:1"};
  sweep = (struct nsl_sweep){.path = path, .name = name, .place = "f.nsl:3:14"};
  sim.dt = dt;
  return rt_trace_read(&sim, &rec, &sweep, &trace);
}

static const struct nsl_recording listed = {.name = "rec", .n_columns = 3, .columns = tiv, .n_events = 2, .events = lists};

static void test_events(void) {
  double got[16];
  file_write("e.csv", "t,V,I,s\n10,-70,0,13.5\n11,-10,0,10.25\n12,-60,0,\n13,40,0,9\n14,40,0,\n15,nan,0,\n16,40,0,\n");
  int e = read_events(NSL_SWEEPS_CSV, "e.csv", "", 1);
  ok(!e && trace.events[0].n == 2 && near(trace.events[0].times, (double[]){0.25, 3.5}, 2),
     "times of a column, in order, from the first sample on; one before it is left out");
  ok(!e && trace.events[1].n == 2 && near(trace.events[1].times, (double[]){1, 2.5}, 2),
     "rises through a level, between two samples; none where one is missing");
  e = rt_sample_events(&listed, &trace, 1, 0.5, true, got);
  ok(!e && trace.n_steps == 6 && near(got, (double[]){0, 1, 0, 0, 1, 0}, 6), "an event lies in the step that ends at it or next");
  e = rt_sample_events(&listed, &trace, 0, 4, false, got);
  ok(!e && got[0] == 2, "two in a step are counted");
  refused(rt_sample_events(&listed, &trace, 0, 4, true, got), "two events of s lie in the step of 4 ms that ends at 4 ms");
  read_events(NSL_SWEEPS_CSV, "e.csv", "", 1);
  struct rt_weighing w = {.from = -INFINITY, .to = INFINITY, .given = NSL_NONE, .fast = 20, .except = &trace.events[0], .after = {-0.5, 1}};
  double sum = rt_sample_weight(&trace, &w, 1, got);
  ok(sum == 3 && near(got, (double[]){0, 1, 0, 0, 1, 1}, 6), "steps that end within the time around an event weigh nothing");
  w = (struct rt_weighing){.from = -INFINITY, .to = INFINITY, .given = 1, .lag = 1, .fast = 20, .except = &trace.events[0], .after = {-0.5, 1}};
  rt_sample_weight(&trace, &w, 1, got);
  ok(near(got, (double[]){0, 0, 0, 0, 0, 1}, 6), "nor what a residual of these steps reaches back to");
  refused(read_events(NSL_SWEEPS_CSV, "a.csv", "", 1), "no column `s`");
}

/* ---- hdf5 */

static void number_attach(hid_t on, const char *name, double v) {
  hid_t space = H5Screate(H5S_SCALAR), a = H5Acreate2(on, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(a, H5T_NATIVE_DOUBLE, &v);
  H5Aclose(a);
  H5Sclose(space);
}
static void text_attach(hid_t on, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  hid_t a = H5Acreate2(on, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(a, type, text);
  H5Aclose(a);
  H5Sclose(space);
  H5Tclose(type);
}
static hid_t set_add(hid_t in, const char *name, int axes, const hsize_t *size, const int *values, const char *unit, double scale,
                     const char *scale_name) {
  hid_t how = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(axes, size, NULL);
  H5Pset_create_intermediate_group(how, 1);
  hid_t set = H5Dcreate2(in, name, H5T_STD_I16LE, space, how, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  text_attach(set, "unit", unit);
  number_attach(set, scale_name, scale);
  H5Pclose(how);
  H5Sclose(space);
  return set;
}

static const int counts[] = {-280, -276, -272, -268, 0, 4, 8, 12};
static const hsize_t two = 2, four = 4, two_by_four[] = {2, 4};

static void h5_write(void) {
  char path[200];
  snprintf(path, sizeof path, "%s/a.h5", folder);
  hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Dclose(set_add(f, "cell/one/V", 1, &four, counts, "mV", 0.25, "scale"));
  H5Dclose(set_add(f, "cell/one/I", 1, &four, counts + 4, "pA", 0.5, "scale"));
  H5Dclose(set_add(f, "cell/rows/V", 2, two_by_four, counts, "mV", 0.25, "scale"));
  H5Dclose(set_add(f, "cell/rows/I", 1, &four, counts + 4, "pA", 0.5, "scale"));
  H5Dclose(set_add(f, "cell/odd/V", 1, &four, counts, "pA", 0.25, "scale"));
  H5Dclose(set_add(f, "cell/odd/I", 1, &four, counts + 4, "pA", 0.5, "scale"));
  H5Dclose(set_add(f, "lost/V", 1, &four, counts, "mV", 0.25, "scale"));
  H5Dclose(set_add(f, "lost/I", 1, &four, counts, "pA", 0.25, "scale"));
  H5Dclose(set_add(f, "cell/one/s", 1, &two, (int[]){4, 1}, "ms", 0.25, "scale"));
  H5Dclose(set_add(f, "cell/rows/s/rep_0", 1, &two, (int[]){1, 2}, "ms", 0.25, "scale"));
  H5Dclose(set_add(f, "cell/rows/s/rep_1", 1, &two, (int[]){3, 5}, "ms", 0.25, "scale"));
  hid_t g = H5Gopen2(f, "cell", H5P_DEFAULT);
  number_attach(g, "dt_ms", 0.5);
  H5Gclose(g);
  H5Fclose(f);
}

static void nwb_write(void) {
  static const char *const series[] = {"acquisition/ic__7", "stimulus/presentation/ics__7", "acquisition/ic__17", "stimulus/presentation/ics__17"};
  char path[200], name[100];
  snprintf(path, sizeof path, "%s/a.nwb", folder);
  hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hsize_t one = 1;
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "%s/data", series[i]);
    hid_t set = set_add(f, name, 1, &four, counts + 4 * (i % 2), i % 2 ? "amperes" : "volts", i % 2 ? 1e-12 : 1e-3, "conversion");
    number_attach(set, "offset", i % 2 ? 0 : 0.2);
    H5Dclose(set);
    snprintf(name, sizeof name, "%s/starting_time", series[i]);
    set = set_add(f, name, 1, &one, counts, "seconds", 1, "scale");
    number_attach(set, "rate", 2000);
    H5Dclose(set);
  }
  H5Fclose(f);
}

static void test_h5(void) {
  h5_write();
  int e = read_one(NSL_SWEEPS_HDF5, tiv + 1, 2, "a.h5", "cell/one", 0.5, &trace);
  ok(!e && trace.n == 4 && trace.n_steps == 3 && trace.times[3] == 1.5 && trace.values[1][1] == -69 && trace.values[0][2] == 4,
     "a group of datasets with scale and unit; the rate stands above it");
  e = read_one(NSL_SWEEPS_HDF5, tiv + 1, 2, "a.h5", "cell/rows[1]", 0.5, &trace);
  ok(!e && trace.values[1][1] == 1 && trace.values[0][2] == 4, "a row of a dataset");
  e = read_events(NSL_SWEEPS_HDF5, "a.h5", "cell/one", 0.5);
  ok(!e && trace.events[0].n == 2 && near(trace.events[0].times, (double[]){0.25, 1}, 2), "a dataset of times");
  e = read_events(NSL_SWEEPS_HDF5, "a.h5", "cell/rows[1]", 0.5);
  ok(!e && trace.events[0].n == 2 && near(trace.events[0].times, (double[]){0.75, 1.25}, 2), "that of a row, in a group of them");
  refused(read_events(NSL_SWEEPS_HDF5, "a.h5", "cell/odd", 0.5), "measured in pA");
  refused(read_one(NSL_SWEEPS_HDF5, tiv + 1, 2, "a.h5", "cell/rows[2]", 0.5, &trace), "there is no row 2");
  refused(read_one(NSL_SWEEPS_HDF5, tiv + 1, 2, "a.h5", "cell/rows", 0.5, &trace), "has 2 rows; say which");
  refused(read_one(NSL_SWEEPS_HDF5, tiv + 1, 2, "a.h5", "cell/none", 0.5, &trace), "no group `cell/none`");
  refused(read_one(NSL_SWEEPS_HDF5, tiv + 1, 2, "a.h5", "lost", 0.5, &trace), "nothing says when");
  refused(read_one(NSL_SWEEPS_HDF5, tiv + 1, 2, "a.h5", "cell/odd", 0.5, &trace), "`V` is measured in pA, but column `V` in mV");
  refused(read_one(NSL_SWEEPS_HDF5, tiv, 3, "a.h5", "cell/one", 0.5, &trace), "no dataset `t`; it has I, V");
}

static void test_nwb(void) {
  nwb_write();
  int e = read_one(NSL_SWEEPS_NWB, tiv + 1, 2, "a.nwb", "7", 0.5, &trace);
  ok(!e && trace.n == 4 && trace.times[3] == 1.5 && fabs(trace.values[1][1] + 76) < 1e-9 && fabs(trace.values[0][2] - 8) < 1e-12,
     "a sweep of an NWB file by its number, with conversion and offset: V %.6g, I %.6g", e ? 0 : trace.values[1][1], e ? 0 : trace.values[0][2]);
  e = read_one(NSL_SWEEPS_NWB, tiv + 1, 2, "a.nwb", "ic__17", 0.5, &trace);
  ok(!e && trace.n == 4, "and by the name of a series");
  refused(read_one(NSL_SWEEPS_NWB, tiv + 1, 2, "a.nwb", "8", 0.5, &trace), "no sweep `8`; its acquisitions: ic__17, ic__7");
  refused(read_one(NSL_SWEEPS_NWB, tiv + 1, 2, "a.h5", "8", 0.5, &trace), "no NWB file");
  char path[200];
  snprintf(path, sizeof path, "%s/a.nwb", folder);
  ok(truncate(path, 3000) == 0, "cut off");
  refused(read_one(NSL_SWEEPS_NWB, tiv + 1, 2, "a.nwb", "7", 0.5, &trace), "is it cut off?");
}

int main(void) {
  if (!mkdtemp(folder)) return 1;
  program.folder = folder;
  sim.program = &program;
  test_csv();
  test_weights();
  test_csv_bad();
  test_events();
  test_h5();
  test_nwb();
  rt_close(&sim);
  char command[100];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command) ? 1 : done();
}
