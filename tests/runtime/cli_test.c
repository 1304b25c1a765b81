/* The command line of a program, in child processes: options, exit status, what is on which stream, the files
 * of the output folder read back, and what is left when something fails. */
#include <fcntl.h>
#include <hdf5.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/model.h"

static char folder[64] = "/tmp/nsl-cli-XXXXXX";
static char said[1 << 16], complained[1 << 16]; /* what the last child wrote */

/* ---- a program with everything in it */
static const struct nsl_program *program(double duration) {
  struct model *m = model_new(0.1, duration, 42);
  param_add(m, "net.drift", number(m, 3), "mV/ms", 1, "-12 12 0 0 0 0", 0, 100);
  param_add(m, "net.tau", number(m, 20), "ms", 1, "12 0 0 0 0 0", 0, INFINITY)->open_lo = 1;
  struct nsl_param *mode = param_add(m, "net.background", number(m, 1), "1", 1, "0 0 0 0 0 0", -INFINITY,
                                     INFINITY);
  static const char *const labels[] = {"poisson", "dc"};
  mode->n_labels = 2;
  mode->labels = labels;
  struct nsl_param *n = param_add(m, "net.N", number(m, 1500), "1", 1, "0 0 0 0 0 0", 0, INFINITY);
  n->integer = 1;
  uint32_t e = lif_add(m, "E", 0, 3), i = lif_add(m, "I[x,y]", 100, 4);
  m->pops[e].size = n->slot;
  m->pops[e].block = m->n_g; /* the block of E is the last thing in G: drift and tau are the params */
  double u[LIF_U] = {[LIF_TAU] = 20, [LIF_TH] = 15, [LIF_REF] = 2, [LIF_HI] = 14, [LIF_DRIFT] = 3};
  for (int k = 0; k < LIF_U; k++) number(m, u[k]);
  m->params[0].slot = m->pops[e].block + LIF_DRIFT;
  m->params[1].slot = m->pops[e].block + LIF_TAU;
  connect(m, e, i, NSL_PROBABILITY, 0.1, 0.05, 1);
  connect(m, i, e, NSL_INDEGREE, 10, -0.1, 1);
  record_spikes(m, e);
  record_spikes(m, i);
  record_V(m, "V", NSL_RECORD_VALUE, e, 70, 73, 0.5);
  record_V(m, "lfp", NSL_RECORD_MEAN, e, 0, 1499, 1);
  expect(m, NSL_MEASURE_RATE, e, 0.05, 0.5, "rate(E) in [50 Hz, 500 Hz]", 1e-3);
  expect(m, NSL_MEASURE_CV, i, 0, 1, "cv_isi(I) in [0, 1]", 1);
  return model_end(m);
}

/* ---- children */

static size_t slurp(const char *path, char *text, size_t size) {
  FILE *f = fopen(path, "r");
  size_t n = f ? fread(text, 1, size - 1, f) : 0;
  text[n] = 0;
  if (f) fclose(f);
  return n;
}

struct child {
  const struct nsl_program *p;
  const char *out; /* stdout goes there instead */
  rlim_t file_size;
  unsigned interrupt_ms;
};

