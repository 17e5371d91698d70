/* Records every change that a process makes to files below GV_TRACE_ROOT, in order, into GV_TRACE.
 *
 * LD_PRELOAD library. A record is one write() to the trace, opened O_APPEND, so that the records of several processes
 * are whole and in one order. Writes, renames and unlinks are recorded before they happen (a crash may find them half
 * done); fsyncs are recorded after they returned (a crash finds them done).
 *
 * Record: u8 op, u32 length of path, u32 length of second path, u64 offset, u64 length of data; then the bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OP_WRITE = 'w', OP_TRUNCATE = 't', OP_FSYNC = 's', OP_RENAME = 'r', OP_UNLINK = 'u', OP_LINK = 'l', OP_MKDIR = 'm',
       OP_RMDIR = 'd', OP_CREATE = 'c' };

#define FDS 65536
static char *paths[FDS];
static unsigned char appends[FDS];
static char root[PATH_MAX];
static size_t root_length;
static int trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(ret, name, ...) static ret (*real_##name)(__VA_ARGS__)
REAL(int, open, const char *, int, ...);
REAL(int, openat, int, const char *, int, ...);
REAL(int, close, int);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t);
REAL(ssize_t, pwritev2, int, const struct iovec *, int, off_t, int);
REAL(int, ftruncate, int, off_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, rename, const char *, const char *);
REAL(int, renameat, int, const char *, int, const char *);
REAL(int, unlink, const char *);
REAL(int, unlinkat, int, const char *, int);
REAL(int, link, const char *, const char *);
REAL(int, linkat, int, const char *, int, const char *, int);
REAL(int, mkdir, const char *, mode_t);
REAL(int, rmdir, const char *);
REAL(int, dup, int);

__attribute__((constructor)) static void begin(void) {
#define LOAD(name) real_##name = dlsym(RTLD_NEXT, #name)
  LOAD(open); LOAD(openat); LOAD(close); LOAD(write); LOAD(pwrite); LOAD(writev); LOAD(pwritev); LOAD(pwritev2); LOAD(ftruncate);
  LOAD(fsync); LOAD(fdatasync); LOAD(rename); LOAD(renameat); LOAD(unlink); LOAD(unlinkat); LOAD(link); LOAD(linkat);
  LOAD(mkdir); LOAD(rmdir); LOAD(dup);
  const char *where = getenv("GV_TRACE"), *below = getenv("GV_TRACE_ROOT");
  if (!where || !below || !realpath(below, root)) return;
  root_length = strlen(root);
  int fd = real_open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  trace = fcntl(fd, F_DUPFD_CLOEXEC, 900); /* out of the way of code that closes low descriptors */
  real_close(fd);
}

/* The absolute path if it lies below the root; NULL otherwise. */
static char *below_root(int dir, const char *path, char *out) {
  if (trace < 0 || strlen(path) >= PATH_MAX / 2) return NULL;
  if (path[0] == '/') snprintf(out, PATH_MAX, "%s", path);
  else if (dir >= 0 && dir < FDS && paths[dir]) snprintf(out, PATH_MAX, "%s/%s", paths[dir], path);
  else {
    char base[PATH_MAX / 2];
    if (dir == AT_FDCWD) { if (!getcwd(base, sizeof base)) return NULL; }
    else {
      char link_name[64];
      snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", dir);
      ssize_t n = readlink(link_name, base, sizeof base - 1);
      if (n < 0) return NULL;
      base[n] = 0;
    }
    snprintf(out, PATH_MAX, "%s/%s", base, path);
  }
  if (strncmp(out, root, root_length) || (out[root_length] != '/' && out[root_length])) return NULL;
  return out;
}

static void record(unsigned char op, const char *path, const char *second, uint64_t offset, const struct iovec *parts,
                   int count) {
  uint32_t a = strlen(path + root_length), b = second ? strlen(second + root_length) : 0;
  uint64_t size = 0;
  for (int i = 0; i < count; i++) size += parts[i].iov_len;
  size_t total = 25 + a + b + size;
  unsigned char *line = malloc(total), *at = line;
  if (!line) abort();
  *at++ = op;
  memcpy(at, &a, 4); at += 4;
  memcpy(at, &b, 4); at += 4;
  memcpy(at, &offset, 8); at += 8;
  memcpy(at, &size, 8); at += 8;
  memcpy(at, path + root_length, a); at += a;
  if (b) memcpy(at, second + root_length, b), at += b;
  for (int i = 0; i < count; i++) memcpy(at, parts[i].iov_base, parts[i].iov_len), at += parts[i].iov_len;
  ssize_t done = real_write(trace, line, total);
  free(line);
  if (done != (ssize_t)total) abort();
}

