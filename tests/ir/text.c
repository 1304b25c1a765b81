/* Printed kernels: random ones are sound, print-read-print gives the same bytes and the same kernel, and the
 * reader survives any damage to its text. */
#include <stdlib.h>
#include <string.h>

#include "lang/session.h"
#include "tests/ir/random_kernel.h"
#include "tests/math/tap.h"

enum { KERNELS = 1500, DAMAGED = 20000 };

static void test_fixpoint(void) {
  int sound = 0, fixed = 0, equal = 0;
  for (uint64_t seed = 1; seed <= KERNELS; seed++) {
    Session *s = session_new();
    const char *error = NULL;
    const IrKernel *k = random_kernel(s, s->arena, seed, random_kind(seed), 5 + (uint32_t)(seed % 120));
    sound += ir_verify_kernel(s, k, stderr) == 0;
    char *text = random_text(s, s->arena, k);
    IrModule *m = ir_read(s, s->arena, text, &error);
    if (!m) printf("# seed %d: %s\n", (int)seed, error);
    if (m && m->kernels.n == 1) {
      fixed += strcmp(text, random_text(s, s->arena, m->kernels.at[0])) == 0;
      equal += ir_kernel_equal(k, m->kernels.at[0]);
    }
    session_free(s);
  }
  tap_ok(sound == KERNELS, "random kernels pass the verifier: %d of %d", sound, KERNELS);
  tap_ok(fixed == KERNELS, "print, read, print: the same bytes: %d of %d", fixed, KERNELS);
  tap_ok(equal == KERNELS, "what is read equals what was printed: %d of %d", equal, KERNELS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* fuzz_text.c */

/* Bytes changed, dropped, repeated: an error, or a kernel that prints and reads back. */
static void test_damage(void) {
  srand(1);
  for (int i = 0; i < DAMAGED; i++) {
    Session *s = session_new();
    uint64_t seed = (uint64_t)(i / 50);
    char *text = random_text(s, s->arena, random_kernel(s, s->arena, seed, random_kind(seed), 20));
    size_t n = strlen(text);
    for (int hits = 1 + rand() % 3; hits > 0 && n > 8; hits--) {
      size_t len = 1 + (size_t)rand() % 8, at = (size_t)rand() % (n - len), from = (size_t)rand() % (n - len);
      if (rand() % 3 == 0)
        text[at] = (char)(rand() % 256);
      else if (rand() % 2)
        memmove(text + at, text + at + len, n - at - len), n -= len;
      else
        memmove(text + at, text + from, len);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)text, n);
    session_free(s);
  }
  tap_ok(1, "%d damaged texts: errors or kernels, no crash", DAMAGED);
}

static void test_errors(void) {
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"kernel", "line 1: unknown kind of kernel ''"},
      {"kernel step \"a\"\n", "line 2: the kernel has no end"},
      {"kernel step \"a\n", "line 1: a name does not end"},
      {"kernel step \"a\"\n%0 = cosh 1 : real []\nend", "line 2: unknown operation 'cosh'"},
      {"kernel step \"a\"\n%0 = const 1 : real [mV]\n%1 = exp %0 : real []\nend",
       "line 3: the argument is not a plain number: mV"},
      {"kernel step \"a\"\n%0 = const 1 : real []\n%1 = exp %1 : real []\nend",
       "line 3: %1 is not a value above this line"},
      {"kernel step \"a\"\n%0 = const 1 : real []\n%1 = exp %0 : bool []\nend",
       "line 3: the type should be real"},
      {"kernel step \"a\"\n%0 = const 1 : real []\n%1 = sin %0 : real [mV]\nend",
       "line 3: the dimension is not what the operation gives"},
      {"kernel step \"a\"\n%7 = const 1 : real []\nend", "line 2: this is instruction %0"},
      {"kernel step \"a\"\n%0 = const 1 : real [mV mV]\nend", "line 2: mV twice"},
      {"kernel step \"a\"\n%0 = const 1 : real [mV^1/5]\nend", "line 2: not an exponent"},
      {"kernel step \"a\"\n%0 = load 0 \"x\" : real []\nend", "line 2: no slot 0"},
      {"kernel step \"a\"\nslot 0 state 0 \"V\" real [mV]\n%0 = load 0 \"W\" : real [mV]\nend",
       "line 3: slot 0 has another name"},
      {"kernel step \"a\"\n%0 = const one : real []\nend", "line 2: not a number: 'one'"},
      {"kernel step \"a\"\nend end", "line 2: more on the line than expected"},
      {"kernel step \"a\"\n%0 = noise 99999999999 : real []\nend", "line 2: expected a number"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Session *s = session_new();
    const char *error = "nothing";
    IrModule *m = ir_read(s, s->arena, cases[i].text, &error);
    tap_ok(!m && strcmp(error, cases[i].error) == 0, "reader: %s", error);
    session_free(s);
  }
}

int main(void) {
  test_fixpoint();
  test_damage();
  test_errors();
  return tap_done();
}
