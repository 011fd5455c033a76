// A service that calls one function of a library; how it is linked decides how it fails (see ../build).
#include <stdio.h>
#ifdef NEWER_LIBC
int fresh_syscall_wrapper(void);
#define call fresh_syscall_wrapper
#elif defined(IMAGING)
int imaging_open(void);
#define call imaging_open
#else
static int call(void) { return 0; }
#endif
int main(void) {
  printf("server up: %d\n", call());
  return 0;
}