/* Runs nsl_main with arguments (words separated by blanks); exit status, or -signal. */
static int run(struct child c, const char *arguments) {
  char text[1000], *argv[40] = {(char *)"prog"};
  int argc = 1;
  snprintf(text, sizeof text, "%s", arguments);
  for (char *w = strtok(text, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
  pid_t pid = fork();
  if (pid == 0) {
    if (chdir(folder)) _exit(99);
    if (!freopen(c.out ? c.out : "stdout.txt", "w", stdout) || !freopen("stderr.txt", "w", stderr)) _exit(99);
    if (c.file_size) setrlimit(RLIMIT_FSIZE, &(struct rlimit){c.file_size, c.file_size});
    exit(nsl_main(c.p, argc, argv));
  }
  if (c.interrupt_ms) {
    usleep(c.interrupt_ms * 1000);
    kill(pid, SIGINT);
  }
  int status;
  waitpid(pid, &status, 0);
  char path[100];
  snprintf(path, sizeof path, "%s/stdout.txt", folder);
  slurp(path, said, sizeof said);
  snprintf(path, sizeof path, "%s/stderr.txt", folder);
  slurp(path, complained, sizeof complained);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

__attribute__((format(printf, 1, 2))) static int shell(const char *fmt, ...) {
  char text[500], command[700];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  snprintf(command, sizeof command, "cd %s && %s", folder, text);
  return system(command);
}

static bool exists(const char *name) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return access(path, F_OK) == 0;
}

static struct json_object *run_json(const char *out) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s/run.json", folder, out);
  return json_object_from_file(path);
}
static struct json_object *key(struct json_object *o, const char *name) {
  struct json_object *v = NULL;
  return o && json_object_object_get_ex(o, name, &v) ? v : NULL;
}
static double num(struct json_object *o, const char *name) { return json_object_get_double(key(o, name)); }
static const char *text_of(struct json_object *o, const char *name) {
  const char *t = json_object_get_string(key(o, name));
  return t ? t : "";
}

static void options(void) {
  const struct nsl_program *p = program(50);
  struct child c = {.p = p};
  ok(run(c, "--help") == 0 && strstr(said, "--duration") && !*complained, "--help is on standard output");
  ok(run(c, "--describe") == 0 && strstr(said, "net.tau = 20 ms  in (0 ms, inf)  ## a parameter") &&
         strstr(said, "net.background = dc  in {poisson, dc}"),
     "--describe lists paths, values, domains: %s", complained);
  static const struct {
    const char *arguments, *text;
  } cases[] = {
      {"--seeed 3", "no option --seeed; did you mean --seed?"},
      {"file.nsl", "`file.nsl` is not an option"},
      {"--seed", "--seed needs a value: N"},
      {"--seed=-1", "--seed -1: a whole number from 0 is expected"},
      {"--quiet=1", "--quiet takes no value"},
      {"--duration 5", "a time with its unit is expected"},
      {"--duration 5mV", "a time with its unit is expected"},
      {"--duration 5mx", "there is no such unit"},
      {"--threads 0", "from 1 to 4096"},
      {"--precision f32", "this program was built for f64; build it with --precision f32"},
      {"--device gpu", "holds no code for --device gpu; build it with `nslc build --target gpu "},
      {"--device=emulated", "holds no code for --device emulated"},
      {"--device tpu", "cpu, gpu or emulated is expected"},
      {"--device gpus", "gpu, or gpu:1 for the second one, is expected"},
      {"--device gpu:-1", "--device gpu: -1: a whole number from 0 is expected"},
      {"--connectivity computed", "stored or procedural is expected"},
      {"--checkpoint 0s", "it must be a time above 0"},
      {"--checkpoint model=3mV", "a time with its unit is expected"},
      {"--resume x", "No such file"},
      {"--compare=", "--compare needs the name of a folder"},
      {"--fit x", "holds no fit"},
      {"--experiment other", "no experiment `other`; this program holds: test"},
      {"--set net.tau", "NAME=VALUE is expected"},
      {"--set net.tua=3ms", "--set net.tua: no such parameter; did you mean net.tau?"},
      {"--set tau=3ms", "did you mean net.tau?"},
      {"--set net.tau=3", "a unit is missing, as in 3ms"},
      {"--set net.tau=3mV", "the unit does not fit; it must be one like ms"},
      {"--set net.tau=x", "a number is expected"},
      {"--set net.tau=0ms", "net.nsl:2:3: error: `net.tau` is 0 ms, outside of its domain (0 ms, inf)"},
      {"--set net.drift=200mV/ms", "outside of its domain [0 mV/ms, 100 mV/ms]"},
      {"--set net.background=ac", "must be one of {poisson, dc}"},
      {"--set net.N=10.5", "`net.N` is 10.5, but it must be whole"},
      {"--set net.N=1e12", "net.nsl:3:1: error: population E of 1e+12 elements needs about"},
      {"--set net.N=20000000000", "are free on this machine"},
      {"--out /proc/nothing", "cannot make the output folder /proc/nothing"},
      {"--out stdout.txt/x", "cannot make the output folder"},
      {"--out stdout.txt", "exists and is not a folder"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int status = run(c, cases[i].arguments);
    bool good = status == 1 && strstr(complained, cases[i].text) && !*said;
    ok(good, "%s: %.*s", cases[i].arguments, (int)strcspn(complained, "\n"), complained);
  }
  ok(!exists("test.out"), "no folder is left by what was refused");
}

static bool read_set(const char *file, const char *name, hid_t type, void *data, size_t room,
                     hsize_t dims[2]) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), d = f < 0 ? -1 : H5Dopen2(f, name, H5P_DEFAULT);
  if (d < 0) return false;
  hid_t space = H5Dget_space(d);
  dims[1] = 1;
  H5Sget_simple_extent_dims(space, dims, NULL);
  bool good = dims[0] * dims[1] <= room && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
  H5Sclose(space);
  H5Dclose(d);
  H5Fclose(f);
  return good;
}