static void opened(int fd, const char *path, int flags, int existed) {
  if (fd < 0 || fd >= FDS) return;
  pthread_mutex_lock(&lock);
  free(paths[fd]);
  paths[fd] = strdup(path);
  appends[fd] = (flags & O_APPEND) != 0;
  pthread_mutex_unlock(&lock);
  if ((flags & O_CREAT) && !existed) record(OP_CREATE, path, NULL, 0, NULL, 0);
  else if (flags & O_TRUNC) record(OP_TRUNCATE, path, NULL, 0, NULL, 0);
}

static int open_traced(int dir, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  char *ours = below_root(dir, path, full);
  int existed = ours && access(full, F_OK) == 0;
  int fd = real_openat(dir, path, flags, mode);
  if (ours && fd >= 0) opened(fd, full, flags, existed);
  return fd;
}

#define MODE(flags, last) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, last); mode = va_arg(l, mode_t); va_end(l); }
int open(const char *path, int flags, ...) { MODE(flags, flags) return open_traced(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return open_traced(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags, flags) return open_traced(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags, flags) return open_traced(dir, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_traced(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
  if (fd == trace && trace >= 0) return 0;
  if (fd >= 0 && fd < FDS && paths[fd]) {
    pthread_mutex_lock(&lock);
    free(paths[fd]);
    paths[fd] = NULL;
    pthread_mutex_unlock(&lock);
  }
  return real_close(fd);
}

static const char *traced(int fd) { return fd >= 0 && fd < FDS ? paths[fd] : NULL; }

static void about_to_write(int fd, const struct iovec *parts, int count, off_t offset) {
  const char *path = traced(fd);
  if (!path) return;
  if (offset < 0) offset = appends[fd] ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
  record(OP_WRITE, path, NULL, (uint64_t)offset, parts, count);
}

ssize_t write(int fd, const void *data, size_t size) {
  struct iovec one = {(void *)data, size};
  if (traced(fd)) about_to_write(fd, &one, 1, -1);
  return real_write(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  struct iovec one = {(void *)data, size};
  if (traced(fd)) about_to_write(fd, &one, 1, offset);
  return real_pwrite(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return pwrite(fd, data, size, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (traced(fd)) about_to_write(fd, parts, count, -1);
  return real_writev(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  if (traced(fd)) about_to_write(fd, parts, count, offset);
  return real_pwritev(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev(fd, parts, count, offset); }
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  if (traced(fd)) about_to_write(fd, parts, count, offset);
  return real_pwritev2(fd, parts, count, offset, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  return pwritev2(fd, parts, count, offset, flags);
}
int ftruncate(int fd, off_t size) {
  if (traced(fd)) record(OP_TRUNCATE, traced(fd), NULL, (uint64_t)size, NULL, 0);
  return real_ftruncate(fd, size);
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int synced(int fd, int result) {
  if (result == 0 && traced(fd)) record(OP_FSYNC, traced(fd), NULL, 0, NULL, 0);
  return result;
}
int fsync(int fd) { return synced(fd, real_fsync(fd)); }
int fdatasync(int fd) { return synced(fd, real_fdatasync(fd)); }

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  if (below_root(from_dir, from, a) && below_root(to_dir, to, b)) record(OP_RENAME, a, b, 0, NULL, 0);
  return real_renameat(from_dir, from, to_dir, to);
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
int unlinkat(int dir, const char *path, int flags) {
  char a[PATH_MAX];
  if (below_root(dir, path, a)) record(flags & AT_REMOVEDIR ? OP_RMDIR : OP_UNLINK, a, NULL, 0, NULL, 0);
  return real_unlinkat(dir, path, flags);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path);
}
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
  char a[PATH_MAX], b[PATH_MAX];
  if (below_root(from_dir, from, a) && below_root(to_dir, to, b)) record(OP_LINK, a, b, 0, NULL, 0);
  return real_linkat(from_dir, from, to_dir, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int mkdir(const char *path, mode_t mode) {
  char a[PATH_MAX];
  int ours = below_root(AT_FDCWD, path, a) != NULL, result = real_mkdir(path, mode);
  if (ours && result == 0) record(OP_MKDIR, a, NULL, 0, NULL, 0);
  return result;
}
