/* The process that holds a pod's namespaces: waits for signals and buries orphans. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void done(int signal) { (void)signal; _exit(0); }
static void bury(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0) {} }

int main(void) {
  struct sigaction end = {.sa_handler = done}, child = {.sa_handler = bury, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGINT, &end, 0);
  sigaction(SIGTERM, &end, 0);
  sigaction(SIGCHLD, &child, 0);
  for (;;) pause();
}