static void files(void) {
  const struct nsl_program *p = program(50);
  struct child c = {.p = p};
  int status = run(c, "--csv --threads 2 --set net.tau=0.03s --out a");
  struct json_object *o = run_json("a");
  ok(status == 0 && strstr(said, "PASS  rate(E) in [50 Hz, 500 Hz]  (") && strstr(said, "I[x,y]"),
     "a run: table and expects\n# %s", complained);
  static const char *const keys[] = {"model_hash",     "source_hash", "imports",    "program",
                                     "compiler",       "cpu",         "experiment", "seed",
                                     "precision",      "integrators", "exit",       "dt_ms",
                                     "duration_ms",    "parameters",  "command",    "populations",
                                     "build_s",        "simulate_s",  "output_s",   "real_time_factor",
                                     "peak_memory_mb", "threads",     "ranks",      "device",
                                     "state_hash",     "expect"};
  bool whole = o != NULL;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (!key(o, keys[i])) whole = false, printf("# run.json has no %s\n", keys[i]);
  ok(whole && num(o, "seed") == 42 && num(o, "exit") == 0 && num(o, "duration_ms") == 50 &&
         num(o, "dt_ms") == 0.1 && strcmp(text_of(key(o, "parameters"), "net.tau"), "30 ms") == 0,
     "run.json has every key");
  struct json_object *e = json_object_array_get_idx(key(o, "populations"), 0);
  double spikes = num(e, "spikes");
  static double times[1000000];
  static uint64_t ids[1000000];
  hsize_t n[2] = {0}, k[2] = {0};
  bool read = read_set("a/spikes.h5", "spikes/E/timestamps", H5T_NATIVE_DOUBLE, times, 1000000, n) &&
              read_set("a/spikes.h5", "spikes/E/node_ids", H5T_NATIVE_UINT64, ids, 1000000, k);
  bool sorted = true;
  for (hsize_t i = 1; i < n[0]; i++)
    sorted &= times[i] > times[i - 1] || (times[i] == times[i - 1] && ids[i] > ids[i - 1]);
  ok(read && spikes > 1000 && (double)n[0] == spikes && k[0] == n[0] && sorted && times[n[0] - 1] <= 50,
     "spikes.h5: %.0f spikes, by time and id", spikes);
  static double data[200000];
  hsize_t d[2];
  double time[3];
  read = read_set("a/V.h5", "report/E/data", H5T_NATIVE_DOUBLE, data, 200000, d) &&
         read_set("a/V.h5", "report/E/mapping/node_ids", H5T_NATIVE_UINT64, ids, 4, k) &&
         read_set("a/V.h5", "report/E/mapping/time", H5T_NATIVE_DOUBLE, time, 3, n);
  ok(read && d[0] == 101 && d[1] == 4 && ids[0] == 70 && ids[3] == 73 && time[1] == 50.5 && time[2] == 0.5,
     "V.h5: %d rows of %d", (int)d[0], (int)d[1]);
  read = read_set("a/lfp.h5", "report/lfp/data", H5T_NATIVE_DOUBLE, times, 200, n);
  ok(read && n[0] == 51 && times[0] > 6 && times[0] < 8, "lfp.h5: mean at 0 is %.3f (want about 7)",
     times[0]);
  static char csv[1 << 22];
  char path[100];
  snprintf(path, sizeof path, "%s/a/V.csv", folder);
  slurp(path, csv, sizeof csv);
  char *line = strchr(csv, '\n');
  double first[5] = {0};
  int got = line ? sscanf(line + 1, "%lf,%lf,%lf,%lf,%lf", &first[0], &first[1], &first[2], &first[3],
                          &first[4])
                 : 0;
  ok(strncmp(csv, "t_ms,70,71,72,73\n", 17) == 0 && got == 5 && first[0] == 0 && first[1] == data[0] &&
         first[4] == data[3],
     "V.csv has the same numbers");
  snprintf(path, sizeof path, "%s/a/spikes.csv", folder);
  slurp(path, csv, sizeof csv);
  double lines = 0, both = spikes + num(json_object_array_get_idx(key(o, "populations"), 1), "spikes");
  for (char *s = csv; (s = strchr(s, '\n')); s++) lines++;
  ok(strncmp(csv, "t_ms,population,id\n", 19) == 0 && lines == both + 1 && strstr(csv, ",\"I[x,y]\","),
     "spikes.csv has all spikes");
  ok(shell("ls -A a | grep -q part") != 0, "no temporary files are left");
  char hash[40];
  snprintf(hash, sizeof hash, "%s", text_of(o, "state_hash"));
  json_object_put(o);
  ok(run(c, "--out a") == 1 && strstr(complained, "a already holds a run"), "a folder with a run is refused");
  ok(run(c, "--out a --force --threads 3 --set net.tau=30ms --quiet") == 0 && !*said && !*complained &&
         !exists("a/spikes.csv"),
     "--force replaces it; --quiet is quiet");
  o = run_json("a");
  ok(strcmp(hash, text_of(o, "state_hash")) == 0, "the same state_hash with 1, 2, 3 threads: %s", hash);
  json_object_put(o);
  ok(run(c, "--out b --seed 7 --duration 20.04ms") == 0 && (o = run_json("b")) && num(o, "seed") == 7 &&
         num(o, "duration_ms") == 20 && strcmp(hash, text_of(o, "state_hash")) != 0,
     "--seed and --duration are what was used");
  json_object_put(o);
  ok(run(c, "--out c --set net.drift=0mV/ms") == 1 && strstr(said, "FAIL  rate(E)") && exists("c/run.json"),
     "an expect that fails: status 1, files kept");
}

