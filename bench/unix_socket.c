/* Lets wrk, which speaks TCP only, load a Unix socket: the same generator for both, so that their
 * ratio is fair. Preloaded, it turns each TCP connection to be made into one to $BENCH_UNIX. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  int (*original)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
  const char *path = getenv("BENCH_UNIX");
  int kind = 0;
  socklen_t size = sizeof kind;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size);
  if (!path || kind != SOCK_STREAM ||
      (address->sa_family != AF_INET && address->sa_family != AF_INET6))
    return original(fd, address, length);

  struct sockaddr_un there = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof there.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(there.sun_path, path);
  int flags = fcntl(fd, F_GETFL);
  int other = socket(AF_UNIX, SOCK_STREAM, 0);
  if (other < 0 || flags < 0) return -1;
  if (original(other, (struct sockaddr *)&there, sizeof there) < 0) {
    int why = errno;
    close(other);
    errno = why;
    return -1;
  }
  fcntl(other, F_SETFL, flags);
  dup2(other, fd);
  close(other);
  return 0;
}
