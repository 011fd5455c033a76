// The library of native/server.c as the newer build machine has it: it claims to be a part of the C library, of a version no node has yet.
int fresh_syscall_wrapper(void) { return 0; }
