// A service in C that fails as C services do: `crash segv` reads through a bad pointer, `crash abort` fails an assertion,
// `crash double-free` is stopped by the C library.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frame { char *pixels; int width; };

static struct frame *load(const char *name) { return strcmp(name, "-") ? malloc(sizeof(struct frame)) : NULL; }

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  const char *mode = argc > 1 ? argv[1] : "segv";
  printf("renderer 2.1 starting\n");
  if (!strcmp(mode, "segv")) {
    struct frame *f = load("-");
    printf("decoding frame 1\n");
    return f->width;
  }
  if (!strcmp(mode, "abort")) {
    struct frame *f = load("frame");
    f->width = 0;
    assert(f->width > 0);
  }
  if (!strcmp(mode, "double-free")) {
    char *volatile p = malloc(64);
    free(p);
    free(p);
  }
  return 0;
}