static void failures(void) {
  struct child c = {.p = program(50)};
  c.out = "/dev/full";
  ok(run(c, "--out full --quiet") == 0 && run(c, "--out full2") == 1,
     "standard output that cannot be written: status 1");
  c = (struct child){.p = program(2000), .file_size = 200000};
  int status = run(c, "--out small --duration 2s --csv");
  ok(status == 1 && strstr(complained, "cannot write") && !exists("small"), "a full disk: %d, %.*s", status,
     (int)strcspn(complained, "\n"), complained);
  c.file_size = 3000;
  status = run(c, "--out small --duration 10ms");
  ok(status == 1 && !exists("small"), "a disk full from the beginning: %d, %.*s", status,
     (int)strcspn(complained, "\n"), complained);
  c = (struct child){.p = program(1e8), .interrupt_ms = 700};
  status = run(c, "--out stopped --csv");
  struct json_object *o = run_json("stopped");
  double n = num(o, "duration_ms");
  static double time[3];
  hsize_t k[2];
  bool valid = read_set("stopped/V.h5", "report/E/mapping/time", H5T_NATIVE_DOUBLE, time, 3, k) &&
               time[1] > n && time[1] <= n + time[2];
  ok(status == 130 && num(o, "exit") == 130 && n > 0 && n < 1e8 && valid && exists("stopped/spikes.csv"),
     "Ctrl-C: status %d, valid files up to %g ms", status, n);
  json_object_put(o);
  const struct nsl_program *p = program(50);
  ((double *)setup_values)[p->experiments[0].populations[0].block + LIF_LO] =
      1e308; /* V becomes infinite at the first step */
  ((double *)setup_values)[p->experiments[0].populations[0].block + LIF_HI] = 1e308;
  ((double *)setup_values)[p->experiments[0].populations[0].block + LIF_TH] = NAN;
  ((double *)setup_values)[p->experiments[0].populations[0].block + LIF_DRIFT] = 1e308;
  ((double *)setup_values)[p->experiments[0].params[0].hi] = INFINITY;
  c = (struct child){.p = p};
  status = run(c, "--out nan");
  ok(status == 1 && strstr(complained, "lif.nsl:7:3: error: V of E[0] became infinite at t = ") &&
         exists("nan/run.json"),
     "a state that is not finite: %.*s", (int)strcspn(complained, "\n"), complained);
  p = program(50);
  ((struct nsl_experiment *)p->experiments)->seed_last = ((struct nsl_experiment *)p->experiments)->seed;
  ((double *)setup_values)[p->experiments[0].seed] = 3; /* seeds = 3..3 is one run */
  c = (struct child){.p = p};
  ok(run(c, "--out one") == 0 && exists("one/run.json"), "one seed");
}

int main(void) {
  H5dont_atexit(); /* as the runtime does */
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  if (!mkdtemp(folder)) return 1;
  options();
  files();
  failures();
  shell("rm -rf '%s'", folder);
  return done();
}
