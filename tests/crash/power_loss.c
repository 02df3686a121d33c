/* Mirrors each file below POWER_LOSS_DISK into POWER_LOSS_MIRROR as of its last fsync, fdatasync.
   A rename or removal follows in the mirror only for what is there, so unsynced files never exist
   in it. Preloaded into the writer by test_power_loss.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int mirrored(const char *path, char *out) {
  const char *disk = getenv("POWER_LOSS_DISK"), *mirror = getenv("POWER_LOSS_MIRROR");
  char whole[PATH_MAX];
  if (!disk || !mirror) return 0;
  if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else {
    if (!getcwd(whole, sizeof whole)) return 0;
    size_t n = strlen(whole);
    snprintf(whole + n, sizeof whole - n, "/%s", path);
  }
  size_t n = strlen(disk);
  if (strncmp(whole, disk, n) || whole[n] != '/') return 0;
  snprintf(out, PATH_MAX, "%s%s", mirror, whole + n);
  return 1;
}

static void make_parents(char *path) {
  for (char *at = path + 1; *at; at++)
    if (*at == '/') {
      *at = 0;
      mkdir(path, 0755);
      *at = '/';
    }
}

static void keep(int fd) {
  char link[64], path[PATH_MAX], out[PATH_MAX], part[PATH_MAX + 8], buffer[1 << 16];
  struct stat is;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return;
  path[n] = 0;
  if (fstat(fd, &is) || !S_ISREG(is.st_mode) || !mirrored(path, out)) return;
  pthread_mutex_lock(&lock);
  make_parents(out);
  snprintf(part, sizeof part, "%s.part", out);
  int from = open(path, O_RDONLY), to = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int whole = from >= 0 && to >= 0;
  while (whole && (n = read(from, buffer, sizeof buffer)) > 0)
    if (write(to, buffer, n) != n) whole = 0;
  if (from >= 0) close(from);
  if (to >= 0) close(to);
  int (*move)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
  if (whole) move(part, out);
  pthread_mutex_unlock(&lock);
}

int fsync(int fd) {
  int (*inner)(int) = dlsym(RTLD_NEXT, "fsync");
  int result = inner(fd);
  if (!result) keep(fd);
  return result;
}

int fdatasync(int fd) {
  int (*inner)(int) = dlsym(RTLD_NEXT, "fdatasync");
  int result = inner(fd);
  if (!result) keep(fd);
  return result;
}

int rename(const char *from, const char *to) {
  int (*inner)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
  int result = inner(from, to);
  char a[PATH_MAX], b[PATH_MAX];
  if (!result && mirrored(from, a) && mirrored(to, b)) {
    int saved = errno;
    if (inner(a, b)) {
      int (*gone)(const char *) = dlsym(RTLD_NEXT, "unlink");
      gone(b);
    }
    errno = saved;
  }
  return result;
}

int unlink(const char *path) {
  int (*inner)(const char *) = dlsym(RTLD_NEXT, "unlink");
  int result = inner(path);
  char out[PATH_MAX];
  int saved = errno;
  if (!result && mirrored(path, out)) inner(out);
  errno = saved;
  return result;
}
